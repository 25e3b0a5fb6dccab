"""What this distribution brings to NornFlow."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import Check, StepType, hookimpl


@hookimpl
def nornflow_step_types() -> Iterable[StepType]:
    """Yield the basic step types."""
    from nornflow_builtins.approval import ApprovalStep
    from nornflow_builtins.calls import CallStep
    from nornflow_builtins.checks import AssertStep, ConditionalStep
    from nornflow_builtins.connectivity import ConnectivityStep
    from nornflow_builtins.http_config import HttpConfigStep
    from nornflow_builtins.nornir_task import NornirTaskStep
    from nornflow_builtins.note import NoteStep
    from nornflow_builtins.programs import ScriptStep, ShellStep
    from nornflow_builtins.template import TemplateStep
    from nornflow_builtins.wait import WaitStep
    from nornflow_builtins.webhook import WebhookStep

    yield ShellStep()
    yield ScriptStep()
    yield TemplateStep()
    yield AssertStep()
    yield ConditionalStep()
    yield CallStep()
    yield WebhookStep()
    yield HttpConfigStep()
    yield NoteStep()
    yield NornirTaskStep()
    yield ConnectivityStep()
    yield ApprovalStep()
    yield WaitStep()


@hookimpl
def nornflow_checks() -> Iterable[Check]:
    """Yield what else can be wrong with a workflow."""
    from nornflow_builtins.approval import DIFFERS, unknown_differences

    yield Check(DIFFERS, "An approval is to differ from a step that nobody approves", unknown_differences)
