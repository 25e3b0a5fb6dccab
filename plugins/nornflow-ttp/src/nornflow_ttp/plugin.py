"""What this distribution brings to NornFlow; the parsers themselves are imported when a step first parses."""

from __future__ import annotations

from collections.abc import Iterable

from nornflow import StepType, hookimpl


@hookimpl
def nornflow_step_types() -> Iterable[StepType]:
    """Yield the step types that parse."""
    from nornflow_ttp.regex import RegexShowStep
    from nornflow_ttp.tables import TextfsmShowStep
    from nornflow_ttp.text import TtpShowStep

    yield TtpShowStep()
    yield TextfsmShowStep()
    yield RegexShowStep()
