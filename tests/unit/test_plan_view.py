"""What a terminal shows of a plan: in which batches it would be applied, and what no diff tells."""

from __future__ import annotations

from nornflow.app.services.change import PlannedChange
from nornflow.cli.plan_view import plan_markdown, plan_text
from nornflow.engine.rollouts.batches import Batching
from nornflow.model.device import HostView
from nornflow.model.plan import HostPlan, Plan, PlannedStep
from nornflow.model.rollout import Amount, Matching, Rollout

ALL = Amount(100, percent=True)


def shown(count: int, *batches: Amount | Matching, checks: tuple[str, ...] = (), changes: bool = True) -> list[str]:
    """Return what is said of the batches of a plan for so many devices, the first of which is in the lab."""
    hosts = {f"r{n}": HostView(f"r{n}", data={"site": "ams" if n else "lab"}) for n in range(count)}
    cut = Batching(Rollout(batches=batches), tuple(hosts), hosts, {}).cut(tuple(hosts))
    steps = [PlannedStep("configure", host, ("ntp",), diff="+ntp" if changes else "") for host in hosts]
    planned = tuple(HostPlan(step.host, steps=(step,)) for step in steps)
    plan = Plan("ntp", "1.0", "standard", {}, planned, batches=cut, checks=checks)
    change = PlannedChange(plan, ())
    text = [line for line in plan_text(change) if line.startswith(("batch", "checked"))]
    assert [
        line.removeprefix("- ") for line in plan_markdown(change) if line.startswith(("- batch", "- checked"))
    ] == text
    return text


def test_who_is_changed_when() -> None:
    assert shown(4, Matching("site == 'lab'"), Matching("site == 'oslo'"), Amount(1), ALL) == [
        "batch 1 (site == 'lab'): r0",
        "batch 2 (site == 'oslo'): no device",
        "batch 3 (1): r1",
        "batch 4 (100%): r2, r3",
    ]


def test_many_batches_of_one_kind_are_shown_together() -> None:
    lines = shown(1000, Amount(2), Amount(1))
    assert lines == [
        "batch 1 (2): r0, r1",
        "batch 2 (1): r2",
        "batches 3 to 999 (1 each): r3, r4, r5, r6, r7, r8, r9, r10 and 989 more (997 devices)",
    ]


def test_one_batch_is_worth_a_line_only_with_its_checks() -> None:
    assert shown(3, ALL) == []
    assert shown(2, ALL, checks=("well",)) == ["batch 1 (100%): r0, r1", "checked after each batch: well"]


def test_nothing_is_said_where_nothing_changes() -> None:
    assert shown(3, Amount(1), changes=False) == []


def test_exec_commands_are_shown_beside_a_diff_and_keep_devices_apart() -> None:
    lines = {"r1": ("ntp", "exec:write memory"), "r2": ("ntp", "exec:clear counters", "exec:write memory")}
    steps = [PlannedStep("configure", host, sent, diff="+ntp") for host, sent in lines.items()]
    plan = Plan("ntp", "1.0", "standard", {}, tuple(HostPlan(step.host, steps=(step,)) for step in steps))
    for view in (plan_text, plan_markdown):
        text = list(view(PlannedChange(plan, ())))
        assert sum("exec:clear counters" in line for line in text) == 1
        assert not any("write memory" in line for line in text)
        assert text.index(next(line for line in text if "r1" in line)) < text.index(
            next(line for line in text if "r2" in line)
        )
