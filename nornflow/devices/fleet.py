"""The devices of one inventory behind the guard: what the engine drives, made of Nornir."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nornflow.abc import Cancellation, ConnectionGuard, Devices, DeviceSession, Fence
from nornflow.devices.guard import (
    Lease,
    abort_host,
    close_host,
    guard_hosts,
    guarded_arm,
    guarded_compare_replace,
    guarded_configure,
    guarded_confirm,
    guarded_pending,
    guarded_read_config,
    guarded_replace,
    guarded_revert,
    guarded_way,
    held,
    revoke,
)
from nornflow.devices.inventory import Only, host_view, load_inventory
from nornflow.devices.runner import HostRunner
from nornflow.devices.tasks import import_task
from nornflow.engine.strangers import told
from nornflow.errors import NornFlowError, StepCancelled, StepTimeout
from nornflow.model.confirm import Hold, OwnTimer
from nornflow.model.device import HostView, LeaseReport, Way
from nornflow.model.permission import Grant, Mode, covers
from nornflow.platforms.load import platform_for
from nornflow.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nornir.core.inventory import Defaults, Group, Host
    from nornir.core.task import Task

R = TypeVar("R")
READ_ONLY = frozenset(("device.read",))
PATIENCE = 30.0
"""Seconds that a commit or a save gets to come to its end, when the work on its device is to end."""
WRITES = ("device.configure", "device.command", "device.raw")


class NornirSession(DeviceSession):
    """One Nornir host in a worker thread; remembers the lease it holds, so that a watchdog can take it away."""

    def __init__(self, task: Task, view: HostView, fence: Fence | None = None) -> None:
        self.task = task
        self.host = view
        self._fence = fence
        self._platform = platform_for(view.nos)
        self._lease: Lease | None = None
        self._was_cut = False
        self._patient_until: float | None = None

    @property
    def ended(self) -> bool:
        """True once the session was cut."""
        return self._was_cut

    @contextmanager
    def lease(self, grant: Grant) -> Iterator[LeaseReport]:
        """Hold a lease in this thread for the length of the `with`."""
        report = LeaseReport()
        lease = self._lease = Lease(grant, self._platform, report, self._fence)
        try:
            if self._was_cut:  # between two leases there was none to take away
                raise StepCancelled(f"{self.host.name}: the work was ended, nothing more is done on the device")
            if self._fence is not None and _writes(grant) and self._fence.covers(self.host.name):
                lease.fenced(begins=True)  # what is not sent over a guarded connection has no other fence
            with held(lease):
                yield report
        finally:
            self._lease = None

    def read_config(self, connection: str) -> str:
        """Return the running configuration over the named connection."""
        grant = Grant(self.host.name, "read-config", Mode.APPLY, READ_ONLY, sealed=())
        with self.lease(grant):
            return guarded_read_config(self.task.host, connection)

    def configure(self, connection: str, lines: Sequence[str], grant: Grant) -> LeaseReport:
        """Send exactly these lines, in order."""
        with self.lease(grant) as report:
            guarded_configure(self.task.host, connection, lines)
        return report

    def compare_replace(self, connection: str, text: str) -> str | None:
        """Return the device's own diff of making the text its whole configuration."""
        with self.lease(Grant(self.host.name, "rehearse", Mode.PLAN, READ_ONLY)):
            return guarded_compare_replace(self.task.host, connection, text)

    def replace(self, connection: str, text: str, grant: Grant) -> None:
        """Make the text the whole configuration."""
        with self.lease(grant):
            guarded_replace(self.task.host, connection, text)

    def way(self, connection: str) -> Way:
        """Return the way by which the connection reaches the device."""
        return guarded_way(self.task.host, connection, self.host)

    def arm(self, timer: OwnTimer, hold: Hold, pre_image: str, grant: Grant) -> None:
        """Begin the device's own timer."""
        with self.lease(grant):
            guarded_arm(self.task.host, timer, hold, pre_image)

    def pending(self, timer: OwnTimer, token: str) -> bool:
        """Tell whether the device's own timer still runs."""
        with self.lease(Grant(self.host.name, "confirm", Mode.APPLY, READ_ONLY, sealed=())):
            return guarded_pending(self.task.host, timer, token)

    def confirm(self, timer: OwnTimer, token: str, grant: Grant) -> None:
        """Stop the device's own timer, so that its change stands."""
        with self.lease(grant):
            guarded_confirm(self.task.host, timer, token)

    def revert(self, timer: OwnTimer, token: str, grant: Grant) -> None:
        """Have the device take its change back at once."""
        with self.lease(grant):
            guarded_revert(self.task.host, timer, token)

    def drop(self) -> None:
        """Close this device's connections."""
        close_host(self.task.host)

    def cut(self, patience: float = PATIENCE, monotonic: Callable[[], float] = time.monotonic) -> bool:
        """Take the lease away, give out no other one, and close the sockets; called, again and again, from another thread.

        False while a commit or a save is at work, which gets at most `patience` seconds from the first call on.
        """
        self._was_cut = True
        lease = self._lease
        if lease is not None and not revoke(lease):
            if self._patient_until is None:
                self._patient_until = monotonic() + patience
            if monotonic() < self._patient_until:
                return False
            revoke(lease, even_whole=True)
        abort_host(self.task.host)
        return True


