"""The facade: what a task holds in place of a driver. It has what the guard's surface names and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from nornflow.abc import ConnectionGuard
from nornflow.devices.guard.candidate import CandidateDesk
from nornflow.devices.guard.judge import Judge
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
            return getattr(driver, name)
        if name in surface.calls:
            return self._called(getattr(driver, name))
        if name in surface.commands:
            return self._checked(getattr(driver, name), surface.commands[name], self._check_commands)
        if name in surface.configures:
            return self._configuring(getattr(driver, name), surface.configures[name])
        if name in surface.configure_files:
            return self._checked(getattr(driver, name), surface.configure_files[name], self._check_file)
        if name in surface.reads or name.startswith(surface.read_prefixes or ("\0",)):
            method = getattr(driver, name)
            return self._reading(method) if callable(method) else method
        raise self._unknown(name)

    def _names(self) -> list[str]:
        surface = self._surface
        named = {*surface.attributes, *surface.calls, *surface.reads, *surface.commands, *surface.configures}
        prefixed = {name for name in dir(type(self._driver)) if name.startswith(surface.read_prefixes or ("\0",))}
        return sorted(named | prefixed | set(self._roles) | set(surface.configure_files))

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

    def _checked(
        self, method: Callable[..., Any], parameter: str, check: Callable[[str, Any], None]
    ) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            given = _argument(method, parameter, arguments, options)
            if inspect.isgenerator(given) or isinstance(given, Iterator):
                given = list(given)
                return method(**_bound(method, arguments, {**options}, parameter, given))
            check(method.__name__, given)
            return method(*arguments, **options)

        return call

    def _check_commands(self, method: str, given: Any) -> None:
        """Judge commands before the driver gets them: an early denial leaves driver and device in step."""
        items = [given] if isinstance(given, str) else list(given or ())
        commands = [str(item[0]) if isinstance(item, (list, tuple)) and item else str(item) for item in items]
        for command in commands:
            self._one_line(method, command)
        if self._wire is not None:
            self._wire.foresee(commands)
            return
        for command in commands:
            self._judge.exec_line(command)

    def _check_file(self, method: str, path: Any) -> None:
        self._check_block(method, Path(path).read_text(encoding="utf-8").splitlines())

    def _check_block(self, method: str, commands: Any) -> None:
        lines = block_lines(commands)
        entered = self._wire is not None and (self._wire.virtual or self._wire.config)
        self._judge.rehearse(lines, entered=entered)

    def _configuring(self, method: Callable[..., Any], parameter: str) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            given = _argument(method, parameter, arguments, options)
            if given is not None and not isinstance(given, str):
                given = list(given)  # an iterator can be read once: by the judge and then by the driver
            self._check_block(method.__name__, given)
            if self._wire is not None:
                return method(**_bound(method, arguments, options, parameter, given))
            for line in block_lines(given):
                self._judge.config_line(line)
            return "" if self._lease.planning else method(**_bound(method, arguments, options, parameter, given))

        return call

    def _reading(self, method: Callable[..., Any]) -> Callable[..., Any]:
        in_force = self._in_force

        def call(*arguments: Any, **options: Any) -> Any:
            in_force()
            named = {key: value for key, value in options.items() if key not in self._surface.multiline}
            for text in (*_texts(arguments), *_texts(named)):
                self._one_line(method.__name__, text)
                if self._wire is None and any(mark in text for mark in _SHELL_MARKS):
                    raise self._lease.denied(
                        f"{method.__name__}: {text!r} holds a character that means more than itself",
                        hint="give plain names, numbers and addresses",
                    )
            if self._wire is None and not self._lease.permits("device.read"):
                raise self._lease.denied(
                    f"{method.__name__} needs the permission device.read", hint="use a profile that allows device.read"
                )
            return method(*arguments, **options)

        return call

    def _one_line(self, method: str, text: str) -> None:
        if not text.isascii() or not text.rstrip("\r\n").isprintable():
            raise self._lease.denied(
                f"{method}: {text[:60]!r} is not one line of printable ASCII",
                hint="give one command at a time, without line feeds and control characters",
            )


def block_lines(commands: Any) -> list[str]:
    """Return the configuration lines of what drivers take: a text, a list of lines, or lines with line feeds in them."""
    if commands is None:
        return []
    texts = [commands] if isinstance(commands, str) else [str(command) for command in commands]
    return [line for text in texts for line in text.rstrip().splitlines() or [""]]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item)


def _argument(method: Callable[..., Any], parameter: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if parameter in options:
        return options[parameter]
    place = _place(getattr(method, "__func__", method), parameter) - (1 if hasattr(method, "__self__") else 0)
    return arguments[place] if 0 <= place < len(arguments) else None


@lru_cache(maxsize=256)
def _place(function: Callable[..., Any], parameter: str) -> int:
    """Return the place of a parameter in a signature; the first after `self` when it is hidden in `*args`."""
    names = list(inspect.signature(function).parameters)
    return names.index(parameter) if parameter in names else 1


def _bound(
    method: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any], parameter: str, given: Any
) -> dict[str, Any]:
    bound = inspect.signature(method).bind(*arguments, **options).arguments
    extra = bound.pop("kwargs", {})
    return {**bound, **extra, parameter: given}
