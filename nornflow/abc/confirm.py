"""What plugins implement for devices that take an unconfirmed change back by themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar


class DeadMan(ABC):
    """A device's own timer: unless it is confirmed, the device returns to what it had, whatever became of the controller.

    A connection's guard names its timers by platform (`ConnectionGuard.dead_men`). Only the guard calls them, with the
    driver of that connection and under a lease; tasks cannot. `token` is a name that the engine gives, unique on the device
    and kept before the timer is armed, so that another process finds it again. Each method may be called from a new session
    and raises DeviceError and its kinds. One instance serves all devices, so it holds no state.
    """

    name: ClassVar[str]
    """What people are shown, as `EOS commit timer`."""
    with_commit: ClassVar[bool] = False
    """True where the timer begins with the commit of a candidate; it then holds one commit at a time."""

    @abstractmethod
    def arm(self, driver: Any, token: str, seconds: int, pre_image: str) -> None:
        """Begin the timer: unless it is confirmed within `seconds`, the device returns to `pre_image`, its configuration now.

        With `with_commit`: make ready for a candidate that is going to be committed under this name (`pre_image` is empty).
        """

    def commit(self, driver: Any, token: str, seconds: int) -> None:
        """Commit the candidate that was loaded and begin the timer; only for timers that are `with_commit`.

        The session may be closed afterwards without an effect on the timer.
        """
        raise NotImplementedError(f"{self.name} does not begin with a commit")

    @abstractmethod
    def pending(self, driver: Any, token: str) -> bool:
        """Tell whether the timer still runs; false when it was confirmed, is over, or was never begun."""

    @abstractmethod
    def confirm(self, driver: Any, token: str) -> None:
        """Stop the timer, so that the change stands; DeviceError when it does not run any more."""

    @abstractmethod
    def revert(self, driver: Any, token: str) -> None:
        """Have the device return at once to what it had; nothing happens when the timer does not run any more."""
