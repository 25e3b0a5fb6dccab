"""The pluggy host: each error has an owner, and no plugin spoils another."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path
from textwrap import dedent

import pytest

from nornflow.errors import PluginError
from nornflow.plugins.host import PluginHost, check_plugin, load_plugins
from nornflow.plugins.registry import KINDS, PluginState

Install = Callable[..., list[EntryPoint]]

GOOD = """
    '''A good plugin.'''
    from nornflow import device_step, hookimpl

    @device_step("{name}")
    def step(task, text: str):
        '''Do one thing.'''

    @hookimpl
    def nornflow_step_types():
        yield step
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution with one plugin module into a folder of this test; returns its entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def _install(plugin: str, source: str, distribution: str = "", version: str = "1.0") -> list[EntryPoint]:
        distribution = distribution or f"nornflow-{plugin}"
        module = f"plugin_{uuid.uuid4().hex}"
        (site / f"{module}.py").write_text(dedent(source))
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[nornflow]\n{plugin} = {module}\n")
        return list(PathDistribution(info).entry_points)

    return _install


def state(host: PluginHost, name: str) -> PluginState:
    return host.plugin(name).state


def test_a_plugin_registers_its_records_and_the_host_knows_who_brought_them(install: Install) -> None:
    host = load_plugins(entry_points=install("good", GOOD.format(name="good.step"), version="2.3"))
    info = host.plugin("good")
    assert (info.state, info.distribution, info.version) == (PluginState.LOADED, "nornflow-good", "2.3")
    assert info.description == "A good plugin."
    assert info.brings == {"step_types": ("good.step",)}
    assert host.registries.step_types["good.step"].name == "good.step"
    assert host.registries.supplier_of("step_types", "good.step") == "good"
    with pytest.raises(KeyError):
        host.registries.supplier_of("gates", "good.step")