class NornirDevices(Devices):
    """The hosts of a Nornir inventory, or `only` some of them, each behind the guard.

    Built lazily: 10,000 hosts cost their YAML, nothing more.
    """

    def __init__(
        self,
        source: Path | Mapping[str, Any],
        guards: Mapping[str, ConnectionGuard],
        *,
        workers: int,
        redactor: Redactor,
        tasks: Path,
        login: tuple[str, str] = ("", ""),
        patience: float = PATIENCE,
        only: Only = None,
    ) -> None:
        from nornir.core import Nornir
        from nornir.core.inventory import Hosts, Inventory

        self._inventory = load_inventory(source, only)
        defaults = self._inventory.defaults
        defaults.username = defaults.username or login[0] or None
        defaults.password = defaults.password or login[1] or None
        self._guards = guards
        guard_hosts(self._inventory.hosts, guards, redactor=redactor)
        self._views = {name: host_view(host) for name, host in self._inventory.hosts.items()}
        self._redactor = redactor
        self._workers = workers
        self._patience = patience
        self._tasks = tasks
        self._imported: dict[tuple[str, bool], Callable[..., Any]] = {}
        self._importing = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._nornir = Nornir
        self._subset: Callable[[Sequence[str]], Inventory] = lambda names: Inventory(
            hosts=Hosts({name: self._inventory.hosts[name] for name in names}),
            groups=self._inventory.groups,
            defaults=self._inventory.defaults,
        )

    def hosts(self) -> Mapping[str, HostView]:
        """Return every device by name."""
        return self._views

    def reached_by(self, host: str) -> Mapping[str, Any]:
        """Return address, port, login name and the connections with their options, as Nornir resolves them."""
        found = self._inventory.hosts[host]
        connections = {}
        for name in sorted(self._connections_of(host)):
            one = found.get_connection_parameters(name)
            extras = {
                key: item
                for key, item in (one.extras or {}).items()
                if self._redactor.value({key: item}) == {key: item}
            }
            connections[name] = [one.hostname, one.port, one.username, one.platform, extras]
        return {"address": [found.hostname, found.port, found.platform, found.username], "connections": connections}

    def own_timers(self, host: str) -> Sequence[OwnTimer]:
        """Return the timers of the device's platform over connections that it has; those armed before the first line first.

        One over a connection that nobody configures in the inventory counts only where it begins with a commit: there a
        step must have opened that connection anyway.
        """
        platform = platform_for(self._views[host].nos).name
        named = self._connections_of(host)
        found = [
            OwnTimer(dead_man.name, name, dead_man.with_commit)
            for name, guard in self._guards.items()
            if (dead_man := guard.dead_men.get(platform)) is not None and (dead_man.with_commit or name in named)
        ]
        return sorted(found, key=lambda timer: timer.with_commit)

    def _connections_of(self, host: str) -> frozenset[str]:
        """Return the connections that the inventory says something about: of the host, its groups, or for all."""
        item = self._inventory.hosts[host]
        elements: tuple[Host | Group | Defaults, ...] = (item, *item.extended_groups(), item.defaults)
        return frozenset(name for element in elements for name in element.connection_options)

    def share(self, processes: int) -> None:
        """Work on the so-manieth part of the devices at once."""
        self._workers = -(-self._workers // processes)

    def import_task(self, path: str, anywhere: bool) -> Callable[..., Any]:
        """Import a Nornir task by its dotted path."""
        key = (path, anywhere)
        with self._importing:  # while one thread imports a module, the others must not find it half made
            if key not in self._imported:
                self._imported[key] = import_task(path, anywhere=anywhere, tasks=self._tasks)
            return self._imported[key]

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
        """Do the work on each device in parallel, one piece of work per device at a time."""
        if not hosts:
            return {}
        answers: dict[str, R | NornFlowError] = {}
        sessions: dict[str, NornirSession] = {}
        late: set[str] = set()

        def unit(task: Task) -> None:
            host = task.host.name
            if cancellation is not None and cancellation.stopping:
                answers[host] = StepCancelled(f"{host}: not started, the run was stopped")
                return
            with self._busy.setdefault(host, threading.Lock()):
                if host in late:  # its time was over while the work before it was still on the device
                    return
                session = sessions[host] = NornirSession(task, self._views[host], self.fence)
                if host in late:  # it was over just now, when there was no session to cut yet
                    return
                answer: R | NornFlowError
                try:
                    answer = work(session)
                except NornFlowError as error:
                    answer = error
                except BaseException as error:  # noqa: BLE001 - a stranger's task may raise anything; it fails its device
                    answer = told(error, "the task")
                answers.setdefault(host, answer) if host in late else answers.__setitem__(host, answer)

        def expired(host: str) -> bool:
            if host not in late and host not in answers:
                late.add(host)
                answers[host] = _too_late(host, name, timeout, (limits or {}).get(host))
            return host not in sessions or sessions[host].cut(self._patience)

        def abort() -> None:
            for host in hosts:
                if host not in answers:
                    late.add(host)
                    answers[host] = StepCancelled(f"{host}: cut off in the middle of {name}")
            runner.hurry()

        for platform in {self._views[host].nos for host in hosts}:
            platform_for(platform)  # its grammar is read once here, and not by fifty threads at the same moment

        def lost(host: str) -> None:
            # the thread that is left behind has neither lease nor sessions any more, but it may hold the device for good:
            # what comes next, a rollback above all, must not wait for it
            self._busy[host] = threading.Lock()

        runner = HostRunner(self._workers, timeout, expired, lost, limits=limits)
        forget = cancellation.on_abort(abort) if cancellation is not None else lambda: None
        try:
            nornir = self._nornir(inventory=self._subset(hosts), runner=runner)
            nornir.run(task=unit, name=name)
        finally:
            forget()
        return {host: answers[host] for host in hosts}

    def close(self, hosts: Sequence[str] | None = None) -> None:
        """Close the connections of these devices, or of all, side by side."""
        names = hosts if hosts is not None else [n for n, h in self._inventory.hosts.items() if h.connections]
        if not names:
            return

        def shut(task: Task) -> None:
            with suppress(NornFlowError, OSError):
                close_host(task.host)

        def cut(name: str) -> bool:
            abort_host(self._host(name))
            return True

        runner = HostRunner(self._workers, 10.0, cut, lambda host: None)
        self._nornir(inventory=self._subset(list(names)), runner=runner).run(task=shut, name="close")

    def _host(self, name: str) -> Host:
        return self._inventory.hosts[name]


def _too_late(host: str, name: str, timeout: float | None, limit: float | None) -> StepTimeout:
    if limit is not None and (timeout is None or limit < timeout):
        return StepTimeout(
            f"{host}: {name} did not end within the {limit:g} s that were left of its host_timeout; its sessions were closed",
            hint="raise `host_timeout` of the rollout, or look at what the device was doing",
        )
    return StepTimeout(
        f"{host}: {name} did not end within {timeout:g} s; its sessions were closed",
        hint="raise the step's timeout, or look at what the device was doing",
    )


def _writes(grant: Grant) -> bool:
    return grant.mode is Mode.APPLY and any(covers(grant.permissions, name) for name in WRITES)
