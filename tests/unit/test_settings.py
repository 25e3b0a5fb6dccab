"""Settings: six layers, each value with its origin, every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from nornflow.errors import ConfigurationError
from nornflow.model.diagnostic import Severity
from nornflow.model.pool import DEFAULT_POOLS
from nornflow.settings import InventoryPlugin, Settings, advise, load_settings

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write files below a folder of this test and load the settings in force in its folder `project`."""

    def _load(files: dict[str, str] | None = None, at: str = "project", **arguments: Any) -> Settings:
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / at).mkdir(parents=True, exist_ok=True)
        environ = {"HOME": str(tmp_path / "home"), **arguments.pop("environ", {})}
        return load_settings(tmp_path / at, environ=environ, system=tmp_path / "etc", **arguments)

    return _load


def refused(load: Load, text: str = "", **arguments: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load({"project/nornflow.yaml": text} if text else {}, **arguments)
    assert raised.value.hint
    return str(raised.value)


def test_without_any_file_the_defaults_hold(load: Load, tmp_path: Path) -> None:
    settings = load()
    assert (settings.profile, settings.workers, settings.default_timeout) == ("standard", 50, 3600)
    assert settings.inventory == tmp_path / "project" / "inventory"
    assert settings.workspace == tmp_path / "project" / ".nornflow"
    assert settings.plugins.disabled == ()
    assert str(settings.origin("profile")) == "default"
    assert settings.project == tmp_path / "project"


def test_each_layer_wins_over_the_one_below_and_the_origin_is_told(load: Load, tmp_path: Path) -> None:
    files = {
        "etc/config.yaml": "workers: 1\nprofile: restricted\nmax_log_length: 111\n",
        "home/.config/nornflow/config.yaml": "workers: 2\nprofile: elevated\nmax_log_length: 222\ndefault_timeout: 301\n",
        "project/nornflow.yaml": "workers: 3\nmax_log_length: 333\nallowed_domains: [a.example]\n",
        "extra.json": '{\n  "workers": 4, "max_log_length": 444}',
    }
    settings = load(
        files,
        config_file=tmp_path / "extra.json",
        environ={"NORNFLOW_WORKERS": "5"},
        overrides={"profile": "plan_only", "workers": None},
    )
    assert {
        key: (getattr(settings, key), str(settings.origin(key))) for key in ("workers", "profile", "max_log_length")
    } == {
        "workers": (5, "environment NORNFLOW_WORKERS"),
        "profile": ("plan_only", "command line profile"),
        "max_log_length": (444, f"file {tmp_path}/extra.json:2:17"),
    }
    assert settings.default_timeout == 301
    assert settings.origin("default_timeout").layer == "user"
    assert str(settings.origin("allowed_domains")) == f"project {tmp_path}/project/nornflow.yaml:3:1"


def test_the_project_file_is_found_upwards_and_relative_paths_belong_to_the_file_that_names_them(
    load: Load, tmp_path: Path
) -> None:
    files = {
        "project/nornflow.yaml": "inventory: ./net\nplugins:\n  local: [plugins/banner.py, acme.steps]\n",
        "etc/config.yaml": "tasks: shared-tasks\n",
    }
    settings = load(files, at="project/deep/er", environ={"NORNFLOW_WORKSPACE": "here"})
    assert settings.project == tmp_path / "project"
    assert settings.inventory == tmp_path / "project" / "net"
    assert settings.tasks == tmp_path / "etc" / "shared-tasks"
    assert settings.workspace == tmp_path / "project" / "deep" / "er" / "here"
    assert settings.plugins.local == (str(tmp_path / "project" / "plugins" / "banner.py"), "acme.steps")


def test_nested_keys_merge_by_entry_and_lists_replace(load: Load) -> None:
    files = {
        "etc/config.yaml": "plugins: {disabled: [a], required: [builtins]}\nprofiles: {site: {extends: standard}}\n",
        "project/nornflow.yaml": "plugins:\n  disabled: [b]\nprofiles:\n  lab: {extends: elevated}\n",
    }
    settings = load(files)
    assert (settings.plugins.disabled, settings.plugins.required) == (("b",), ("builtins",))
    assert settings.profiles == {"site": {"extends": "standard"}, "lab": {"extends": "elevated"}}
    assert settings.origin("plugins.required").layer == "system"
    assert settings.origin("plugins.disabled").place.endswith("nornflow.yaml:2:3")
    assert settings.origin("profiles.lab.extends").place.endswith("nornflow.yaml:4:9")


def numbers(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of a model that are whole numbers."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from ((name, *more) for more in numbers(field.annotation))
        elif field.annotation is int:
            yield (name,)


def test_every_number_can_be_set_by_its_variable(load: Load) -> None:
    wanted = {key: 80 if key == ("max_log_length",) else 20 for key in numbers(Settings)}
    settings = load(environ={f"NORNFLOW_{'__'.join(key).upper()}": f" {value} " for key, value in wanted.items()})
    assert ("runner", "processes") in wanted
    assert {key: reduce(getattr, key, settings) for key in wanted} == wanted


@pytest.mark.parametrize("text", ['["a", "b"]', "a,b", " a , b ,"])
def test_lists_in_variables_are_json_or_commas(load: Load, text: str) -> None:
    assert load(environ={"NORNFLOW_PLUGINS__DISABLED": text}).plugins.disabled == ("a", "b")


def test_mappings_in_variables_are_json(load: Load) -> None:
    settings = load(
        environ={
            "NORNFLOW_PROFILES": '{"lab": {"extends": "elevated"}}',
            "NORNFLOW_INVENTORY": '{"plugin": "NetBoxInventory2", "options": {"nb_url": "https://netbox.example"}}',
            "NORNFLOW_CREDENTIALS__USERNAME": "ops",
        }
    )
    assert settings.profiles["lab"] == {"extends": "elevated"}
    assert settings.inventory == InventoryPlugin(
        plugin="NetBoxInventory2", options={"nb_url": "https://netbox.example"}
    )
    assert settings.credentials.username == "ops"


def test_the_password_variable_and_strangers_with_the_prefix_are_no_settings(load: Load) -> None:
    environ = {"NORNFLOW_PASSWORD": "s3cret-value", "NORNFLOW_RUN_ID": "7", "NORNFLOW_NETBOX_TOKEN": "x"}
    assert load(environ=environ) == load()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("development", ("elevated", 1800, 10)),
        ("staging", ("standard", 3600, 25)),
        ("production", ("standard", 7200, 100)),
    ],
)
def test_an_environment_presets_what_nobody_set(load: Load, environment: str, expected: tuple[str, int, int]) -> None:
    preset = load({"project/nornflow.yaml": f"environment: {environment}\n"})
    assert (preset.profile, preset.default_timeout, preset.workers) == expected
    assert str(preset.origin("workers")).startswith(f"preset {environment} (project ")
    set_below = load({"etc/config.yaml": "workers: 7\n", "project/nornflow.yaml": f"environment: {environment}\n"})
    assert (set_below.workers, set_below.origin("workers").layer) == (7, "system")


