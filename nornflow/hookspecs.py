"""Every hook of NornFlow. All of them register: they return records, once, at start; nothing runs through a hook.

A plugin is a module (or object) with functions of these names, marked with `nornflow.hookimpl` and named by an entry point
of the group `nornflow`, or by `plugins.local` in a project's settings.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from nornflow.abc import ConnectionGuard, Gate, Observer, StepType, Twin
from nornflow.registration import Check, Command, TemplateFilter

PROJECT = "nornflow"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def nornflow_step_types() -> Iterable[StepType]:
    """Bring kinds of steps.

    Example::

        @device_step("acme.set_banner", permissions={"device.configure"})
        def set_banner(task: Task, text: str) -> Result:
            '''Set the login banner.'''
            ...

        @hookimpl
        def nornflow_step_types():
            yield set_banner
    """
    raise NotImplementedError


@hookspec
def nornflow_connection_guards() -> Iterable[ConnectionGuard]:
    """Bring the guard of a Nornir connection plugin; a connection without a guard cannot be opened.

    Example::

        @hookimpl
        def nornflow_connection_guards():
            yield NetmikoGuard()
    """
    raise NotImplementedError


@hookspec
def nornflow_twins() -> Iterable[Twin]:
    """Bring scratch devices on which a change and its way back are played while it is planned.

    Example::

        @hookimpl
        def nornflow_twins():
            yield FrrTwin()
    """
    raise NotImplementedError


@hookspec
def nornflow_gates() -> Iterable[Gate]:
    """Bring checks before a change; the strictest answer of all gates wins, and a gate that raises is a deny.

    Example::

        class FreezeGate(Gate):
            name = "acme.freeze"

            def check(self, request: GateRequest) -> Sequence[Decision]:
                return [Decision(Verdict.HOLD, "change freeze until Monday")]

        @hookimpl
        def nornflow_gates():
            yield FreezeGate()
    """
    raise NotImplementedError


@hookspec
def nornflow_observers() -> Iterable[Observer]:
    """Bring listeners that are told every event of a run.

    Example::

        @hookimpl
        def nornflow_observers():
            yield ChatObserver(channel="#changes")
    """
    raise NotImplementedError


@hookspec
def nornflow_template_filters() -> Iterable[TemplateFilter]:
    """Bring filters for templates; a filter must be a pure function.

    Example::

        @hookimpl
        def nornflow_template_filters():
            yield TemplateFilter("wildcard", wildcard, "10.0.0.0/24 -> 10.0.0.0 0.0.0.255")
    """
    raise NotImplementedError


@hookspec
def nornflow_checks() -> Iterable[Check]:
    """Bring further diagnostics for workflows, told by `nornflow validate`.

    Example::

        @hookimpl
        def nornflow_checks():
            yield Check("ACME001", "a change names its ticket", needs_ticket)
    """
    raise NotImplementedError


@hookspec
def nornflow_commands() -> Iterable[Command]:
    """Bring commands of the command line.

    Example::

        @hookimpl
        def nornflow_commands():
            yield Command("acme", "Acme's own reports", load=lambda: import_module("acme.cli").command)
    """
    raise NotImplementedError
