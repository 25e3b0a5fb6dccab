"""What plugins and adapters implement, with their guarantees in words; interfaces alone, no behaviour but defaults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from nornflow.abc.confirm import DeadMan as DeadMan
from nornflow.abc.devices import Cancellation as Cancellation
from nornflow.abc.devices import Devices as Devices
from nornflow.abc.devices import DeviceSession as DeviceSession
from nornflow.abc.locks import DeviceLocks as DeviceLocks
from nornflow.abc.locks import Fence as Fence
from nornflow.abc.locks import Slots as Slots
from nornflow.abc.pipelines import PipelineStore as PipelineStore
from nornflow.abc.pipelines import Starter as Starter
from nornflow.abc.pools import Pools as Pools
from nornflow.abc.store import EventSink as EventSink
from nornflow.abc.store import Journal as Journal
from nornflow.abc.store import RunStore as RunStore
from nornflow.abc.twin import Stage as Stage
from nornflow.abc.twin import Twin as Twin
from nornflow.abc.waits import Waits as Waits
from nornflow.errors import DeviceError, ExpressionError
from nornflow.model.cached import Doing
from nornflow.model.decision import Decision, GateRequest
from nornflow.model.device import Change, HostView, Target
from nornflow.model.event import Event
from nornflow.model.permission import Mode
from nornflow.model.run import RunInfo, StepResult
from nornflow.model.sandbox import HttpResult, ProgramResult
from nornflow.model.step import Scope
from nornflow.model.surface import Surface
from nornflow.model.wait import Awaited, Wait
from nornflow.record import record

if TYPE_CHECKING:
    from pydantic import BaseModel


class Sandbox(ABC):
    """The only way from a step to processes, files and the network; every call is held against profile and permissions.

    Each method raises PolicyDenied (with rule and hint) before anything is done, StepTimeout when the time is over and
    ResourceExhausted when a limit of the profile was hit; nothing survives the call: children are killed as a group.
    """

    @abstractmethod
    def program(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> ProgramResult:
        """Run a program without a shell; needs `shell.execute` and the profile's command list."""

    @abstractmethod
    def script(
        self,
        text: str,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stdin: str = "",
    ) -> ProgramResult:
        """Run a shell script whose values arrive by environment and standard input only; needs `shell.script`."""

    @abstractmethod
    def read_text(self, path: str) -> str:
        """Read a UTF-8 file of the workspace or the project; needs `file.read`; symlinks out of there are refused."""

    @abstractmethod
    def write_text(self, path: str, text: str, *, mode: int = 0o644) -> Path:
        """Write a file into the run's workspace, atomically; needs `file.write`."""

    @abstractmethod
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
        """Send an HTTP request; needs `http.request` and the profile's domains, checked again at each redirect.

        `verify` false takes any certificate, as devices with one of their own need it. `login` is a user's name and the
        environment variable (`NORNFLOW_...`) that holds the password (RFC 7617); it needs `secret.read`, and the password
        is masked from then on wherever it would be shown.
        """


@record
class StepContext:
    """What a step may see and use. `task` is the Nornir task of a device step (None in a step of the run).

    `names` is the namespace of expressions (inputs, vars, steps, workflow, run, host, env, item); `render` renders a
    template string with it (a string that is one whole `{{ }}` keeps its type), `evaluate` evaluates an expression, both
    take further names as keywords and raise ExpressionError. `emit` shows a line of live output. `nornir_task` imports
    the Nornir task of a dotted path when the profile allows it (PolicyDenied otherwise). `change` is there while a step
    applies configuration lines that were planned: what it found, and what it may ask of the engine. `wait` is what the step
    waited for (`StepType.awaits`), with who answered what and the data of a signal. `clock` gives the time in UTC.
    """

    mode: Mode
    step: str
    run: RunInfo
    sandbox: Sandbox
    names: Mapping[str, Any]
    render: Callable[..., Any]
    evaluate: Callable[..., Any]
    emit: Callable[[str], None]
    nornir_task: Callable[[str], Callable[..., Any]]
    host: HostView | None = None
    task: Any = None
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    change: Change | None = None
    wait: Wait | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def render_text(self, text: str, **more: Any) -> str:
        """Render a template whose result is a text, as a file's: ExpressionError when it is one `{{ }}` that gives null."""
        value = self.render(text, **more)
        if value is None:
            raise ExpressionError("a null would become text", hint="give it a value: `{{ x | default('') }}`")
        return str(value)

    def connection(self, name: str) -> Any:
        """Return the guarded connection of this device, opened on first use; GuardDenied without a guard for the name."""
        return self.task.host.get_connection(name, self.task.nornir.config)


