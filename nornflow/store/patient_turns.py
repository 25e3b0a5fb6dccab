"""Locks and slots that wait for a database that is away, as the store of runs does: whatever is asked can be asked again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nornflow.abc import DeviceLocks, Slots
from nornflow.model.lock import Claim, DeviceClaim, Holder
from nornflow.store.patience import Patience


class PatientLocks(DeviceLocks):
    """Asks the same of other locks, again and again while their database is away."""

    def __init__(self, locks: DeviceLocks, patience: Patience) -> None:
        self._locks = locks
        self._patience = patience

    def request(self, run: str, devices: Collection[str]) -> int:
        """Take a ticket; the one whose answer was lost is given up."""
        return self._patience(lambda: self._locks.request(run, devices))

    def grant(self, ticket: int) -> Mapping[str, int] | None:
        """Lock the devices; those that are locked already, and whose answer was lost, are returned."""
        return self._patience(lambda: (self._locks.grant(ticket),))[0]

    def in_the_way(self, ticket: int) -> Sequence[DeviceClaim]:
        """Return who is in the way."""
        return self._patience(lambda: self._locks.in_the_way(ticket))

    def leave_out(self, ticket: int, devices: Collection[str]) -> None:
        """Want these devices no longer."""
        self._patience(lambda: (self._locks.leave_out(ticket, devices),))

    def withdraw(self, ticket: int) -> None:
        """Give the ticket up."""
        self._patience(lambda: (self._locks.withdraw(ticket),))

    def demand(self, run: str, device: str, token: int) -> None:
        """Raise LockLost unless the run holds the device: nothing is sent while nobody can tell."""
        self._patience(lambda: (self._locks.demand(run, device, token),))

    def release(self, run: str, tokens: Mapping[str, int]) -> Mapping[str, str]:
        """Unlock what the run holds."""
        return self._patience(lambda: self._locks.release(run, tokens))

    def found(self, run: str, devices: Collection[str]) -> None:
        """Note what the run found; to note it twice does no harm."""
        self._patience(lambda: (self._locks.found(run, devices),))

    def had_since(self, run: str, devices: Collection[str]) -> Mapping[str, Holder]:
        """Return who else has had the devices."""
        return self._patience(lambda: self._locks.had_since(run, devices))


class PatientSlots(Slots):
    """Asks the same of other slots, again and again while their database is away."""

    def __init__(self, slots: Slots, patience: Patience) -> None:
        self._slots = slots
        self._patience = patience

    def request(self, run: str, profile: str) -> int:
        """Take a ticket; the one whose answer was lost is given up."""
        return self._patience(lambda: self._slots.request(run, profile))

    def grant(self, ticket: int, limit: int) -> bool:
        """Take a place."""
        return self._patience(lambda: self._slots.grant(ticket, limit))

    def in_the_way(self, ticket: int) -> tuple[Sequence[Claim], Sequence[Claim]]:
        """Return who is at work and who waits."""
        return self._patience(lambda: self._slots.in_the_way(ticket))

    def release(self, run: str) -> None:
        """Give back the run's place."""
        self._patience(lambda: (self._slots.release(run),))