def test_every_kind_of_record_arrives_in_its_registry(install: Install) -> None:
    source = """
        from nornflow import (Check, Command, ConnectionGuard, Gate, Observer, TemplateFilter, Twin, hookimpl, run_step)

        @run_step("all.step")
        def step(context):
            '''Do one thing.'''

        class Guard(ConnectionGuard):
            connection = "acme"

        Guard.__abstractmethods__ = frozenset()

        class Double(Twin):
            name = "all.double"

        Double.__abstractmethods__ = frozenset()

        class Freeze(Gate):
            name = "all.freeze"
            def check(self, request): return []

        class Ear(Observer):
            name = "all.ear"
            def observe(self, event): ...

        @hookimpl
        def nornflow_step_types(): return [step]
        @hookimpl
        def nornflow_connection_guards(): yield Guard()
        @hookimpl
        def nornflow_twins(): yield Double()
        @hookimpl
        def nornflow_gates(): yield Freeze()
        @hookimpl
        def nornflow_observers(): yield Ear()
        @hookimpl
        def nornflow_template_filters(): yield TemplateFilter("wildcard", str)
        @hookimpl
        def nornflow_checks(): yield Check("ACME001", "a title", lambda workflow: [])
        @hookimpl
        def nornflow_commands(): yield Command("acme", "help", load=lambda: None)
    """
    host = load_plugins(entry_points=install("all", source))
    assert host.plugin("all").error == ""
    names = {kind.registry: list(getattr(host.registries, kind.registry)) for kind in KINDS}
    assert names == {
        "step_types": ["all.step"],
        "connection_guards": ["acme"],
        "twins": ["all.double"],
        "gates": ["all.freeze"],
        "observers": ["all.ear"],
        "filters": ["wildcard"],
        "checks": ["ACME001"],
        "commands": ["acme"],
    }


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_module_at_all", "its import failed: ModuleNotFoundError: No module named"),
        ("def broken(:", "its import failed: SyntaxError"),
        ("raise SystemExit(3)", "its import failed: SystemExit: 3"),
        ("x = 1", "it implements no hook"),
        (
            "from nornflow import hookimpl\n@hookimpl\ndef nornflow_step_type(): return []",
            "nornflow_step_type is not a hook (did you mean nornflow_step_types?)",
        ),
        (
            "from nornflow import hookimpl\n@hookimpl\ndef nornflow_gates(registry): return []",
            "nornflow_gates has the unknown argument 'registry'; it takes none",
        ),
        ("def nornflow_gates(): return []", "nornflow_gates is not marked with @hookimpl"),
        (
            "from nornflow import hookimpl\n@hookimpl(wrapper=True)\ndef nornflow_gates(): return (yield)",
            "nornflow_gates is a wrapper",
        ),
        (
            "from nornflow import hookimpl\n@hookimpl\ndef nornflow_gates(): return None",
            "nornflow_gates returned NoneType; yield each Gate, or return a list",
        ),
        (
            "from nornflow import hookimpl\n@hookimpl\ndef nornflow_gates(): yield 'freeze'",
            "nornflow_gates brought 'freeze' (str); expected a Gate",
        ),
        (
            """
            from nornflow import Gate, hookimpl
            class Freeze(Gate):
                name = "x"
                def check(self, request): return []
            @hookimpl
            def nornflow_gates(): yield Freeze
            """,
            "nornflow_gates brought the class Freeze; bring an object: Freeze()",
        ),
        (
            GOOD.format(name="bad.step").replace("'''Do one thing.'''", "pass"),
            "step type bad.step: it has no documentation",
        ),
        (GOOD.format(name="Bad Step"), "step type FunctionStep has the name 'Bad Step'; expected lower-case words"),
        (
            GOOD.format(name="bad.step").replace('"bad.step"', '"bad.step", permissions={"device.configre"}'),
            "it needs the unknown permission 'device.configre' (did you mean device.configure?)",
        ),
        (GOOD.format(name="bad.step") + "        yield step\n", "it brings the step type bad.step twice"),
        (
            GOOD.format(name="bad.step") + "        raise RuntimeError('half way')\n",
            "nornflow_step_types raised RuntimeError: half way after 1 records",
        ),
        (
            "from nornflow import hookimpl\nfrom itertools import repeat\n"
            "@hookimpl\ndef nornflow_template_filters(): return iter(int, 1)",
            "nornflow_template_filters brings more than 10000 records; does its loop ever end?",
        ),
    ],
)
def test_a_broken_plugin_is_listed_with_its_error_and_the_others_load(install: Install, source: str, told: str) -> None:
    host = load_plugins(entry_points=[*install("bad", source), *install("good", GOOD.format(name="good.step"))])
    bad = host.plugin("bad")
    assert bad.state is PluginState.BROKEN
    assert told in bad.error
    assert bad.brings == {}
    assert host.failed == (bad,)
    assert list(host.registries.step_types) == ["good.step"]


def test_a_broken_plugin_keeps_its_traceback_for_debug(install: Install) -> None:
    bad = load_plugins(entry_points=install("bad", "1 / 0")).plugin("bad")
    assert "ZeroDivisionError" in bad.traceback
    assert "1 / 0" in bad.traceback


def test_a_plugin_that_breaks_in_one_hook_brings_nothing_at_all(install: Install) -> None:
    source = (
        GOOD.format(name="half.step") + "\n    @hookimpl\n    def nornflow_gates():\n        raise ValueError('no')\n"
    )
    host = load_plugins(entry_points=install("half", source))
    assert not host.registries.step_types
    assert host.plugin("half").problems == ("nornflow_gates raised ValueError: no after 0 records",)


def test_two_distributions_with_one_plugin_name_are_both_refused_and_both_named(install: Install) -> None:
    points = [
        *install("same", GOOD.format(name="a.step"), "dist-a"),
        *install("same", GOOD.format(name="b.step"), "dist-b"),
    ]
    host = load_plugins(entry_points=points)
    assert [info.state for info in host.plugins] == [PluginState.REFUSED] * 2
    assert all("dist-a 1.0 and dist-b 1.0" in info.error for info in host.plugins)
    assert not host.registries.step_types