class StepType(ABC):
    """One kind of step: its name, parameters, needs, and what it does.

    A device-scoped step's `apply` runs once per device inside a Nornir task; in plan mode the engine calls `plan`, which by
    default calls `apply` on guarded connections that capture configuration instead of sending it. A run-scoped step is not
    called in plan mode unless it overrides `plan`. Steps must be free of state: one instance serves all runs and threads.
    """

    name: str
    scope: Scope = Scope.DEVICE
    permissions: frozenset[str] = frozenset()
    verifies: bool = False
    """True for a check of the network after the change (assert, validate): not run while planning."""
    read_only: bool = False
    """True for a type that changes nothing anywhere, and whose result depends on nothing but its rendered parameters, its
    environment, the files that they name and the device: only then may its result be used again (`cache`)."""
    result_keys: tuple[str, ...] = ()
    """The names of the outputs this step produces, for completion and diagnostics."""

    @property
    @abstractmethod
    def Params(self) -> type[BaseModel]:
        """The pydantic model of the step's own keys; mark fields with `Verbatim`, `Expression` or `Words` (registration)."""

    @abstractmethod
    def apply(self, context: StepContext, params: Any) -> StepResult:
        """Do the step's work and say how it ended; raise StepError (or a subclass) when it did not do it."""

    def plan(self, context: StepContext, params: Any) -> StepResult | None:
        """Work out what `apply` would do without doing it; None says that the step has no plan."""
        return self.apply(context, params) if self.scope is Scope.DEVICE else None

    def awaits(self, context: StepContext, params: Any) -> Awaited | None:
        """Return what must come before `apply` is called, None when nothing must; only steps of the run are asked.

        While it has not come the run waits without a process. `apply` finds in `context.wait` what came of it; it is not
        called when people said no or it took too long. `awaits` is asked again when a moment was missed (`Awaited.latest`),
        and `apply` of such a type does no more than say what came: it is called once more when the process dies in it.
        """
        return None

    def waits(self, params: Mapping[str, Any]) -> bool:
        """Tell whether a step with these (unrendered) parameters may wait without a process; so does who has `awaits`."""
        return type(self).awaits is not StepType.awaits

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return the permissions this step needs with these (unrendered) parameters; by default `permissions`."""
        return frozenset(self.permissions)

    def reads_only(self, params: Mapping[str, Any]) -> bool:
        """Tell whether the step is read-only with these (unrendered) parameters; by default `read_only`."""
        return self.read_only


class ConnectionGuard(ABC):
    """How one Nornir connection plugin (netmiko, napalm ...) is opened, read, configured and kept under the guard.

    Only the guard calls these. Tasks get a facade of the driver that has what `surface` names and nothing else. Errors are
    mapped to DeviceError subclasses: AuthenticationFailed, Unreachable, ConnectionLost, UnexpectedPrompt. One instance
    serves all devices and threads, so it holds no state.
    """

    connection: ClassVar[str]
    surface: ClassVar[Surface]
    native_platforms: ClassVar[frozenset[str]] = frozenset()
    """Platforms whose candidate lives on the device and is really loaded, compared and discarded while planning."""
    dead_men: ClassVar[Mapping[str, DeadMan]] = MappingProxyType({})
    """By platform, what takes an unconfirmed change back on the device itself; armed over this connection."""

    def load(self) -> None:  # noqa: B027 - a plugin may have nothing that takes long to load
        """Import what `open` takes, so that the first session does not wait for it."""

    @abstractmethod
    def open(self, target: Target, wrap: Callable[[Any], Any]) -> Any:
        """Log in and return the driver, settled at the exec prompt with paging off.

        A driver that works on a `paramiko.Channel` gets `wrap(channel)` in its place, as soon as there is one: from then on
        what it writes is judged line by line, and it has `ask(command)`, `push(lines)` and `settle()`. Without a call of
        `wrap` (API drivers) only the facade stands between a task and the device.
        """

    @abstractmethod
    def close(self, driver: Any) -> None:
        """End the session; never raises because the other side is gone."""

    @abstractmethod
    def forget(self, driver: Any) -> None:
        """Clear every copy of the credentials that the driver holds and no longer needs."""

    @abstractmethod
    def read_config(self, driver: Any) -> str:
        """Return the running configuration as the device shows it."""

    @abstractmethod
    def configure(self, driver: Any, lines: Sequence[str]) -> None:
        """Send configuration lines one by one; LineRejected at the first that the device refuses, after leaving its mode."""

    def execute(self, driver: Any, command: str) -> str:
        """Run one exec command that was granted (saving, for one) and return the answer; DeviceError when it cannot."""
        raise DeviceError(f"{self.connection}: the driver runs no exec commands", hint="use another connection for it")

    def replace(self, driver: Any, text: str) -> None:
        """Make the text the running configuration in one move; DeviceError when the driver cannot."""
        raise DeviceError(
            f"{self.connection}: the driver cannot replace a whole configuration",
            hint="a platform with a native candidate can (NAPALM on Arista EOS); here the change is taken back by lines",
        )

    def compare_replace(self, driver: Any, text: str) -> str | None:
        """Return the device's own diff of making the text its whole configuration; None when it does not tell.

        Called while planning, on `native_platforms` only: the candidate is thrown away, nothing is committed.
        """
        return None

    def begin_candidate(self, driver: Any, run: str) -> None:  # noqa: B027 - only devices that hold candidates need it
        """Make ready for a new candidate of a run: throw away what a process of the same run left uncommitted on the device.

        Called before the first load of a candidate, and before `configure` and `replace` of drivers without a wire.
        """

    def service(self, platform: str) -> str:
        """Return what the driver speaks to on the device: `ssh`, `telnet`, `web` (an API over HTTP) or `netconf`."""
        return "ssh"

    def adopt_commit(self, driver: Any, run: str) -> None:  # noqa: B027 - only devices that hold candidates need it
        """Take up a commit of the run that waits to be confirmed, when another session made it; called before a confirmation."""

    def settle(self, driver: Any) -> None:  # noqa: B027 - most drivers have no idea of their own
        """Bring the driver's own idea of its session back to exec mode; the wire below does so for the session itself."""

    def abort(self, driver: Any) -> None:  # noqa: B027 - only drivers without a wire need it
        """Cut the session from another thread, so that a blocked call ends; wired drivers need nothing here."""


