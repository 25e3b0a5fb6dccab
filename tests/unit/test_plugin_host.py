"""The pluggy host: each error has an owner, and no plugin spoils another."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from distributions import GOOD, Install, installer
from nornflow.plugins.host import PluginHost, check_plugin, load_plugins
from nornflow.plugins.registry import KINDS, PluginState


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    return installer(tmp_path, monkeypatch)


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
