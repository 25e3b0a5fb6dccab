"""Fakes for tests of steps, gates and observers: devices in memory, a sandbox that notes, an observer that remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nornflow.abc import Cancellation, Devices, DeviceSession, Fence, Observer, Sandbox
from nornflow.errors import DeviceError, GuardDenied, LineRejected, NornFlowError, StepCancelled, StepError
from nornflow.model.confirm import Hold, OwnTimer
from nornflow.model.device import HostView, LeaseReport, Way
from nornflow.model.event import Event, EventKind
from nornflow.model.permission import Grant, Mode
from nornflow.model.plan import SAVES
from nornflow.model.sandbox import HttpResult, ProgramResult
from nornflow.planning.predict import predict
from nornflow.platforms.load import platform_for

R = TypeVar("R")


class RememberingObserver(Observer):
    """Keeps every event it is told."""

    name = "remembering"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)

    def of(self, kind: EventKind) -> list[Event]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if event.kind is kind]


@dataclass
class FakeSandbox(Sandbox):
    """Runs nothing: answers programs from `answers` (by their first word) and keeps files in a mapping."""

    answers: Mapping[str, ProgramResult] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def program(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> ProgramResult:
        """Note the call and give the prepared answer."""
        self.calls.append(tuple(argv))
        return self.answers.get(argv[0], ProgramResult(0, " ".join(argv[1:]) + "\n", ""))

    def script(
        self,
        text: str,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stdin: str = "",
    ) -> ProgramResult:
        """Note the call and answer nothing."""
        self.calls.append(("script", text))
        return ProgramResult(0, "", "")

    def read_text(self, path: str) -> str:
        """Return a prepared or written file; StepError when there is none."""
        if path not in self.files:
            raise StepError(f"there is no file {path}")
        return self.files[path]

    def write_text(self, path: str, text: str, *, mode: int = 0o644) -> Path:
        """Keep the text."""
        self.files[path] = text
        return Path(path)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        timeout: float = 30.0,
        verify: bool = True,
        login: tuple[str, str] | None = None,
    ) -> HttpResult:
        """Note the call and answer 200."""
        self.calls.append((method, url))
        return HttpResult(200, {}, body or "")


@dataclass
class FakeDevice:
    """A device in memory: its configuration, and what it does wrong.

    `rejects` are words: a line that holds one is refused. `broken` raises on every use. `stubborn` lines come back after
    a rollback took them away. `hung` is raised when the configuration is read, until the session is dropped. `answers`
    are the answers to exec commands. `timer` is one of its own, `armed` what it returns to, by token.
    """

    config: str
    platform: str = "cisco_ios"
    rejects: tuple[str, ...] = ()
    broken: NornFlowError | None = None
    stubborn: tuple[str, ...] = ()
    hung: NornFlowError | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    received: list[str] = field(default_factory=list)
    timer: OwnTimer | None = None
    armed: dict[str, str] = field(default_factory=dict)

    def expire(self) -> None:
        """Let the device's own timers end: it returns to what it had when they began."""
        for before in self.armed.values():
            self.config = before
        self.armed.clear()

    def take(self, lines: Sequence[str]) -> None:
        """Take configuration lines one by one, as the platform's grammar says."""
        platform = platform_for(self.platform)
        taken: list[str] = []
        for line in lines:
            if any(word in line for word in self.rejects):
                self.config = predict(self.config, taken, platform).text
                raise LineRejected(f"% Invalid input: {line.strip()}", line=line, marker="% Invalid input")
            if not line.startswith("exec:") and line.strip() not in self.stubborn:
                taken.append(line)
            self.received.append(line)
        self.config = predict(self.config, taken, platform).text


class FakeConnection:
    """A guarded connection to a fake device, of the few netmiko methods that steps in tests need."""

    def __init__(self, session: _FakeSession) -> None:
        self._session = session

    def send_command(self, command: str) -> str:
        """Answer a read."""
        device = self._session.device
        if command == "show running-config":
            return device.config
        if command not in device.answers:
            raise GuardDenied(f"not a read here: {command}")
        return device.answers[command]

    def send_config_set(self, lines: Sequence[str]) -> str:
        """Capture the lines in plan mode, take them when they are the sealed ones."""
        self._session.send(list(lines))
        return ""


