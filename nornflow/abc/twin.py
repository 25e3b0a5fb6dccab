"""What stands in for a device while a change is planned: a scratch one of the same make, on which it is played."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

from nornflow.model.device import HostView


class Stage(ABC):
    """A scratch device. One device after another is played on it; everything may raise DeviceError."""

    @abstractmethod
    def load(self, host: HostView, running: str, lines: Sequence[str]) -> str:
        """Become the device: take its running configuration, whatever stood here before, and return what is shown then.

        `lines` is everything that will be typed, so that what they need (interfaces, daemons) is there as it is on the
        device. DeviceError, with the reason in words, when this device cannot be stood in for (another version, for one).
        """

    @abstractmethod
    def apply(self, lines: Sequence[str]) -> str:
        """Type configuration lines, as they would be typed on the device, and return the running configuration then.

        LineRejected at the first that is refused; those before it stay.
        """

    def lines_to(self, wanted: str) -> Sequence[str]:
        """Return the lines that the maker's own tool would type to come from here to a configuration; none without one."""
        return ()


class Twin(ABC):
    """Stands in for devices of some platforms, so that a change and its way back are played before they are sent.

    The engine judges what a twin shows and takes nobody's word: only what it shows to be the device's configuration, and
    to be it again after the way back, counts as proven. One instance serves all runs and threads and holds no state.
    """

    name: ClassVar[str]
    platforms: ClassVar[frozenset[str]]
    """The platforms that it stands in for, by the name of their grammar."""
    at_once: ClassVar[int] = 2
    """How many stages may stand at the same time."""

    def obstacle(self) -> str:
        """Return in words why it cannot run on this machine; empty when it can."""
        return ""

    @abstractmethod
    def stage(self) -> AbstractContextManager[Stage]:
        """Set up a scratch device; at the end of the `with` nothing of it is left, nor of any whose process died."""
