"""What lets runs share resources of which there is only so much: implemented by stores, driven by the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from nornflow.model.lock import Claim
from nornflow.model.pool import Amounts, Asked


class Pools(ABC):
    """Resources that all processes together take no more of than there is; served as `model.pool.served` says.

    Every method raises StoreError, and RunLost when others have taken this process for dead: what it held is free then.
    """

    @abstractmethod
    def request(self, run: str, asked: Asked) -> int:
        """Take a ticket; an older one of the run is given up, with what it held."""

    @abstractmethod
    def grant(self, ticket: int) -> bool:
        """Take what the ticket asks for if it is its turn; tell whether it was taken."""

    @abstractmethod
    def in_the_way(self, ticket: int) -> tuple[Amounts, Sequence[Claim], Sequence[Claim]]:
        """Return what is taken of that which the ticket asks for, who holds it, and who waits and is served earlier."""

    @abstractmethod
    def release(self, run: str) -> None:
        """Give back what the run holds, or its ticket."""
