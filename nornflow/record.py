"""Records: immutable values with named fields, as frozen dataclasses with slots are, declared in a quarter of the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, cast, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T]) -> type[_T]:
    """Make a class an immutable value: what `dataclass(frozen=True, slots=True)` makes of it, and a dataclass to everybody.

    `dataclass` writes and compiles six methods for every class, which was a quarter of the time that the command line took to
    start. Here `__init__` is compiled when the first object of a class is made, and nothing else is. A record cannot inherit
    from another one.
    """
    made: Any = dataclass(slots=True, init=False, repr=False, eq=False)(cls)
    made.__dataclass_params__.frozen = True  # by the methods below
    for name, method in {"__init__": _init_when_called(made), **_compared(made), **_METHODS}.items():
        if cls.__dict__.get(name) is None:  # a class that has an `__eq__` of its own has None for `__hash__`
            setattr(made, name, method)
    return cast("type[_T]", made)


def _init_when_called(cls: Any) -> Callable[..., None]:
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        cls.__init__ = _compiled(cls)
        cls.__init__(self, *values, **named)

    return __init__


def _compiled(cls: Any) -> Any:
    """Return the `__init__` that sets the fields in their order, with the defaults in its signature."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    words, body = ["self"], []
    for one in fields(cls):
        word, value = _argument(one, names)
        words += [word] if one.init else []
        body.append(f" _set(self, {one.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    exec(f"def __init__({', '.join(words)}) -> None:\n" + ("\n".join(body) or " pass"), names)
    init = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _argument(one: Field[Any], names: dict[str, Any]) -> tuple[str, str]:
    """Return a field as an argument, and what it is set to; `names` get what the two speak of."""
    default = f"_of_{one.name}"
    if one.default_factory is not MISSING:
        names[default] = one.default_factory
        made = f"{default}()"
        return f"{one.name}=_missing", f"{made} if {one.name} is _missing else {one.name}" if one.init else made
    if one.default is not MISSING:
        names[default] = one.default
        return f"{one.name}={default}", one.name if one.init else default
    return one.name, one.name


def _compared(cls: Any) -> dict[str, Callable[..., Any]]:
    """Return the methods that compare and hash the values of a class."""
    names = [one.name for one in fields(cls) if one.compare]
    values: Callable[[Any], Any] = attrgetter(*names) if names else lambda self: ()

    def __eq__(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def __repr__(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def __setattr__(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def __getstate__(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def __setstate__(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_METHODS = {method.__name__: method for method in (__repr__, __setattr__, __delattr__, __getstate__, __setstate__)}
