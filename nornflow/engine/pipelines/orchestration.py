"""Which entries of a pipeline are begun now and which never will be: functions of how the entries stand, and of nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from nornflow.model.pipeline import BADLY, After, Entry, EntryRecord, EntryState, Mode, On, Pipeline, PipelineRecord
from nornflow.model.pool import Amounts, fits, total

Entries = Mapping[str, EntryRecord]
Fate = tuple[EntryState, str]


def holds(after: After, other: EntryRecord) -> bool:
    """Tell whether an entry that is over has ended as `after` wants it; one that was skipped has in no way."""
    if after.on is On.SUCCESS:
        return other.state is EntryState.SUCCEEDED
    return other.state in BADLY or (after.on is On.COMPLETION and other.state is EntryState.SUCCEEDED)


def answering(pipeline: Pipeline, entries: Entries) -> frozenset[str]:
    """Return the entries that are there for a failure that has come: after it (not on its success), or after such an entry."""
    found: set[str] = set()
    while True:
        more = {
            entry.id
            for entry in pipeline.entries
            if entry.id not in found
            and any(
                one.run in found or (one.on is not On.SUCCESS and entries[one.run].state in BADLY)
                for one in entry.after
            )
        }
        if not more:
            return frozenset(found)
        found |= more


def stopping(pipeline: Pipeline, entries: Entries) -> Mapping[str, str]:
    """Return why entries are not begun any more, or not once more, because another has ended badly; by their ids."""
    failed = next((one for one in entries.values() if one.state in BADLY), None)
    if failed is None or not pipeline.stops:
        return {}
    why = f"{failed.id} is {failed.state.value}, and `on_failure` is stop"
    excepted = answering(pipeline, entries)
    return {name: why for name in entries if name not in excepted}


def not_again(error: str, why: str) -> str:
    """Return what is said of an entry whose last attempt failed so, and which is not tried once more."""
    return f"{error}; it is not tried again: {why}".removeprefix("; ")


def fates(pipeline: Pipeline, entries: Entries, since: float) -> Mapping[str, Fate]:
    """Return how entries end that will never be begun, or not once more, and why.

    `since` is how many seconds ago the pipeline was begun. Entries of a sequential pipeline are judged when those before
    them are over.
    """
    stopped = stopping(pipeline, entries)
    found: dict[str, Fate] = {}
    for entry in pipeline.entries:
        mine, why = entries[entry.id], stopped.get(entry.id, "")
        if mine.state is EntryState.PENDING:
            how = _condition(entry, entries, since) or ((EntryState.SKIPPED, why) if why else None)
            if how is not None:
                found[entry.id] = how
        elif mine.state is EntryState.DELAYED and why:
            found[entry.id] = mine.ended_as, not_again(mine.error, why)
        if pipeline.mode is Mode.SEQUENTIAL and not entries[entry.id].over:
            break
    return found


def _condition(entry: Entry, entries: Entries, since: float) -> Fate | None:
    for after in entry.after:
        other = entries[after.run]
        if after.within and not other.over and since >= after.within:
            return EntryState.TIMED_OUT, f"{after.run} had not ended {after.within:g} s after the pipeline's start"
        if other.over and not holds(after, other):
            return EntryState.SKIPPED, f"it is for the {after.on.value} of {after.run}, which is {other.state.value}"
    return None


def is_ready(pipeline: Pipeline, entry: Entry, entries: Entries, now: datetime) -> bool:
    """Tell whether an entry that has a fate of its own may be begun at this moment."""
    mine = entries[entry.id]
    if mine.state is EntryState.DELAYED:
        return mine.due_at is None or mine.due_at <= now
    if mine.state is not EntryState.PENDING or not all(entries[one.run].over for one in entry.after):
        return False
    if pipeline.mode is Mode.SEQUENTIAL:
        return all(entries[one.id].over for one in pipeline.entries[: pipeline.entries.index(entry)])
    return True


def to_begin(pipeline: Pipeline, entries: Entries, pools: Amounts, now: datetime) -> Sequence[str]:
    """Return the entries to be begun now, in order.

    At most `max_parallel` are at work, one in the mode `sequential`. Higher priorities come first, then, in the mode
    `resource_optimized`, those with the longest chain of entries behind them, then as they are written. In that mode those
    are held back that do not fit the pools beside the others of this pipeline; so a smaller one is begun before them.
    """
    at_work = [one for one in pipeline.entries if entries[one.id].at_work]
    most = 1 if pipeline.mode is Mode.SEQUENTIAL else pipeline.max_parallel
    ready = [one for one in pipeline.entries if is_ready(pipeline, one, entries, now)]
    optimized = pipeline.mode is Mode.RESOURCE_OPTIMIZED
    behind = chains(pipeline) if optimized else {}
    ready.sort(key=lambda one: (-one.asks.priority, -behind.get(one.id, 0)))
    taken = total(one.asks.wants for one in at_work)
    found: list[str] = []
    for entry in ready:
        if len(at_work) + len(found) >= most:
            break
        alone = not at_work and not found  # then it is begun in any case: if it cannot be, that is told
        if optimized and not alone and not fits(entry.asks.wants, taken, pools):
            continue
        taken = total((taken, entry.asks.wants))
        found.append(entry.id)
    return found


def moments(pipeline: Pipeline, record: PipelineRecord) -> Sequence[datetime]:
    """Return when times of a pipeline are over and attempts are due, as it stands."""
    began = record.started_at
    found = [began + timedelta(seconds=pipeline.timeout)] if pipeline.timeout else []
    for entry in pipeline.entries:
        mine = record.entry(entry.id)
        if mine.state is EntryState.DELAYED and mine.due_at is not None:
            found.append(mine.due_at)
        elif mine.state is EntryState.PENDING:
            awaited = [after for after in entry.after if after.within and not record.entry(after.run).over]
            found += [began + timedelta(seconds=after.within) for after in awaited]
        elif not mine.over and entry.timeout and mine.started_at is not None:
            found.append(mine.started_at + timedelta(seconds=entry.timeout))
    return found


def next_moment(pipeline: Pipeline, record: PipelineRecord, now: datetime) -> datetime | None:
    """Return the first of these moments behind `now`; None for never."""
    return min((moment for moment in moments(pipeline, record) if moment > now), default=None)


def is_due(pipeline: Pipeline, record: PipelineRecord, now: datetime) -> bool:
    """Tell whether one of these moments has come, so that something becomes of the pipeline when somebody leads it."""
    return any(moment <= now for moment in moments(pipeline, record))


def chains(pipeline: Pipeline) -> Mapping[str, int]:
    """Return for each entry how many entries the longest chain behind it has."""
    found = dict.fromkeys((entry.id for entry in pipeline.entries), 0)
    ahead = Counter(after.run for entry in pipeline.entries for after in entry.after)
    ready = [entry for entry in pipeline.entries if not ahead[entry.id]]
    while ready:  # entries whose chain is known; a pipeline may be one chain of hundreds
        entry = ready.pop()
        for after in entry.after:
            found[after.run] = max(found[after.run], found[entry.id] + 1)
            ahead[after.run] -= 1
            if not ahead[after.run]:
                ready.append(pipeline.entry(after.run))
    return found
