"""Locks, slots and pools that wait for a database that is away, as the store of runs does: all can be asked again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nornflow.abc import DeviceLocks, Pools, Slots
from nornflow.model.lock import Claim, DeviceClaim, Holder
from nornflow.model.pool import Amounts, Asked
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

    def release(self, run: str, tokens: Mapping[str, int], untouched: Collection[str] = ()) -> Mapping[str, str]:
        """Unlock what the run holds."""
        return self._patience(lambda: self._locks.release(run, tokens, untouched))

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


class PatientPools(Pools):
    """Asks the same of other pools, again and again while their database is away."""

    def __init__(self, pools: Pools, patience: Patience) -> None:
        self._pools = pools
        self._patience = patience

    def request(self, run: str, asked: Asked) -> int:
        """Take a ticket; the one whose answer was lost is given up."""
        return self._patience(lambda: self._pools.request(run, asked))

    def grant(self, ticket: int) -> bool:
        """Take what the ticket asks for; what was taken already, and whose answer was lost, is there."""
        return self._patience(lambda: self._pools.grant(ticket))

    def in_the_way(self, ticket: int) -> tuple[Amounts, Sequence[Claim], Sequence[Claim]]:
        """Return what is taken, by whom, and who is served earlier."""
        return self._patience(lambda: self._pools.in_the_way(ticket))

    def release(self, run: str) -> None:
        """Give back what the run holds."""
        self._patience(lambda: (self._pools.release(run),))
