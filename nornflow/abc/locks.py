"""What keeps two runs from one device, and too many from one profile: implemented by stores, driven by the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from nornflow.model.lock import Claim, DeviceClaim, Holder


class Fence(ABC):
    """Stands before every block that is written to a device: no run writes to a device that it does not hold (any more)."""

    @property
    def tokens(self) -> Mapping[str, int]:
        """Return the tokens under which the run holds its devices."""
        return {}

    @abstractmethod
    def covers(self, device: str) -> bool:
        """Tell whether the run has locked the device at all: one on which nothing is to be changed it has not."""

    @abstractmethod
    def check(self, device: str) -> None:
        """Raise LockLost unless the run holds the device now; what was found a moment ago may be taken for now."""

    @abstractmethod
    def begin(self, device: str) -> None:
        """Raise LockLost unless the run holds the device now; the store is asked, whatever was found before."""


class DeviceLocks(ABC):
    """The locks of devices, as one process sees them. A run takes all devices that it needs in one go, or none.

    Requests are served in the order of their tickets: a request is granted when no run that lives holds one of its
    devices, and none that lives and asked earlier wants one. So nobody waits for each other, and nobody waits for ever.
    Each grant raises the token of each device, which is never used again. Every method raises StoreError, and RunLost
    when others have taken this process for dead.
    """

    @abstractmethod
    def request(self, run: str, devices: Collection[str]) -> int:
        """Take a ticket for these devices (at least one); an older one of the run is given up."""

    @abstractmethod
    def grant(self, ticket: int) -> Mapping[str, int] | None:
        """Return the token of each device when they could all be locked; None while a run is in the way."""

    @abstractmethod
    def in_the_way(self, ticket: int) -> Sequence[DeviceClaim]:
        """Return who holds devices of the ticket or asked for them earlier, by device."""

    @abstractmethod
    def leave_out(self, ticket: int, devices: Collection[str]) -> None:
        """Want these devices no longer; at least one must stay."""

    @abstractmethod
    def withdraw(self, ticket: int) -> None:
        """Give the ticket up."""

    @abstractmethod
    def demand(self, run: str, device: str, token: int) -> None:
        """Raise LockLost, saying who has the device now, unless the run holds it under this token."""

    @abstractmethod
    def release(self, run: str, tokens: Mapping[str, int], untouched: Collection[str] = ()) -> Mapping[str, str]:
        """Unlock what the run holds under these tokens; return the devices that it had lost, each with how.

        Of those that it has left `untouched` in all its processes nobody learns, whoever resumes a run, that it held them.
        """

    @abstractmethod
    def found(self, run: str, devices: Collection[str]) -> None:
        """Note that the run found these devices as they should be and does not lock them.

        That matters to whoever resumes a run that was cut off on one of them. Devices that a living run holds are let be:
        what that run does to them it would do in any case.
        """

    @abstractmethod
    def had_since(self, run: str, devices: Collection[str]) -> Mapping[str, Holder]:
        """Return who else has had which of these devices since the run first held it: of each the last who held it.

        Or, if nobody held it, the last who found it as it should be. In whichever process the run itself held it does not
        count; a lock of it that was broken does.
        """


class Slots(ABC):
    """Places at work under a profile, as many as it allows in all processes together; served in the order of asking."""

    @abstractmethod
    def request(self, run: str, profile: str) -> int:
        """Take a ticket; an older one of the run is given up."""

    @abstractmethod
    def grant(self, ticket: int, limit: int) -> bool:
        """Take a place if fewer than `limit` are taken and nobody who lives asked earlier; tell whether it was taken."""

    @abstractmethod
    def in_the_way(self, ticket: int) -> tuple[Sequence[Claim], Sequence[Claim]]:
        """Return who is at work under the profile, and who waits and asked earlier, in order."""

    @abstractmethod
    def release(self, run: str) -> None:
        """Give back the run's place, or its ticket."""
