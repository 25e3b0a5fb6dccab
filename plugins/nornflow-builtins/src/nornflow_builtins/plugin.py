"""What this distribution brings to NornFlow."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import StepType, hookimpl


@hookimpl
def nornflow_step_types() -> Iterable[StepType]:
    """Yield the basic step types."""
    from nornflow_builtins.checks import AssertStep, ConditionalStep
    from nornflow_builtins.connectivity import ConnectivityStep
    from nornflow_builtins.http_config import HttpConfigStep
    from nornflow_builtins.nornir_task import NornirTaskStep
    from nornflow_builtins.note import NoteStep
    from nornflow_builtins.programs import ScriptStep, ShellStep
    from nornflow_builtins.template import TemplateStep
    from nornflow_builtins.webhook import WebhookStep

    yield ShellStep()
    yield ScriptStep()
    yield TemplateStep()
    yield AssertStep()
    yield ConditionalStep()
    yield WebhookStep()
    yield HttpConfigStep()
    yield NoteStep()
    yield NornirTaskStep()
    yield ConnectivityStep()
