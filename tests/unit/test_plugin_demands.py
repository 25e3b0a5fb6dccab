"""What a project demands of its plugins: required ones, modules of its own, and a thorough check of one."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

from distributions import GOOD, Install, installer
from nornflow.errors import PluginError
from nornflow.plugins.host import check_plugin, load_plugins
from nornflow.plugins.registry import PluginState


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    return installer(tmp_path, monkeypatch)


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
