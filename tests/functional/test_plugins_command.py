"""`nornflow plugins`, `nornflow config` and `nornflow init` as their users see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nornflow.cli import config, init, plugins
from nornflow.errors import ConfigurationError, PluginError, UsageError
from nornflow.settings import Settings, load_settings

LOCAL = '''
"""Banners of our own."""
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from nornflow import StepResult, StepType, TemplateFilter, hookimpl, run_step

class Place(StrEnum):
    LOGIN = "login"
    MOTD = "motd"

@run_step("local.banner", permissions={"file.read"})
def banner(context, text: str, place: Place = Place.LOGIN, tags: list[str] = [], width: int | None = None,
           vars: dict[str, str] = {}, mode: Annotated[Literal["merge", "replace"], Field(description="how")] = "merge"):
    """Write a banner.

    With more words.
    """

class Silent(StepType):
    """Does nothing."""
    name = "local.silent"
    class Params(BaseModel):
        pass
    def apply(self, context, params):
        return StepResult()

@hookimpl
def nornflow_step_types():
    return [banner, Silent()]

@hookimpl
def nornflow_template_filters():
    yield TemplateFilter("shout", str.upper, "capitals")
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one local plugin that works and one that does not; nothing of this machine's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    (tmp_path / "banner.py").write_text(LOCAL)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no licence')\n")
    (tmp_path / "nornflow.yaml").write_text("plugins:\n  local: [banner.py, broken.py]\n  required: [broken]\n")
    return tmp_path


def run(command: object, *words: str, debug: bool = False) -> Result:
    return CliRunner().invoke(command, list(words), obj={"debug": debug})  # type: ignore[arg-type]


def test_list_shows_every_plugin_whatever_its_state(project: Path) -> None:
    listed = run(plugins.command, "list")
    assert listed.exit_code == 0
    assert f"loaded    file {project}/banner.py: 2 step types, 1 filters" in listed.stdout
    assert f"broken    file {project}/broken.py\n  its import failed: RuntimeError: no licence" in listed.stdout
    assert "Traceback" not in listed.stdout
    assert "Traceback" in run(plugins.command, "list", debug=True).stdout
    found = {each["name"]: each for each in json.loads(run(plugins.command, "list", "--format", "json").stdout)}
    assert found["banner"]["brings"] == {"step_types": ["local.banner", "local.silent"], "filters": ["shout"]}
    assert found["broken"]["problems"] == ["its import failed: RuntimeError: no licence"]


def test_list_notes_a_mistyped_disabled_plugin_beside_the_answer(project: Path) -> None:
    (project / "nornflow.yaml").write_text("plugins: {local: [banner.py], disabled: [baner]}\n")
    listed = run(plugins.command, "list", "--format", "json")
    assert "note: plugins.disabled names baner, which is not installed (did you mean banner?)" in listed.stderr
    assert json.loads(listed.stdout)


def test_show_tells_parameters_from_the_model_permissions_and_documentation(project: Path) -> None:
    shown = run(plugins.command, "show", "banner")
    assert shown.exit_code == 0
    for expected in (
        "banner (loaded): Banners of our own.",
        "step type local.banner\n  Write a banner.\n\n  With more words.\n  runs          once in a run\n",
        "permissions   file.read",
        "text: string, required\n",
        'place: "login" or "motd", default "login"',
        "tags: list of string, default []",
        "width: integer, default null",
        "vars: mapping of string, default {}",
        'mode: "merge" or "replace", default "merge": how',
        "step type local.silent\n  Does nothing.",
        "template filter shout: capitals",
    ):
        assert expected in shown.stdout
    as_json = json.loads(run(plugins.command, "show", "banner", "--format", "json").stdout)
    assert as_json["step_types"][0]["parameters"][0] == {
        "name": "text",
        "type": "string",
        "required": True,
        "default": None,
        "description": "",
    }


def test_show_of_an_unknown_plugin_suggests_the_known_one(project: Path) -> None:
    answer = run(plugins.command, "show", "bannner")
    assert isinstance(answer.exception, PluginError)
    assert "no plugin bannner (did you mean banner?)" in str(answer.exception)


def test_check_answers_0_or_2_and_tells_every_problem(project: Path) -> None:
    good = run(plugins.command, "check", "banner.py")
    assert (good.exit_code, "in order and brings step types: local.banner, local.silent" in good.stdout) == (0, True)
    (project / "two.py").write_text(
        LOCAL.replace("def nornflow_step_types", "def nornflow_step_type").replace("str.upper", "7")
    )
    both = run(plugins.command, "check", "two.py", "--format", "json")
    assert both.exit_code == 2
    assert json.loads(both.stdout)["problems"] == [
        "nornflow_step_type is not a hook (did you mean nornflow_step_types?)",
        "template filter shout: its function cannot be called",
    ]


def test_config_show_explain_and_validate_tell_value_place_and_advice(project: Path) -> None:
    (project / "nornflow.yaml").write_text(
        "workers: 7\ninventory: {plugin: NetBox, options: {nb_url: 'https://n.example', nb_token: very-secret}}\n"
        "profiles: {lab: {extends: elevated}}\ndefault_timeout: 60\n"
    )
    shown = run(config.command, "show").stdout
    assert "workers: 7\n" in shown
    assert "nb_url: https://n.example" in shown
    assert "very-secret" not in shown
    assert json.loads(run(config.command, "show", "--format", "json").stdout)["profiles"] == {
        "lab": {"extends": "elevated"}
    }
    rows = json.loads(run(config.command, "explain", "--format", "json").stdout)
    assert {row["key"]: row["origin"] for row in rows}["workers"] == f"project {project}/nornflow.yaml:1:1"
    assert run(config.command, "explain", "profiles").stdout.startswith("profiles.lab  {extends: elevated}")
    assert run(config.command, "explain", "nothing").exit_code == 2
    validated = run(config.command, "validate")
    assert (validated.exit_code, "warning: default_timeout: 60 seconds are short" in validated.stdout) == (0, True)


def test_config_validate_of_a_file_answers_0_or_2(project: Path) -> None:
    assert run(config.command, "validate", "nornflow.yaml").exit_code == 0
    (project / "bad.yaml").write_text("wrokers: 3\nprofile: 1\n")
    bad = run(config.command, "validate", "bad.yaml")
    assert bad.exit_code == 2
    assert "bad.yaml:1:1: unknown key wrokers (did you mean workers?)" in bad.stdout
    assert "bad.yaml:2:1: profile: found 1, expected a valid string" in bad.stdout
    (project / "nornflow.yaml").write_text("wrokers: 3\n")
    assert isinstance(run(config.command, "validate").exception, ConfigurationError)


def test_the_template_is_a_settings_file_that_changes_nothing(project: Path) -> None:
    text = run(config.command, "template").stdout
    (project / "nornflow.yaml").write_text(text)
    assert run(config.command, "validate", "nornflow.yaml").exit_code == 0
    loaded = load_settings(project, environ={}, system=project)
    assert loaded.model_dump(exclude={"inventory", "tasks", "workspace"}) == Settings().model_dump(
        exclude={"inventory", "tasks", "workspace"}
    )
    assert loaded.inventory == project / "inventory"


def test_init_writes_a_project_that_loads_and_never_overwrites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = run(init.command, "mine")
    assert written.exit_code == 0
    assert "try: cd mine && nornflow run workflows/hello.yaml" in written.stdout
    files = {str(path.relative_to(tmp_path / "mine")) for path in (tmp_path / "mine").rglob("*") if path.is_file()}
    assert files == {
        ".gitignore",
        "nornflow.yaml",
        "inventory/hosts.yaml",
        "inventory/groups.yaml",
        "inventory/defaults.yaml",
        "workflows/hello.yaml",
    }
    settings = load_settings(tmp_path / "mine", environ={}, system=tmp_path)
    assert (settings.profile, settings.inventory) == ("standard", tmp_path / "mine" / "inventory")
    (tmp_path / "other" / "workflows").mkdir(parents=True)
    (tmp_path / "other" / "workflows" / "hello.yaml").write_text("mine")
    refused = run(init.command, "other")
    assert isinstance(refused.exception, UsageError)
    assert "other/workflows/hello.yaml; nothing was written" in str(refused.exception)
    assert [path.name for path in (tmp_path / "other").rglob("*") if path.is_file()] == ["hello.yaml"]
    assert isinstance(run(init.command, "mine").exception, UsageError)
    (tmp_path / "file").write_text("")
    assert isinstance(run(init.command, "file/below").exception, UsageError)


def test_the_started_project_says_hello_at_once(tmp_path: Path) -> None:
    environ = {**os.environ, "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "nornflow"]
    folder = tmp_path / "mine"
    subprocess.run([*command, "init", str(folder)], check=True, capture_output=True, env=environ, timeout=60)
    said = subprocess.run(
        [*command, "run", "workflows/hello.yaml", "-i", "name=World"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, "Hello World!" in said.stdout) == (0, True), said.stderr
    assert (folder / ".nornflow").is_dir()
