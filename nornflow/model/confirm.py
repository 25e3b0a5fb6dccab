"""A change that stands only when it is confirmed: what takes it back otherwise, until when, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nornflow.record import record

UNITS = {"h": 3600, "m": 60, "s": 1}
"""The units of lengths of time, in seconds."""

CONTROLLER = "controller"
"""Takes a change back where the device has no timer of its own: NornFlow, as long as it lives, and whoever recovers the run."""


def length(seconds: float) -> str:
    """Return a length of time as people write it: in its largest whole unit, as `5m`."""
    unit, size = next(((unit, size) for unit, size in UNITS.items() if seconds % size == 0), ("s", 1))
    return f"{seconds / size:g}{unit}"


def taken_back_by(way: str) -> str:
    """Return in words what takes an unconfirmed change back: `controller`, or `native (EOS commit timer)`."""
    return way if way == CONTROLLER else f"native ({way})"


@record
class OwnTimer:
    """What a device can do by itself: take a change back that nobody confirmed in time.

    `name` is what people are shown, `connection` over which it is armed. `with_commit` says that it begins with the commit
    of a candidate over that connection and holds one commit at a time; any other is armed before the first line is sent.
    """

    name: str
    connection: str
    with_commit: bool = False


@record
class Hold:
    """What binds a step while the change of its device is not confirmed: nothing of it is saved.

    With a `token` its commit begins the device's own timer of so many `seconds`, under that name.
    """

    token: str = ""
    seconds: int = 0


@dataclass(slots=True)
class Armed:
    """One device between the arming and the end of it: `by` its own timer or the controller, over which connection.

    `at` and `deadline` are UTC, `within` seconds: `deadline` is never behind the end of the device's own timer, for that
    begins later. `token` is the timer's name on the device. `confirmed_at` and `reverted_at` say how it ended.
    """

    by: str
    token: str
    at: datetime
    within: float
    batch: int = 0
    connection: str = ""
    with_commit: bool = False
    confirmed_at: datetime | None = None
    reverted_at: datetime | None = None

    @property
    def deadline(self) -> datetime:
        """Return when the change is taken back at the latest if nobody confirmed it (UTC)."""
        return self.at + timedelta(seconds=self.within)

    @property
    def native(self) -> OwnTimer | None:
        """Return the device's own timer, None where the controller takes back."""
        return None if self.by == CONTROLLER else OwnTimer(self.by, self.connection, self.with_commit)

    @property
    def open(self) -> bool:
        """Tell whether the change is neither confirmed nor taken back."""
        return self.confirmed_at is None and self.reverted_at is None

    def over(self, now: datetime) -> bool:
        """Tell whether its time is over; also when the clock went back behind the arming: nobody knows then how late it is."""
        return now >= self.deadline or now < self.at

    def plain(self) -> dict[str, Any]:
        """Return it as the record of a run has it."""
        return {
            "by": self.by,
            "token": self.token,
            "within": self.within,
            "armed_at": self.at.isoformat(),
            "deadline": self.deadline.isoformat(),
            "confirmed_at": self.confirmed_at.isoformat() if self.confirmed_at else "",
            "reverted_at": self.reverted_at.isoformat() if self.reverted_at else "",
        }