def test_other_spellings_are_understood(load: Load) -> None:
    text = "security_profile: restricted\ncustom_security_profiles:\n  lab: {}\nworkspace_root: w\n"
    settings = load({"project/nornflow.yaml": text})
    assert (settings.profile, settings.profiles, settings.workspace.name) == ("restricted", {"lab": {}}, "w")
    assert settings.origin("profiles.lab").place.endswith("nornflow.yaml:3:3")


def test_the_config_file_variable_names_a_file_and_the_option_wins(load: Load, tmp_path: Path) -> None:
    files = {"one.yaml": "workers: 11\n", "two.yaml": "workers: 12\n"}
    environ = {"NORNFLOW_CONFIG_FILE": str(tmp_path / "one.yaml")}
    assert load(files, environ=environ).workers == 11
    assert load(environ=environ, config_file=tmp_path / "two.yaml").workers == 12
    assert "missing.yaml: cannot be read: No such file" in refused(load, config_file=tmp_path / "missing.yaml")


def test_every_problem_is_told_at_once_with_its_place_and_the_way_out(load: Load) -> None:
    text = "profle: standard\nworkers: many\nplugins:\n  requird: [x]\n  disabled: netmiko\ncredentials:\n  password: hunter2\n"
    told = refused(load, text, environ={"NORNFLOW_DEFAULT_TIMEOUT": "soon", "NORNFLOW_WORKER": "3"})
    for expected in (
        "the settings have 7 problems:",
        "nornflow.yaml:1:1: unknown key profle (did you mean profile?)",
        "nornflow.yaml:2:1: workers: found 'many', expected a valid integer",
        "nornflow.yaml:4:3: unknown key plugins.requird (did you mean required?)",
        "nornflow.yaml:5:3: plugins.disabled: found 'netmiko', expected a valid tuple",
        "nornflow.yaml:7:3: unknown key credentials.password (a password never stands in a file",
        "NORNFLOW_DEFAULT_TIMEOUT: default_timeout: found 'soon', expected a valid integer",
        "NORNFLOW_WORKER: is not a setting (did you mean NORNFLOW_WORKERS?)",
    ):
        assert expected in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("workers: 0", "workers: found 0, expected greater than or equal to 1"),
        ("workers: true", "workers: found True, expected a valid integer"),
        ("workers: 1.5", "workers: found 1.5, expected a valid integer"),
        ("profile: 7", "profile: found 7, expected a valid string"),
        ("profile: ''", "profile: found ''"),
        ("environment: prod", "environment: found 'prod', expected 'development', 'staging' or 'production'"),
        ("inventory: 7", "inventory: found 7"),
        ("inventory: {options: {}}", "inventory.plugin: Field required"),
        ("inventory: {plugin: X, optons: {}}", "inventory.optons: an unknown key is not permitted"),
        ("plugins: [a]", "nornflow.yaml:1:1: plugins: found ['a']"),
        (
            "profiles: {lab: elevated}",
            "nornflow.yaml:1:12: profiles.lab: found 'elevated', expected a valid dictionary",
        ),
        ("workers: 1\nworkers: 2", "nornflow.yaml:2:1: the key workers stands here a second time"),
        ("profile: a\nsecurity_profile: b", "security_profile is another spelling of profile, which is set too"),
        ("- profile", "nornflow.yaml:1:1: expected keys and values, found a list"),
        ("just words", "nornflow.yaml:1:1: expected keys and values, found one value"),
        ("plugins:\n\tlocal: []", "nornflow.yaml:2:1: is not YAML"),
        ("a: [1", "is not YAML"),
        ("profile: !!python/name:os.system", "is not YAML: could not determine a constructor"),
        ("profile: a\n---\nprofile: b", "is not YAML"),
        ("workers: 2001-99-99", "holds a value that is none"),
        ("profiles: " + "[" * 3000, "is nested too deeply"),
        ("profiles: &a\n  x: *a", "is nested too deeply"),
    ],
)
def test_bad_values_and_broken_files_are_refused_with_their_place(load: Load, text: str, told: str) -> None:
    assert told in refused(load, text)


