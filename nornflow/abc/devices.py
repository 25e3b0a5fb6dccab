"""Devices as the engine knows them: sessions with leases, many at once, and the wish that work shall end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from nornflow.abc.confirm import DeadMan as DeadMan
from nornflow.abc.locks import Fence
from nornflow.errors import DeviceError, NornFlowError
from nornflow.model.confirm import Hold, OwnTimer
from nornflow.model.device import HostView, LeaseReport, Way
from nornflow.model.permission import Grant

R = TypeVar("R")


class DeviceSession(ABC):
    """One device inside a worker thread, for the length of one piece of work."""

    host: HostView
    task: Any

    @property
    def ended(self) -> bool:
        """True once the work was ended from outside: whatever it still gives is not its answer any more."""
        return False

    @abstractmethod
    def lease(self, grant: Grant) -> AbstractContextManager[LeaseReport]:
        """Hold a lease: inside the `with`, connections of this device do what the grant allows, afterwards nothing."""

    @abstractmethod
    def read_config(self, connection: str) -> str:
        """Return the running configuration over the named connection, under a read-only lease of its own."""

    @abstractmethod
    def configure(self, connection: str, lines: Sequence[str], grant: Grant) -> LeaseReport:
        """Send exactly these lines under a lease of their own; raises as ConnectionGuard.configure."""

    def compare_replace(self, connection: str, text: str) -> str | None:
        """Return the device's own diff of making the text its whole configuration; None when it has no way to tell."""
        return None

    def replace(self, connection: str, text: str, grant: Grant) -> None:
        """Make the text the whole configuration in one move, under a lease of its own; raises as ConnectionGuard.replace."""
        raise DeviceError(f"{connection} replaces no whole configuration")

    def way(self, connection: str) -> Way:
        """Return the way by which the named connection reaches the device, as far as it is known; asks no device."""
        return Way()

    @abstractmethod
    def drop(self) -> None:
        """Close this device's connections, so that the next use opens new ones."""

    @abstractmethod
    def arm(self, timer: OwnTimer, hold: Hold, pre_image: str, grant: Grant) -> None:
        """Begin the device's own timer under a lease of its own; raises as DeadMan.arm."""

    @abstractmethod
    def pending(self, timer: OwnTimer, token: str) -> bool:
        """Tell whether the device's own timer still runs."""

    @abstractmethod
    def confirm(self, timer: OwnTimer, token: str, grant: Grant) -> None:
        """Stop the device's own timer, so that its change stands, under a lease of its own; raises as DeadMan.confirm."""

    @abstractmethod
    def revert(self, timer: OwnTimer, token: str, grant: Grant) -> None:
        """Have the device take its change back at once, under a lease of its own; raises as DeadMan.revert."""


class Cancellation(ABC):
    """Tells long work whether to stop: `stopping` after the current device, `aborted` now."""

    @property
    @abstractmethod
    def stopping(self) -> bool:
        """True once no new device or step shall be started."""

    @property
    @abstractmethod
    def aborted(self) -> bool:
        """True once work in progress shall end."""

    @abstractmethod
    def on_abort(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once on abort (at once if it already happened); returns a function that takes the callback off."""


class Devices(ABC):
    """The devices of one inventory: the engine's only way to them."""

    fence: Fence | None = None
    """What is asked before anything is written, if anything is."""

    @abstractmethod
    def hosts(self) -> Mapping[str, HostView]:
        """Return every device of the inventory by name, in the inventory's order."""

    @abstractmethod
    def run(
        self,
        name: str,
        hosts: Sequence[str],
        work: Callable[[DeviceSession], R],
        *,
        timeout: float | None = None,
        limits: Mapping[str, float] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Mapping[str, R | NornFlowError]:
        """Do the work on each device in parallel; each host appears in the answer with a result or the error that ended it.

        When `timeout` (seconds, per device, counted from its start; `limits` has less for single devices) is over the
        device's sessions are closed, its lease is revoked and the answer is StepTimeout; devices not started when
        `cancellation` says stop answer StepCancelled. A commit or a save that is at work comes to its end before that.
        """

    def own_timers(self, host: str) -> Sequence[OwnTimer]:
        """Return what the device can do by itself about a change that nobody confirms, best first; nothing as a rule."""
        return ()

    def reached_by(self, host: str) -> Mapping[str, Any]:
        """Return, as plain data, what decides which device answers under the name, and to whom: no password."""
        return {}

    def put_behind(self, fence: Fence) -> None:
        """From now on ask the fence before every block that is written to a device; when it raises, nothing is sent."""
        self.fence = fence

    def share(self, processes: int) -> None:  # noqa: B027 - nothing to do where one process works on all
        """Be one of so many processes that share the devices: together they work on as many at once as one alone."""

    @abstractmethod
    def import_task(self, path: str, anywhere: bool) -> Callable[..., Any]:
        """Import a Nornir task by its dotted path; PolicyDenied when it lies outside the project and nornir_* packages."""

    @abstractmethod
    def close(self, hosts: Sequence[str] | None = None) -> None:
        """Close the connections of these devices, or of all."""
