"""What a run writes down before it acts and after it has: enough to settle it when its process dies in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from nornflow.model.run import RunState
from nornflow.record import record


class EntryKind(StrEnum):
    """The closed list of things in a journal; what begins is written before it is done, what ended afterwards.

    approved: the plan that is applied. left_out: another run held a device, this one goes on without it. given_up: others
    have had a device since this run was cut off, and it does not touch it any more. batch, batch_done: a batch began; it
    was soaked and asked about too. checked: how a batch ended, with its checks. intent, outcome: a step is about to change
    a device; how it ended there. begun, result: the same for a step of the run. rollback, rolled_back: a device is about to
    be taken back; whether it is. over: the run goes to its last steps. armed, confirmed: the change of a device is about to
    stand under a timer; it is confirmed. unconfirmed: a batch is not going to be confirmed, its devices are taken back.
    """

    APPROVED = "approved"
    LEFT_OUT = "left_out"
    GIVEN_UP = "given_up"
    BATCH = "batch"
    CHECKED = "checked"
    BATCH_DONE = "batch_done"
    INTENT = "intent"
    OUTCOME = "outcome"
    BEGUN = "begun"
    RESULT = "result"
    ROLLBACK = "rollback"
    ROLLED_BACK = "rolled_back"
    OVER = "over"
    ARMED = "armed"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


@record
class Entry:
    """One entry: what, of which step and device (empty where it is about neither), with what it takes to go on from it."""

    kind: EntryKind
    step: str = ""
    host: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@record
class Sent:
    """Lines that were handed to a device, as the journal has them from before it was done: by which step, at which attempt.

    `hidden` says that they, or the configuration they stand beside in the journal, hold a secret: then there are no lines.
    """

    step: str
    host: str
    lines: tuple[str, ...] = ()
    connection: str = ""
    attempt: int = 1
    hidden: bool = False


LASTING = frozenset((EntryKind.APPROVED, EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.ROLLED_BACK))
"""Kinds of entries that stay when a run has ended: what a rollback at any later time needs; the record has the rest."""


@record
class Standing:
    """How a run stands for whoever wants to carry it on: its owner, its numbers so far, and what it began with.

    `worker` is the process that carries it out (empty when nobody said), `fence` how many have; `events` and `entries` are
    the last numbers of its stream and its journal. `spec` is what `NewRun.spec` was, `wish` how somebody wants it to end
    early (`Wish.written`).
    """

    run: str
    workflow: str
    user: str
    state: RunState
    worker: str
    fence: int
    started_at: datetime
    ended: bool
    events: int = 0
    entries: int = 0
    spec: Mapping[str, Any] = field(default_factory=dict)
    wish: str = ""

    def cut_off(self, is_dead: Callable[[str], bool]) -> bool:
        """Tell whether its process is known to be dead; a run that waits has none, and misses none."""
        return self.state is not RunState.WAITING and bool(self.worker) and is_dead(self.worker)