def test_an_alias_bomb_is_refused_before_it_is_expanded(load: Load) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert "holds more than 50000 values" in refused(load, "\n".join(rows))


def test_two_project_files_in_one_folder_are_refused(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"nornflow\.json: stands beside nornflow\.yaml \(keep one of them\)"):
        load({"project/nornflow.yaml": "workers: 3\n", "project/nornflow.json": "{}"})


def test_nothing_is_kept_between_two_calls(load: Load) -> None:
    assert load({"project/nornflow.yaml": "workers: 3\n"}).workers == 3
    assert load({"project/nornflow.yaml": "workers: 4\n"}).workers == 4


def test_advice_tells_what_is_allowed_but_seldom_meant(load: Load) -> None:
    text = (
        "environment: production\nprofile: elevated\ndefault_timeout: 60\nworkspace: no/such/folder\n"
        "plugins: {disabled: [x], required: [x]}\n"
    )
    found = {advice.key: advice.severity for advice in advise(load({"project/nornflow.yaml": text}))}
    assert found == {
        "default_timeout": Severity.WARNING,
        "profile": Severity.WARNING,
        "workspace": Severity.WARNING,
        "inventory": Severity.INFO,
        "plugins": Severity.ERROR,
    }


LIMITED = "profile_limit: board\nprofiles:\n  board: {extends: standard, approvals: 2}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profile_limit: elevated\n", "profile_limit is set already"),
        ("profile_limit: ''\n", "profile_limit is set already"),
        ("profiles: {board: {extends: elevated}}\n", "profiles.board is described already"),
        ("custom_security_profiles: {board: {extends: elevated}}\n", "profiles.board is described already"),
    ],
)
def test_a_limit_of_the_machine_is_not_lifted_further_down(load: Load, tmp_path: Path, text: str, told: str) -> None:
    for name in ("project/nornflow.yaml", "home/.config/nornflow/config.yaml", "other.yaml"):
        files = {"etc/config.yaml": LIMITED, name: text}
        chosen = {"config_file": tmp_path / "other.yaml"} if name == "other.yaml" else {}
        with pytest.raises(ConfigurationError) as raised:
            load(files, **chosen)
        assert told in str(raised.value)
        assert "config.yaml:1" in str(raised.value)
        (tmp_path / name).unlink()