class ResultCache(ABC):
    """Keeps results of steps between runs, shared by every process that has it: so many, of so many bytes, the oldest leave
    first. One that cannot be read or kept is simply not there, and what holds a secret is neither asked for nor kept.
    """

    @abstractmethod
    def get(self, wanted: Sequence[Doing], now: datetime, ttl: int) -> Mapping[str, StepResult]:
        """Return the results of these doings by key, where there is one that may still be used at `now` (UTC).

        Neither who kept it nor who asks (`ttl`, in seconds) must find it too old.
        """

    @abstractmethod
    def put(self, ended: Sequence[tuple[Doing, StepResult]], now: datetime, ttl: int) -> None:
        """Keep results for `ttl` seconds."""

    @abstractmethod
    def changes(self, hosts: Sequence[str]) -> Mapping[str, int]:
        """Return how often runs have set out to change each device; one that a run is changing now, or may be, is left out."""


class Gate(ABC):
    """A check before a change: it answers allow, hold or deny with a reason. A gate that raises is a deny."""

    name: ClassVar[str]
    required: ClassVar[bool] = False

    @abstractmethod
    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Judge the request; no decision at all means allow."""


class Observer(ABC):
    """Is told what happens in a run, in order. An observer that raises is reported once and never stops a run.

    A plugin's observer has a thread and a bounded queue of its own: one that cannot keep up misses events, which is
    reported once; the record of the run misses none.
    """

    name: ClassVar[str]

    @abstractmethod
    def observe(self, event: Event) -> None:
        """Take one event; secrets are already masked. One call at a time."""
