"""Locks of devices in memory for one run at a time: whoever died holds nothing, and others come by in between."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from nornflow.abc import DeviceLocks, Slots
from nornflow.engine.turns import Turns
from nornflow.errors import LockLost
from nornflow.model.lock import Claim, DeviceClaim, Holder

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class MemoryLocks(DeviceLocks):
    """Gives whatever is asked for at once, and remembers who had what; `asked` is what was asked for, in order."""

    def __init__(self) -> None:
        self.history: dict[str, list[Holder]] = {}
        self.asked: list[frozenset[str]] = []
        self.noted: list[str] = []
        self._held: dict[str, int] = {}
        self._run = ""

    @property
    def turns(self) -> Turns:
        """Return where runs queue here: nobody waits."""
        return Turns(self, NoQueue())

    def come_by(self, run: str, *devices: str, held: bool = True) -> None:
        """Let another run have devices (or find them in order) and end."""
        for device in devices:
            self._note(device, run, held=held)

    def broken(self, by: str, device: str) -> None:
        """Let somebody break the lock of a device."""
        self.history.setdefault(device, []).append(Holder(device, "", "", by, NOON))

    def _note(self, device: str, run: str, *, held: bool) -> int:
        self.history.setdefault(device, []).append(Holder(device, run, "hotfix", "bob", NOON, held))
        return len(self.history[device])

    def request(self, run: str, devices: Collection[str]) -> int:
        self._run = run
        self.asked.append(frozenset(devices))
        return len(self.asked)

    def grant(self, ticket: int) -> Mapping[str, int]:
        self._held = {device: self._note(device, self._run, held=True) for device in sorted(self.asked[ticket - 1])}
        return dict(self._held)

    def in_the_way(self, ticket: int) -> Sequence[DeviceClaim]:
        return ()

    def leave_out(self, ticket: int, devices: Collection[str]) -> None:
        raise AssertionError("nobody is in the way here")

    def withdraw(self, ticket: int) -> None:
        raise AssertionError("nobody waits here")

    def demand(self, run: str, device: str, token: int) -> None:
        if self._held.get(device) != token:
            raise LockLost(f"{device} is not held")

    def release(self, run: str, tokens: Mapping[str, int], untouched: Collection[str] = ()) -> Mapping[str, str]:
        for device in tokens:
            del self._held[device]
        for device in untouched:
            self.history[device] = [each for each in self.history[device] if each.run != run]
        return {}

    def found(self, run: str, devices: Collection[str]) -> None:
        self.noted += sorted(devices)

    def had_since(self, run: str, devices: Collection[str]) -> Mapping[str, Holder]:
        found: dict[str, Holder] = {}
        for device in devices:
            whole = self.history.get(device, [])
            first = next((number for number, each in enumerate(whole) if each.run == run), len(whole))
            others = [each for each in whole[first:] if each.run != run]
            for each in sorted(others, key=lambda holder: holder.held):
                found[device] = each
        return found


class NoQueue(Slots):
    """There is always a place."""

    def request(self, run: str, profile: str) -> int:
        return 1

    def grant(self, ticket: int, limit: int) -> bool:
        return True

    def in_the_way(self, ticket: int) -> tuple[Sequence[Claim], Sequence[Claim]]:
        return (), ()

    def release(self, run: str) -> None:
        """Nothing is kept."""
