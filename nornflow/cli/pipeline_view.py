"""Pipelines as lines for people and JSON for machines, and what happens in one while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from nornflow.abc import Observer
from nornflow.app.services.pipelines.desk import PipelineView
from nornflow.cli.output import colours, printable, show, tell
from nornflow.model.event import Event, EventKind
from nornflow.model.pipeline import EntryRecord, PipelineState
from nornflow.model.plain import plain

_COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "denied": "red",
    "timed_out": "red",
    "cancelled": "cyan",
    "skipped": "cyan",
    "waiting": "yellow",
    "delayed": "yellow",
}


class PipelineScreen(Observer):
    """Shows what becomes of the entries of a pipeline, one line each."""

    name = "screen"

    def __init__(self, *, answer: bool) -> None:
        self._answer = answer

    def observe(self, event: Event) -> None:
        """Show one event."""
        if event.kind is not EventKind.PIPELINE_ENTRY:
            return
        data = event.data
        attempt = f" (attempt {data['attempt']})" if data["attempt"] > 1 else ""
        run = f"  run {data['entry_run']}" if data["entry_run"] else ""
        why = f": {event.message.splitlines()[0]}" if event.message else ""
        line = printable(f"{event.time:%H:%M:%S}  {data['entry']}  {data['state']}{attempt}{run}{why}")
        colour = _COLOURS.get(str(data["state"]))
        if self._answer and not (colour and colours(sys.stdout)):
            show(line)
        else:
            tell(line, colour=colour)


def view_json(view: PipelineView) -> dict[str, Any]:
    """Return a pipeline as JSON types; `queue` of an entry says where its run waits, null when it does not.

    `left` of an entry says what keeps its run from a worker, `leader` who leads the pipeline, `untaken` why no worker does.
    """
    shown: dict[str, Any] = plain(view.record)
    for entry in shown["entries"]:
        place = view.places.get(entry["run"])
        entry["queue"] = {"place": place.place, "of": place.of} if place else None
        entry["left"] = view.queued.get(entry["run"], "")
    return {
        **shown,
        "exit_code": view.record.exit_code,
        "cut_off": view.cut_off,
        "leader": view.leader,
        "untaken": view.untaken,
    }


def list_lines(views: Sequence[PipelineView]) -> Iterator[str]:
    """Yield a line for each pipeline."""
    for view in views:
        one = view.record
        over = sum(entry.over for entry in one.entries)
        rest = f"  led by {one.worker}" if view.leader else ""
        if not view.leader and not one.over:
            rest = "  a worker takes it up" if view.followed else "  waits for a worker" if not one.worker else rest
            rest = f"  {view.untaken}" if view.untaken else rest
            rest = f"  cut off: nornflow pipeline resume {one.id}" if view.cut_off and not view.followed else rest
        yield f"{one.id}  {one.state:<10} {one.name}  {one.user}  {one.mode}  {over}/{len(one.entries)} entries{rest}"
    if not views:
        yield "no pipelines"


def view_lines(view: PipelineView) -> Iterator[str]:
    """Yield a pipeline with its entries."""
    one = view.record
    yield f"pipeline {one.id}: {one.name} is {one.state}"
    yield f"begun by {one.user} at {one.started_at:%Y-%m-%d %H:%M:%S} UTC, {one.mode}, from {one.file}"
    if view.leader:
        yield f"led by {view.leader}"
    if one.wish is not None:
        yield str(one.wish)
    width = max(len(entry.id) for entry in one.entries)
    for entry in one.entries:
        yield _entry(entry, width, view)
        if entry.hint:
            yield f"{'':{width}}  hint: {entry.hint}"
    yield from _after(view)


def _entry(entry: EntryRecord, width: int, view: PipelineView) -> str:
    place, queued = view.places.get(entry.run), view.queued.get(entry.run)
    parts = [f"{entry.id:<{width}}  {entry.state:<10}"]
    if entry.started_at is not None and entry.completed_at is not None:
        parts.append(f"{max(0.0, (entry.completed_at - entry.started_at).total_seconds()):.1f} s")
    if entry.run:
        parts.append(f"run {entry.run}")
    if entry.attempts > 1:
        parts.append(f"attempt {entry.attempts}")
    if place is not None:
        parts.append(f"place {place.place} in the queue for {place.of}")
    if queued and not entry.over:
        parts.append(queued)
    if entry.error:
        parts.append(entry.error.splitlines()[0])
    return "  ".join(parts).rstrip()


def _after(view: PipelineView) -> Iterator[str]:
    """Yield what is to be done about a pipeline that has not ended."""
    one, resume = view.record, f"nornflow pipeline resume {view.record.id}"
    waits = "it waits for an answer to one of its runs; then"
    if one.over:
        return
    if view.leader or view.followed:
        if one.state is PipelineState.WAITING:
            yield f"{waits} it goes on by itself"
        elif not view.leader:
            yield "a worker takes it up in a moment"
        return
    if view.untaken:
        yield view.untaken
    if one.state is PipelineState.WAITING:
        yield f"{waits}: {resume}"
    elif view.cut_off:
        yield f"the process that led it is dead: {resume}"
    else:
        which = "with them" if view.untaken else "(nornflow worker --runs)"
        yield f"it waits for a worker {which}; to lead it from here: {resume}"