def test_a_limit_leaves_other_profiles_alone_and_no_variable_lifts_it(load: Load) -> None:
    files = {"etc/config.yaml": LIMITED, "project/nornflow.yaml": "profile: mine\nprofiles: {mine: {extends: board}}\n"}
    settings = load(files)
    assert (settings.profile_limit, sorted(settings.profiles)) == ("board", ["board", "mine"])
    with pytest.raises(ConfigurationError, match="profile_limit is set already"):
        load(files, environ={"NORNFLOW_PROFILE_LIMIT": "elevated"})
    with pytest.raises(ConfigurationError, match="described already"):
        load(files, environ={"NORNFLOW_PROFILES__BOARD": '{"extends": "elevated"}'})


def test_pools_are_told_with_their_units(load: Load) -> None:
    pools = load(
        {"project/nornflow.yaml": "pools: {memory: 64Gi, storage: 10G, bandwidth: 10Gbps, cpu: 4000m}\n"}
    ).pools
    assert pools == {"memory": 65536, "storage": 10**10 / 2**30, "bandwidth": 10_000, "cpu": 4}
    assert load(
        {"project/nornflow.yaml": ""}, environ={"NORNFLOW_POOLS__MEMORY": "2Gi", "NORNFLOW_POOLS__CPU": "2.5"}
    ).pools == {
        **DEFAULT_POOLS,
        "memory": 2048,
        "cpu": 2.5,
    }


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        (
            "memory: 5 gb",
            "nornflow.yaml:2:3: pools.memory: found '5 gb', expected a number of MiB, or one with its unit",
        ),
        ("memory: 5 gb", "(did you mean 5G?)"),
        (
            "bandwidth: 5MBps",
            "found '5MBps', expected a number of Mbit/s, or one with its unit (bps, kbps, Mbps, Gbps, Tbps)",
        ),
        ("licences: 3Gi", "nornflow.yaml:2:3: pools.licences: found '3Gi', expected a number without a unit"),
        ("storage: 0.0001k", "(it is finer than what is counted)"),
        ("storage: -1", "nornflow.yaml:2:3: pools.storage: found -1, expected greater than or equal to 0"),
    ],
)
def test_a_pool_with_another_unit_is_refused_with_its_place_and_those_that_are_known(
    load: Load, pool: str, told: str
) -> None:
    assert told in refused(load, f"pools:\n  {pool}\n")


@pytest.mark.parametrize("name", ["", "a b", "CPU", "licences\\e[2J"])
def test_a_pool_has_a_name_that_a_workflow_can_ask_for(load: Load, name: str) -> None:
    assert "pools" in refused(load, f'pools: {{"{name}": 1}}\n')
    assert load({"project/nornflow.yaml": "pools: {licences-2: 1}\n"}).pools["licences-2"] == 1
