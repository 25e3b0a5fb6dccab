"""The facade: what a task holds in place of a driver. It has what the guard's surface names and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nornflow.abc import ConnectionGuard
from nornflow.devices.guard.arguments import Given, closed_argument, commands_in, lines_in, texts_in
from nornflow.devices.guard.candidate import CandidateDesk
from nornflow.devices.guard.files import text_of
from nornflow.devices.guard.judge import Act, Judge
from nornflow.devices.guard.wire import Wire

Resolve = Callable[[str], Any]
_SHELL_MARKS = (";", "|", "`", "<", ">", "$(", "&")


class Facade:
    """Stands for a driver: answers its class, gives the attributes that are allowed, and denies every other one."""

    __slots__ = ("_resolve",)

    def __init__(self, resolve: Resolve) -> None:
        object.__setattr__(self, "_resolve", resolve)

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, "_resolve")(name)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__getattribute__(self, "_resolve")(f"{name} = ")

    def __delattr__(self, name: str) -> None:
        object.__getattribute__(self, "_resolve")(f"del {name}")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return object.__getattribute__(self, "_resolve")("__reduce_ex__")

    def __dir__(self) -> list[str]:
        names: list[str] = object.__getattribute__(self, "_resolve")("__dir__")
        return names

    def __repr__(self) -> str:
        text: str = object.__getattribute__(self, "_resolve")("__repr__")
        return text


def facade_of(
    guard: ConnectionGuard,
    driver: Any,
    wire: Wire | None,
    judge: Judge,
    desk: CandidateDesk | None,
    in_force: Callable[[], None],
) -> Facade:
    """Make the facade of a driver for one lease; `in_force` raises GuardDenied once the lease or the session is over."""
    return Facade(_Resolver(guard, driver, wire, judge, desk, in_force).resolve)


class _Resolver:
    """Finds what a name means on one facade."""

    def __init__(
        self,
        guard: ConnectionGuard,
        driver: Any,
        wire: Wire | None,
        judge: Judge,
        desk: CandidateDesk | None,
        in_force: Callable[[], None],
    ) -> None:
        self._guard = guard
        self._surface = guard.surface
        self._driver = driver
        self._wire = wire
        self._judge = judge
        self._lease = judge.lease
        self._desk = desk
        self._roles: dict[str, str] = desk.roles if desk is not None else {}
        self._in_force = in_force

    def resolve(self, name: str) -> Any:
        """Return what the task may have under this name; raises GuardDeniedAttribute."""
        surface, driver = self._surface, self._driver
        if name == "__class__":
            return type(driver)
        if name == "__repr__":
            return f"<guarded {self._guard.connection} connection of {self._lease.grant.host}>"
        if name == "__dir__":
            return self._names()
        self._in_force()
        if name in self._roles:
            return self._called(getattr(self._desk, self._roles[name]))
        if name in surface.attributes:
            return getattr(driver, name)
        if name in surface.raw and self._lease.permits("device.raw") and not self._lease.planning:
            self._lease.fenced(begins=True)
            return getattr(driver, name)
        if name in surface.calls:
            return self._called(getattr(driver, name))
        if name in surface.commands:
            return self._commanding(getattr(driver, name), surface.commands[name])
        if name in surface.configures:
            return self._configuring(getattr(driver, name), surface.configures[name])
        if name in surface.configure_files:
            return self._from_file(getattr(driver, name), surface.configure_files[name], self._check_block)
        if name in surface.command_files:
            check = partial(self._check_commands, name)
            return self._from_file(getattr(driver, name), surface.command_files[name], check)
        if name in surface.reads or name.startswith(surface.read_prefixes or ("\0",)):
            method = getattr(driver, name)
            return self._reading(method) if callable(method) else method
        raise self._unknown(name)

    def _names(self) -> list[str]:
        surface = self._surface
        named = {*surface.attributes, *surface.calls, *surface.reads, *surface.commands, *surface.configures}
        prefixed = {name for name in dir(type(self._driver)) if name.startswith(surface.read_prefixes or ("\0",))}
        return sorted({*named, *prefixed, *self._roles, *surface.configure_files, *surface.command_files})

    def _unknown(self, name: str) -> AttributeError:
        kind = self._guard.connection
        bare = name.removeprefix("del ").partition(" ")[0]
        if bare == name and not name.startswith("__") and not hasattr(self._driver, name):
            return AttributeError(f"{type(self._driver).__name__!r} has no attribute {name!r}")
        hint = "use one of the methods that the guard knows: see dir() of the connection, or its documentation"
        if name in self._surface.raw:
            hint = "raw access needs a profile that allows device.raw, and cannot be planned"
        return self._lease.denied(f"{kind}.{name.strip()} is not allowed", hint=hint, attribute=True)  # type: ignore[return-value]

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            return method(*arguments, **options)

        return call

    def _commanding(self, method: Callable[..., Any], parameter: str) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            self._check_closed(method, arguments, options)
            given = Given(method, parameter, arguments, options)
            if self._wire is None:
                self._check_texts(method.__name__, given.value)
            self._check_commands(method.__name__, commands_in(given.value))
            return given.call(method)

        return call

    def _check_closed(self, method: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        closed = self._surface.closed
        name = closed_argument(method, closed, arguments, options) if closed else ""
        if name:
            raise self._lease.denied(
                f"{method.__name__}({name}=...) is not allowed: it would run code that comes as data",
                hint="take the output as text and parse it in a step of its own (`ttp.show`), or give arguments by name",
            )

    def _check_texts(self, method: str, given: Any) -> None:
        """Refuse commands that are no texts: an API takes objects that hold other commands, and no wire looks at them below."""
        for item in [given] if isinstance(given, str) else given or ():
            if type(item) is not str:
                raise self._lease.denied(
                    f"{method}: {str(item)[:60]!r} is no text but a {type(item).__name__}",
                    hint="give each command as a text of its own",
                )

    def _check_commands(self, method: str, commands: list[str]) -> None:
        """Judge commands before the driver gets them: an early denial leaves driver and device in step."""
        for command in commands:
            self._one_line(method, command)
        if self._wire is not None:
            self._wire.foresee(commands)
            return
        marks = self._judge.marks()
        acts = [self._judge.exec_line(command) for command in commands]
        if any(act is not Act.SEND for act in acts):
            self._judge.restore(marks)
            raise self._lease.denied(
                f"{method}: {'; '.join(commands)!r} does more than read, which cannot be played for this connection",
                hint="leave it out, or use a connection over SSH",
            )

    def _from_file(
        self, method: Callable[..., Any], parameter: str, check: Callable[[list[str]], None]
    ) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            if self._wire is None:
                raise self._lease.denied(
                    f"{method.__name__}: a file could change between judging and sending", hint="give the lines"
                )
            given = Given(method, parameter, arguments, options)
            check(text_of(given.value, self._lease).splitlines())
            return given.call(method)

        return call

    def _configuring(self, method: Callable[..., Any], parameter: str) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            given = Given(method, parameter, arguments, options)
            lines = lines_in(given.value)
            self._check_block(lines)
            if self._wire is not None:
                return given.call(method)
            self._begin_block()
            for line in lines:
                self._judge.config_line(line)
            if self._lease.planning:
                return ""
            with self._lease.whole():
                return given.call(method)

        return call

    def _begin_block(self) -> None:
        """Let the fence look anew: behind this a driver without a wire sends a whole block in one go."""
        if not self._lease.planning:
            self._lease.fenced(begins=True)

    def _check_block(self, lines: list[str]) -> None:
        entered = self._wire is not None and (self._wire.virtual or self._wire.config)
        self._judge.rehearse(lines, entered=entered)

    def _reading(self, method: Callable[..., Any]) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            named = {key: value for key, value in options.items() if key not in self._surface.multiline}
            try:
                texts = list(texts_in((arguments, named)))
            except TypeError as error:
                raise self._lease.denied(
                    f"{method.__name__}: an argument of the type {error} is not a plain value",
                    hint="give texts, numbers and addresses",
                ) from error
            for text in texts:
                self._plain(method.__name__, text)
            if self._wire is None and not self._lease.permits("device.read"):
                raise self._lease.denied(
                    f"{method.__name__} needs the permission device.read", hint="use a profile that allows device.read"
                )
            return method(*arguments, **options)

        return call

    def _plain(self, method: str, text: str) -> None:
        self._one_line(method, text)
        if self._wire is None and any(mark in text for mark in _SHELL_MARKS):
            raise self._lease.denied(
                f"{method}: {text!r} holds a character that means more than itself",
                hint="give plain names, numbers and addresses",
            )

    def _one_line(self, method: str, text: str) -> None:
        if not text.isascii() or not text.rstrip("\r\n").isprintable():
            raise self._lease.denied(
                f"{method}: {text[:60]!r} is not one line of printable ASCII",
                hint="give one command at a time, without line feeds and control characters",
            )
