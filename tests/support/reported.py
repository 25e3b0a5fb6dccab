"""A run of which a report is made, with a text of somebody else wherever one can stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from nornflow.app.services.report import DeviceReport, Look, Report, StateDifference
from nornflow.model.approval import Answer, Approval
from nornflow.model.event import Event, EventKind
from nornflow.model.journal import Sent
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep, Rehearsal, Risk
from nornflow.model.run import (
    BatchRecord,
    CheckRecord,
    HostRecord,
    HostState,
    RunRecord,
    RunState,
    StepRecord,
    StepResult,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DIFF = "--- before\n+++ after\n@@ -1 +1,2 @@\n ntp server 192.0.2.1\n+ntp server 192.0.2.9\n"


def device(name: str, state: HostState = HostState.CHANGED, *, text: str = "", **keys: Any) -> DeviceReport:
    planned = PlannedStep("configure", name, ("ntp server 192.0.2.9",), diff=DIFF, method=Method.PROVEN)
    rehearsed = Rehearsal(Method.PROVEN, ("no ntp server 192.0.2.9",), f"played on a twin{text}")
    result = StepResult(state, diff=DIFF, started_at=NOON, completed_at=NOON, duration=1.5, error=text, stdout=text)
    step = StepRecord("configure", "netmiko.config", state, NOON, NOON + timedelta(seconds=2), hosts={name: result})
    found = StateDifference(f"bgp.10.0.0.5.state{text}", f"up{text}", f"down{text}", "changed", "collateral")
    meant = StateDifference(
        "ntp.192.0.2.9", None, {"server": f"192.0.2.9{text}"}, "new", "intended", f"ntp server{text}"
    )
    given: dict[str, Any] = {
        "plan": HostPlan(name, "cisco_ios", (planned,), rollback=rehearsed, risks=(Risk(text, text, f"why{text}"),)),
        "steps": ((step, result),),
        "sent": (Sent("configure", name, (f"ntp server 192.0.2.9{text}",), "netmiko"),),
        "differences": (found, meant),
        "counts": {"collateral": 1, "intended": 1, "noise": 2},
        "looks": (Look(f"bgp{text}", [{"peer": f"10.0.0.5{text}"}], f"text{text}"),),
        **keys,
    }
    return DeviceReport(HostRecord(name, state, 1, error=text, hint=text, diff=DIFF, rollback=text), **given)


def report(*devices: DeviceReport, text: str = "", **keys: Any) -> Report:
    steps = tuple(step for each in devices for step, _ in each.steps)
    if keys.pop("once", False):
        steps += (StepRecord("tell", "shell", HostState.OK, NOON, NOON, StepResult(stdout=text, warning=text)),)
    check = CheckRecord(f"sessions{text}", HostState.FAILED, (f"r1{text}",), f"a session is down{text}")
    record = RunRecord(
        "20261121-120000-aaaaaa",
        f"ntp-rollout{text}",
        "1.0",
        keys.pop("state", RunState.SUCCEEDED),
        f"ada{text}",
        f"standard{text}",
        inputs={f"servers{text}": [f"192.0.2.9{text}"]},
        outputs={f"changed{text}": text},
        steps=steps,
        hosts=tuple(each.record for each in devices),
        started_at=NOON,
        completed_at=NOON + timedelta(seconds=75),
        error=text,
        hint=text,
        security_events=({"kind": "x", "message": text, "step": text, "host": text},) if text else (),
        resumed_by=(f"bob{text}",) if text else (),
        batches=(
            BatchRecord(1, f"site == 'lab'{text}", 2, (f"r1{text}",), False, (check,)),
            BatchRecord(2, "1", good=True),
            BatchRecord(3, "100%", 4),
        ),
    )
    plan = Plan("ntp-rollout", "1.0", "standard", {}, tuple(each.plan for each in devices if each.plan))
    said = Approval("a" * 64, f"grace{text}", Answer.APPROVED, NOON, f"seen with the board{text}", f"--yes{text}")
    decided = Event(EventKind.GATE_DECIDED, NOON, "r", text, text, f"a freeze{text}", {"gate": text, "verdict": "hold"})
    begun = Event(EventKind.BATCH_STARTED, NOON, "r", message=text, data={"batch": 1, "of": 1, "state": text})
    made = Report(record, plan, (said,), (decided,), (begun,), devices)
    return replace(made, **keys)


class Parsed(HTMLParser):
    """What a browser would make of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._within: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._within or self._within[-1] != "style" or "{" not in data:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


ATTACKS = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></details></main><iframe src=//evil.example>",
    "<svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;",
    "]]><!--",
    "\x1b[2J\u202e\x00\ud800",
)