def test_two_suppliers_of_one_step_type_are_both_refused_and_both_named(install: Install) -> None:
    points = [
        *install("one", GOOD.format(name="acme.step")),
        *install("two", GOOD.format(name="acme.step")),
        *install("good", GOOD.format(name="good.step")),
    ]
    host = load_plugins(entry_points=points)
    told = "the step type acme.step is supplied by plugin one (nornflow-one 1.0) and plugin two (nornflow-two 1.0)"
    for name in ("one", "two"):
        assert state(host, name) is PluginState.REFUSED
        assert told in host.plugin(name).error
    assert list(host.registries.step_types) == ["good.step"]


def test_disabling_one_of_two_suppliers_settles_the_clash(install: Install) -> None:
    points = [*install("one", GOOD.format(name="acme.step")), *install("two", GOOD.format(name="acme.step"))]
    host = load_plugins(entry_points=points, disabled=["two"])
    assert (state(host, "one"), state(host, "two")) == (PluginState.LOADED, PluginState.DISABLED)
    assert host.registries.supplier_of("step_types", "acme.step") == "one"


def test_a_disabled_plugin_is_not_even_imported(install: Install) -> None:
    points = install("off", "raise RuntimeError('imported')")
    host = load_plugins(entry_points=points, disabled={"off"})
    assert host.plugin("off").state is PluginState.DISABLED
    assert points[0].value not in sys.modules


def test_what_a_plugin_prints_does_not_get_into_the_answer(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = GOOD.format(name="loud.step") + "        print('collected')\n    print('imported')\n"
    load_plugins(entry_points=install("loud", source))
    (tmp_path / "loud.py").write_text(dedent(source))
    check_plugin("loud.py", tmp_path)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.split() == ["imported", "collected"] * 2


def test_a_mistyped_disabled_plugin_is_noted_with_did_you_mean(install: Install) -> None:
    host = load_plugins(entry_points=install("netmiko", GOOD.format(name="n.step")), disabled=["netmico", "acme"])
    assert state(host, "netmiko") is PluginState.LOADED
    assert host.notes == (
        "plugins.disabled names netmico, which is not installed (did you mean netmiko?)",
        "plugins.disabled names acme, which is not installed",
    )


@pytest.mark.parametrize(
    ("source", "disabled", "told"),
    [
        ("1 / 0", [], "the required plugin wanted is broken: its import failed: ZeroDivisionError"),
        (GOOD.format(name="wanted.step"), ["wanted"], "the required plugin wanted is disabled"),
    ],
)
def test_a_required_plugin_that_did_not_load_stops_the_start(
    install: Install, source: str, disabled: list[str], told: str
) -> None:
    points = install("wanted", source)
    with pytest.raises(PluginError, match=told):
        load_plugins(entry_points=points, required=["wanted"], disabled=disabled)
    assert load_plugins(entry_points=points, required=None, disabled=disabled).plugin("wanted").brings == {}


def test_a_required_plugin_that_is_not_installed_is_told_with_did_you_mean(install: Install) -> None:
    with pytest.raises(
        PluginError, match=r"required plugin netmico is not installed \(did you mean netmiko\?\)"
    ) as raised:
        load_plugins(entry_points=install("netmiko", GOOD.format(name="n.step")), required=["netmico"])
    assert "plugins list" in raised.value.hint


def test_a_required_gate_stops_the_start_when_its_plugin_did_not_load(install: Install) -> None:
    source = """
        from nornflow import Gate, hookimpl

        class Freeze(Gate):
            name = "acme.freeze"
            required = True
            def check(self, request): return []

        @hookimpl
        def nornflow_gates():
            yield Freeze()
            raise RuntimeError("the calendar is unreachable")
    """
    points = install("freeze", source)
    with pytest.raises(PluginError, match=r"required gate acme\.freeze of the plugin freeze did not load.*unreachable"):
        load_plugins(entry_points=points)
    assert load_plugins(entry_points=points, required=None).plugin("freeze").state is PluginState.BROKEN


def test_one_module_announced_under_two_names_is_told(install: Install) -> None:
    points = install("first", GOOD.format(name="first.step"))
    again = EntryPoint("second", points[0].value, "nornflow")
    host = load_plugins(entry_points=[*points, again])
    assert host.plugin("first").state is PluginState.LOADED
    assert "already loaded as the plugin first" in host.plugin("second").error


def test_a_local_module_is_loaded_from_the_project_and_never_put_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "banner.py").write_text(dedent(GOOD.format(name="local.step")))
    package = tmp_path / "acme" / "steps"
    package.mkdir(parents=True)
    (package / "helper.py").write_text("NAME = 'acme.step'\n")
    source = dedent(GOOD.format(name="placeholder")).replace('"placeholder"', "NAME")
    (package / "__init__.py").write_text(f"from .helper import NAME\n{source}")
    path_before = list(sys.path)
    host = load_plugins(entry_points=[], local=["./banner.py", "acme.steps"], project=tmp_path)
    assert [info.error for info in host.plugins] == ["", ""]
    assert [(info.name, info.origin) for info in host.plugins] == [
        ("banner", f"file {tmp_path / 'banner.py'}"),
        ("acme.steps", f"file {package / '__init__.py'}"),
    ]
    assert set(host.registries.step_types) == {"local.step", "acme.step"}
    assert sys.path == path_before
    assert "banner" not in sys.modules


