"""Whether a workflow is idempotent: run twice, it plans nothing the second time and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nornflow.record import record
from nornflow.testing.project import Outcome, ProjectFolder


@record
class TwoRuns:
    """A workflow that was run twice: the record of each run, and the plan that was made in between."""

    first: Mapping[str, Any]
    plan: Mapping[str, Any]
    second: Mapping[str, Any]


def second_run_is_empty(
    project: ProjectFolder, workflow: str, *words: str, devices: Callable[[], object] | None = None
) -> TwoRuns:
    """Run a workflow, plan it once more and run it again; return all three when the second time nothing is to do.

        routers = fleet(count=2)
        site = project({"workflows/ntp.yaml": ...}, fleet=routers)
        second_run_is_empty(site, "workflows/ntp.yaml", "-i", "server=192.0.2.9", devices=configurations(routers))

    `words` are what else stands on the command line. The plan in between must have no diff and no line of which nobody can
    tell what it does, the second run no device and no step that changed one. `devices` gives what the devices themselves
    show; it must be the same before and after the second run. AssertionError says which step changed what on which
    device, and with everything printed when a command did not end well.
    """
    first = _record(project.run("run", workflow, *words, "--yes", "--format", "json"))
    plan = _answer(project.run("plan", workflow, *words, "--format", "json"))
    _empty(workflow, "the plan of the second run", list(_planned(plan)))
    before = devices() if devices is not None else None
    second = _record(project.run("run", workflow, *words, "--yes", "--format", "json"))
    _empty(workflow, "the second run", list(_changed(second)))
    if devices is not None and devices() != before:
        raise AssertionError(
            f"{workflow}: the second run says that it changed nothing, and the devices show that it did"
        )
    return TwoRuns(first, plan, second)


def configurations(fleet: Any) -> Callable[[], dict[str, str]]:
    """Return what reads the running configuration of every device of a fleet or an FRR lab, by name."""
    found: Mapping[str, Any] = getattr(fleet, "routers", None) or fleet.devices
    return lambda: {name: device.running_config for name, device in found.items()}


def _answer(outcome: Outcome) -> dict[str, Any]:
    answer: dict[str, Any] = outcome.ok().json()
    return answer


def _record(outcome: Outcome) -> dict[str, Any]:
    record = _answer(outcome)
    assert record["state"] == "succeeded", f"the run ended as {record['state']}: {record.get('error', '')}"
    return record


def _planned(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a plan would do to devices, one line for each step and device."""
    for host in plan["hosts"]:
        if host.get("error"):
            yield f"{host['host']}: could not be planned: {host['error']}"
        for step in host["steps"]:
            lines = [line for line in step["lines"] if not line.startswith("exec:")]
            if step["diff"]:
                yield f"{host['host']}: step {step['step']} would change\n{step['diff'].rstrip()}"
            elif lines and step["method"] == "impossible":
                yield f"{host['host']}: step {step['step']} has lines of which nobody can tell what they do: {lines}"
    if plan["changes"]:
        yield "the plan says that devices would change"


def _changed(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a run changed on devices."""
    for host in record["hosts"]:
        if host["state"] == "changed" or host.get("diff"):
            yield f"{host['host']}: {host['state']}\n{host.get('diff', '').rstrip()}"
    for step in record["steps"]:
        for host, result in (step.get("hosts") or {}).items():
            if result.get("changed"):
                yield f"{host}: step {step['step_id']} changed it"


def _empty(workflow: str, what: str, found: list[str]) -> None:
    if found:
        told = "\n".join(found)
        raise AssertionError(f"{workflow} is not idempotent, {what} is not empty:\n{told}")
