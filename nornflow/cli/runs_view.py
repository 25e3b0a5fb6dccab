"""Runs, events, differences and statistics as lines for people and JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from nornflow.app.services.compare import Pair, RunDifference
from nornflow.model.approval import Approval
from nornflow.model.event import Event
from nornflow.model.history import RunSummary, Statistic
from nornflow.model.lock import Place
from nornflow.model.plain import plain
from nornflow.model.plan import Plan

_CONTROLS = dict.fromkeys(code for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n")
_FEW = 6
_NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})
_NO_REASONS: Mapping[str, str] = MappingProxyType({})


def summary_json(
    run: RunSummary, place: Place | None, *, cut_off: bool, waits: Sequence[str] = (), parked: str = ""
) -> dict[str, Any]:
    """Return a run of a list as JSON types; `queue` says where it stands in which queue, null when it waits in none.

    `cut_off` says that its process is dead, `waits` what it waits for without one, `parked` why no worker takes it.
    """
    shown: dict[str, Any] = plain(run)
    return {
        **shown,
        "queue": {"place": place.place, "of": place.of} if place else None,
        "cut_off": cut_off,
        "waits": list(waits),
        "parked": parked,
    }


def summary_lines(
    runs: Sequence[RunSummary],
    places: Mapping[str, Place],
    dead: Collection[str] = (),
    waits: Mapping[str, Sequence[str]] = _NOTHING,
    parked: Mapping[str, str] = _NO_REASONS,
) -> Iterator[str]:
    """Yield a line for each run, with its place in the queue if it waits in one; `dead` are those cut off.

    Below one that waits without a process stands for what, and below one that is parked why.
    """
    columns = [(f"{run.workflow} {run.version}", run.user, run.profile) for run in runs]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    for run, row in zip(runs, columns, strict=True):
        words = "  ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True))
        devices = f"  {run.hosts} device{'' if run.hosts == 1 else 's'}" if run.hosts else ""
        queue = _queue(places.get(run.id))
        settle = f"  cut off: nornflow runs resume {run.id}" if run.id in dead and run.id not in parked else ""
        yield f"{run.id}  {run.state:<16} {words}{devices}{settle or queue}".rstrip()
        yield from (f"    {words}" for words in waits.get(run.id, ()))
        if why := parked.get(run.id):
            yield f"    parked: {why}"
            yield f"    nornflow runs resume {run.id} --detach tries it again"
    if not runs:
        yield "no runs"


def _queue(place: Place | None) -> str:
    return f"  place {place.place} in the queue for {place.of}" if place else ""


def event_json(event: Event) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(plain(event), ensure_ascii=False)


def event_line(event: Event) -> str:
    """Return an event as a line: time (UTC), kind, step and device, what was said, and the details."""
    where = " ".join(filter(None, (event.step, event.host)))
    details = " ".join(f"{key}={_short(value)}" for key, value in event.data.items())
    parts = (f"{event.time:%H:%M:%S.%f}"[:-3], f"{event.kind.value:<18}", where, event.message, details)
    text = "  ".join(part for part in parts if part)
    return text.replace("\n", " ⏎ ").translate(_CONTROLS).rstrip()  # a device may have sent control characters


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        more = f" and {len(value) - _FEW} more" if len(value) > _FEW else ""
        return ",".join(map(str, value[:_FEW])) + more
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def difference_lines(found: RunDifference) -> Iterator[str]:
    """Yield what differs between two runs; devices that differ in the same way share a paragraph."""
    yield f"{found.a} -> {found.b}"
    if found.same:
        yield "no difference"
    yield from (f"{name}: {_pair(pair)}" for name, pair in found.run.items())
    if found.inputs:
        yield "inputs:"
        yield from (f"  {name}: {_pair(pair)}" for name, pair in found.inputs.items())
    if found.hosts:
        yield "devices:"
        yield from _grouped(found.hosts)
    for step, pairs in found.steps.items():
        yield f"step {step}:"
        yield from _grouped(pairs)
    for what, texts in (("planned", found.planned), ("changed", found.lines)):
        alike: dict[str, list[str]] = {}
        for host, text in texts.items():
            alike.setdefault(text, []).append(host)
        for text, hosts in alike.items():
            yield f"{what} lines on {_short(hosts)}:"
            yield from (f"  {line}" for line in text.splitlines())


def _grouped(pairs: Mapping[str, Pair]) -> Iterator[str]:
    alike: dict[str, list[str]] = {}
    for host, pair in pairs.items():
        alike.setdefault(_pair(pair), []).append(host)
    for text, hosts in alike.items():
        yield f"  {_short(hosts)}: {text}" if hosts != [""] else f"  {text}"


def _pair(pair: Pair) -> str:
    return " -> ".join("nothing" if value is None else json.dumps(value, ensure_ascii=False) for value in pair)


def answer_lines(plan: Plan, said: Sequence[Approval]) -> Iterator[str]:
    """Yield a plan, devices with the same lines together, and who answered what about it."""
    yield f"plan {said[-1].plan} of {plan.workflow} {plan.version} under profile {plan.profile}"
    for each in said:
        of = "" if each.plan == said[-1].plan else f" of the plan {each.plan[:12]}"
        via = f" ({each.via})" if each.via else ""
        said_with = f": {each.comment}" if each.comment else ""
        yield f"{each.answer}{of} by {each.user} at {each.at:%Y-%m-%d %H:%M:%S} UTC{via}{said_with}"
    alike: dict[tuple[str, ...], list[str]] = {}
    for host in plan.hosts:
        shown = tuple(line for step in host.steps if step.changes for line in (f"{step.step}:", *_indented(step.diff)))
        alike.setdefault((*shown, *((f"not planned: {host.error}",) if host.error else ())), []).append(host.host)
    for lines, hosts in alike.items():
        yield f"{_short(hosts)}:" + ("" if lines else " no change")
        yield from (f"  {line}" for line in lines)


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def statistic_lines(found: Iterable[Statistic]) -> Iterator[str]:
    """Yield a table of statistics; what was never looked for in the cache has no share of it."""
    rows = [
        (
            each.name,
            str(each.count),
            f"{each.success:.1%}",
            f"{each.p50:.2f} s",
            f"{each.p95:.2f} s",
            f"{each.cache_hits / looked:.1%}" if (looked := each.cache_hits + each.cache_misses) else "-",
        )
        for each in found
    ]
    if not rows:
        yield "no ended runs"
        return
    table = [("name", "count", "success", "p50", "p95", "cache hits"), *rows]
    width = max(len(row[0]) for row in table)
    for name, *figures in table:
        yield f"{name:<{width}}  " + "  ".join(f"{figure:>10}" for figure in figures)
