"""Who holds a device or waits for it, and whose turn it is: what people are told, and what a run decides by."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from nornflow.record import record


class WhenHeld(StrEnum):
    """What a run does about devices that another run holds: wait for them, fail, or leave those devices out."""

    WAIT = "wait"
    FAIL = "fail"
    SKIP = "skip"


@record
class Claim:
    """A run that holds something or waits for it: which, whose, in which process, since when (UTC, for people)."""

    run: str
    user: str
    machine: str
    pid: int
    since: datetime

    def __str__(self) -> str:
        return f"run {self.run} ({self.user} on {self.machine}, process {self.pid})"


@record
class DeviceClaim:
    """A run's claim on one device: it holds the lock, or (`waiting`) it has a ticket for it, lower ones first.

    `token` is the lock's fencing token, 0 for one that waits.
    """

    device: str
    claim: Claim
    token: int = 0
    waiting: bool = False

    def __str__(self) -> str:
        verb = "is awaited by" if self.waiting else "is held by"
        return f"{self.device} {verb} {self.claim} since {self.claim.since:%H:%M:%S} UTC"


@record
class Holder:
    """Who has had a device after somebody else: a run, since when (UTC), or whoever broke its lock (`run` is empty then).

    Not `held`: the run found nothing to do there and did not lock it, but what it found it counts on. `workflow` is empty
    when the store knows the run no more; `user` began it.
    """

    device: str
    run: str
    workflow: str
    user: str
    since: datetime
    held: bool = True

    def __str__(self) -> str:
        at = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        if not self.run:
            return f"the lock of {self.device} was broken by {self.user} at {at}"
        whose = f" of {self.workflow} ({self.user})" if self.workflow else ""
        return f"run {self.run}{whose} {'held' if self.held else 'found nothing to do on'} {self.device} at {at}"


@record
class DeviceLock:
    """The lock of one device as `nornflow locks list` shows it: who holds it, if anybody, and who waits, in order."""

    device: str
    token: int
    holder: Claim | None = None
    waiting: tuple[Claim, ...] = ()
    broken_by: str = ""


@record
class Place:
    """A run's place in a queue: the 1st is served next. `of` says what it waits for."""

    run: str
    place: int
    of: str