class _FakeSession(DeviceSession):
    def __init__(self, name: str, device: FakeDevice, view: HostView, fence: Fence | None = None) -> None:
        self.host = view
        self.device = device
        self._fence = fence
        self.task = _FakeTask(self)
        self._grant: Grant | None = None
        self._report = LeaseReport()

    @contextmanager
    def lease(self, grant: Grant) -> Iterator[LeaseReport]:
        if self.device.broken is not None:
            raise self.device.broken
        self._grant, self._report = grant, LeaseReport()
        try:
            yield self._report
        finally:
            self._grant = None

    def read_config(self, connection: str) -> str:
        self._demand_reachable()
        return self.device.config

    def configure(self, connection: str, lines: Sequence[str], grant: Grant) -> LeaseReport:
        with self.lease(grant) as report:
            self.send(list(lines))
        return report

    def way(self, connection: str) -> Way:
        data = self.device.data
        named = {key: (str(data[key]),) for key in ("management_address", "controller_address") if key in data}
        return Way(named.get("management_address", ()), named.get("controller_address", ()))

    def arm(self, timer: OwnTimer, hold: Hold, pre_image: str, grant: Grant) -> None:
        with self.lease(grant):
            self.device.armed[hold.token] = self.device.config

    def pending(self, timer: OwnTimer, token: str) -> bool:
        self._demand_reachable()
        return token in self.device.armed

    def confirm(self, timer: OwnTimer, token: str, grant: Grant) -> None:
        with self.lease(grant):
            self._demand_reachable()
            if self.device.armed.pop(token, None) is None:
                raise DeviceError(f"{self.host.name}: {timer.name} does not run")

    def revert(self, timer: OwnTimer, token: str, grant: Grant) -> None:
        with self.lease(grant):
            self._demand_reachable()
            self.device.config = self.device.armed.pop(token, self.device.config)

    def _demand_reachable(self) -> None:
        problem = self.device.broken or self.device.hung
        if problem is not None:
            raise problem

    def drop(self) -> None:
        self.device.hung = None

    def get_connection(self, name: str, configuration: object) -> FakeConnection:
        self._report.connections.append(name)
        return FakeConnection(self)

    def send(self, lines: list[str]) -> None:
        grant = self._grant
        if grant is None:
            raise GuardDenied("no lease")
        if grant.mode is Mode.PLAN:
            self._report.captured += lines
        elif grant.sealed is not None and tuple(lines) != grant.sealed:
            self._report.denials.append(f"not the sealed lines: {lines}")
            raise GuardDenied(f"not the sealed lines: {lines}")
        else:
            if self._fence is not None:
                self._fence.begin(self.host.name)
            self._report.sent += lines
            hold = grant.hold
            if hold is not None and hold.token:
                self.device.armed[hold.token] = self.device.config
            self.device.take([line for line in lines if hold is None or not line.startswith(SAVES)])


@dataclass
class _Nornir:
    config: object = None


class _FakeTask:
    def __init__(self, session: _FakeSession) -> None:
        self.host = session
        self.nornir = _Nornir()


class FakeDevices(Devices):
    """Devices in memory for tests of the engine: the work runs in the caller's thread, one device after the other."""

    def __init__(self, devices: Mapping[str, FakeDevice]) -> None:
        self.devices = dict(devices)
        self.fence: Fence | None = None
        self.before: Callable[[str, str], None] = lambda step, host: None
        """Called before each piece of work with the step and the host, to let something happen there."""
        self.after: Callable[[str, str], None] = lambda step, host: None
        """Called after it; a NornFlowError that it raises is the answer, as of work that was ended from outside."""

    def hosts(self) -> Mapping[str, HostView]:
        """Return the devices as the engine sees them."""
        return {
            name: HostView(name, "127.0.0.1", device.platform, device.groups, dict(device.data))
            for name, device in self.devices.items()
        }

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
        """Do the work on each device."""
        views = self.hosts()
        answers: dict[str, R | NornFlowError] = {}
        for host in hosts:
            if cancellation is not None and cancellation.stopping:
                answers[host] = StepCancelled(f"{host}: not started, the run was stopped")
                continue
            try:
                self.before(name, host)
                answers[host] = work(_FakeSession(host, self.devices[host], views[host], self.fence))
                self.after(name, host)
            except NornFlowError as error:
                answers[host] = error
        return answers

    def own_timers(self, host: str) -> Sequence[OwnTimer]:
        """Return the device's timer, if it has one."""
        timer = self.devices[host].timer
        return () if timer is None else (timer,)

    def put_behind(self, fence: Fence) -> None:
        """Ask the fence before lines are taken."""
        self.fence = fence

    def import_task(self, path: str, anywhere: bool) -> Callable[..., Any]:
        """There are no Nornir tasks here."""
        raise StepError(f"no task {path} in memory")

    def close(self, hosts: Sequence[str] | None = None) -> None:
        """Nothing is open."""
