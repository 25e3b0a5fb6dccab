"""A report as one HTML file: no script, no request to anywhere, every text escaped by the template engine."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from nornflow.app.reports import shown
from nornflow.app.services.report import Report
from nornflow.model.run import BAD_ENDS, RunState

MOST_EVENTS = 500
_GOOD = frozenset(("ok", "succeeded", "approved", "intended", "allow", "cached"))
_CHANGED = frozenset(("changed", "hold", "planned", "rolled_back", "awaiting_approval", "waiting", "stale"))
_BAD = frozenset(
    (
        *("denied", "rejected", "collateral", "deny"),
        *(state.value for state in BAD_ENDS if state.value not in _CHANGED),
        *(RunState.FAILED.value, RunState.ROLLBACK_FAILED.value, RunState.TIMED_OUT.value),
    )
)


def report_html(report: Report, version: str) -> str:
    """Return the report as a whole document, readable on screen and in print; `version` of NornFlow stands at its foot."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalized, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "clean": shown.clean,
        "value": shown.value_text,
        "state": shown.state_text,
        "moment": shown.moment,
        "clock": shown.clock,
        "seconds": shown.seconds,
        "remark": shown.remark,
        "names": shown.names,
        "body": shown.body,
        "amount": shown.amount,
        "tone": tone,
    }
    style = _file("report.css")
    return environment.from_string(_file("report.html.j2")).render(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        report=report,
        record=report.record,
        changes=shown.changes(report),
        risky=shown.risky(report),
        judged=shown.judged(report),
        batches=shown.of_batches(report.record),
        trials=list(shown.confirm_lines(report.record)),
        change_of={name: change.number for change in shown.changes(report) for name in change.devices},
        alike={kind: shown.alike(report, kind) for kind in ("collateral", "intended")},
        with_states=shown.with_states(report),
        bars=_bars(report),
        course=report.course[:MOST_EVENTS],
        course_left=max(0, len(report.course) - MOST_EVENTS),
        bad=frozenset(state.value for state in BAD_ENDS),
        version=version,
    )


def tone(word: str) -> str:
    """Return the colour that a state, answer or explanation has: good, changed, bad or quiet."""
    if word in _BAD:
        return "bad"
    return "good" if word in _GOOD else "changed" if word in _CHANGED else "quiet"


def _finalized(value: Any) -> Any:
    return shown.clean(value) if type(value) is str else value


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _bars(report: Report) -> Mapping[str, tuple[float, float]]:
    """Return when each step began and how long it took, in hundredths of the run."""
    times = [(step.step, step.started_at, step.completed_at) for step in report.steps]
    known = [(name, began, ended) for name, began, ended in times if began is not None and ended is not None]
    if not known:
        return {}
    first, last = min(began for _, began, _ in known), max(ended for _, _, ended in known)
    whole = max((last - first).total_seconds(), 0.001)

    def share(one: datetime, other: datetime) -> float:
        return round(max(0.0, (other - one).total_seconds()) / whole * 100, 2)

    return {name: (share(first, began), max(share(began, ended), 0.6)) for name, began, ended in known}
