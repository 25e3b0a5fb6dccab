"""What tasks give to the methods of a driver: found by parameter, made plain, and put back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from os import PathLike
from typing import Any

Call = tuple[tuple[Any, ...], dict[str, Any]]


class Given:
    """One call's arguments, with one parameter that is looked at: `value` is what was given for it, once and for all.

    An iterator is read here, so that the judge and the driver see the same.
    """

    def __init__(
        self, method: Callable[..., Any], parameter: str, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        self._arguments = arguments
        self._options = options
        self._name = parameter
        bound = 1 if hasattr(method, "__self__") else 0
        self._place = _place(getattr(method, "__func__", method), parameter) - bound
        value: Any = None
        if parameter in options:
            value = options[parameter]
        elif 0 <= self._place < len(arguments):
            value = arguments[self._place]
        scalar = value is None or isinstance(value, (str, bytes, PathLike))
        self.value: Any = exact(value) if scalar else [exact(item) for item in value]

    def call(self, method: Callable[..., Any]) -> Any:
        """Call the method with these arguments."""
        arguments, options = self._arguments, dict(self._options)
        if self._name in options:
            options[self._name] = self.value
        elif 0 <= self._place < len(arguments):
            arguments = (*arguments[: self._place], self.value, *arguments[self._place + 1 :])
        return method(*arguments, **options)


def closed_argument(
    method: Callable[..., Any], closed: frozenset[str], arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> str:
    """Return the name of the first closed parameter that a call gives a value for, or an empty string."""
    named = next((name for name in sorted(closed) if options.get(name)), "")
    if named or len(arguments) < 2:
        return named
    places = _parameters(getattr(method, "__func__", method))[1 if hasattr(method, "__self__") else 0 :]
    for number, value in enumerate(arguments):
        name = places[min(number, len(places) - 1)] if places else "*"
        if value and (name in closed or (name.startswith("*") and number)):
            return name  # behind `*args` nobody can tell which parameter it becomes
    return ""


def exact(value: Any) -> Any:
    """Return a text as a plain `str`, whose methods give the judge what the driver sends; pairs of texts likewise."""
    if isinstance(value, str):
        return "".join((value, ""))  # of a subclass this makes the text itself
    return [exact(item) for item in value] if type(value) in (list, tuple) else value


@lru_cache(maxsize=256)
def _place(function: Callable[..., Any], parameter: str) -> int:
    """Return the place of a parameter in a signature; the first after `self` when it is hidden in `*args`."""
    names = list(inspect.signature(function).parameters)
    return names.index(parameter) if parameter in names else 1


@lru_cache(maxsize=256)
def _parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of what can be given by place; `*args` with its star."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = inspect.signature(function).parameters.values()
    return [
        f"*{each.name}" if each.kind is inspect.Parameter.VAR_POSITIONAL else each.name
        for each in given
        if each.kind in (*kinds, inspect.Parameter.VAR_POSITIONAL)
    ]


def commands_in(given: Any) -> list[str]:
    """Return the commands of what drivers take: a text, a list of texts, or a list of pairs of command and expectation."""
    items = [given] if isinstance(given, str) else list(given or ())
    return [str(item[0]) if isinstance(item, (list, tuple)) and item else str(item) for item in items]


def lines_in(given: Any) -> list[str]:
    """Return the configuration lines of what drivers take: a text, a list of lines, or lines with line feeds in them."""
    if given is None:
        return []
    texts = [given] if isinstance(given, str) else [str(command) for command in given]
    return [line for text in texts for line in text.rstrip().splitlines() or [""]]


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in nested values; raises TypeError for an object that could turn itself into any text later."""
    if type(value) is str:
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_in(key)
            yield from texts_in(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, PathLike) or type(value).__module__ == "ipaddress":
        yield str(value)
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise TypeError(type(value).__name__)