def test_two_hosts_share_nothing(tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text(dedent(GOOD.format(name="local.step")) + "\nseen = []\n")
    first = load_plugins(entry_points=[], local=["counter.py"], project=tmp_path)
    second = load_plugins(entry_points=[], local=["counter.py"], project=tmp_path)
    other = load_plugins(entry_points=[], local=[], project=tmp_path)
    assert first.registries.step_types["local.step"] is not second.registries.step_types["local.step"]
    assert not other.registries.step_types
    with pytest.raises(TypeError):
        first.registries.step_types["x"] = first.registries.step_types["local.step"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("reference", "told"),
    [("no_such.py", "there is no plugin file"), ("no_such_module", "No module named 'no_such_module'")],
)
def test_a_missing_local_plugin_is_broken_and_says_what_is_missing(tmp_path: Path, reference: str, told: str) -> None:
    host = load_plugins(entry_points=[], local=[reference], project=tmp_path)
    assert told in host.plugins[0].error


def test_a_broken_local_module_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "boom.py").write_text("1 / 0\n")
    load_plugins(entry_points=[], local=["boom.py"], project=tmp_path)
    assert not [name for name in sys.modules if name.startswith("_nornflow_local_boom")]


def test_a_thorough_check_builds_the_parameter_models_too(tmp_path: Path) -> None:
    source = dedent(GOOD.format(name="local.step")).replace("text: str", "text: Missing")
    (tmp_path / "late.py").write_text("from __future__ import annotations\n" + source)
    host = load_plugins(entry_points=[], local=["late.py"], project=tmp_path)
    assert host.plugins[0].state is PluginState.LOADED
    checked = check_plugin("late.py", tmp_path)
    assert checked.state is PluginState.BROKEN
    assert "its parameters cannot be used" in checked.error
    assert "Missing" in checked.error


def test_an_unknown_plugin_is_told_with_did_you_mean(install: Install) -> None:
    host = load_plugins(entry_points=install("example", GOOD.format(name="a.step")))
    with pytest.raises(PluginError, match=r"no plugin exampel \(did you mean example\?\)"):
        host.plugin("exampel")


def test_a_function_without_a_place_for_the_context_is_refused(tmp_path: Path) -> None:
    source = GOOD.format(name="local.step").replace("device_step", "run_step").replace("task, text: str", "")
    (tmp_path / "bare.py").write_text(dedent(source))
    host = load_plugins(entry_points=[], local=["bare.py"], project=tmp_path)
    assert "step() takes no first parameter for the context" in host.plugins[0].error


def test_a_parameter_that_every_step_has_is_found_by_a_thorough_check(tmp_path: Path) -> None:
    from nornflow.plugins.inspection import _STEP_KEYS
    from nornflow.workflow.keys import STEP

    assert set(STEP.keys) == _STEP_KEYS
    (tmp_path / "hidden.py").write_text(dedent(GOOD.format(name="local.step")).replace("text: str", "timeout: int"))
    assert "its parameter 'timeout' is a key of every step" in check_plugin("hidden.py", tmp_path).error
