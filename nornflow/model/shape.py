"""Whether plain data, as it comes out of a file, has the shape of a record: checked before anything is made of it."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache, partial
from typing import Any, Union, get_args, get_origin, get_type_hints

Check = Callable[[Any, str], None]


def demand_shape(value: Any, kind: Any, where: str) -> None:
    """Raise ValueError, naming the place, unless JSON data fits a record's or field's type; what is left out is not missed.

    Sequences are lists, times ISO 8601 with their zone, words of an enumeration their values; a key that the record does
    not have is refused.
    """
    _check_of(kind)(value, where)


@cache
def _check_of(kind: Any) -> Check:
    origin, of = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return lambda value, where: None
    if origin in (Union, types.UnionType):
        return partial(_optional, check=_check_of(next(each for each in of if each is not type(None))))
    if origin is tuple and of[-1] is not Ellipsis:
        return partial(_row, checks=tuple(map(_check_of, of)))
    if origin in (tuple, Sequence):
        return partial(_list, check=_check_of(of[0]))
    if origin is Mapping:
        return partial(_object, check=_check_of(of[1]))
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return partial(_record, checks={field.name: hints[field.name] for field in fields(kind)})
    if issubclass(kind, Enum):
        return partial(_word, words=frozenset(each.value for each in kind))
    return _PLAIN[kind]


def _optional(value: Any, where: str, check: Check) -> None:
    if value is not None:
        check(value, where)


def _list(value: Any, where: str, check: Check) -> None:
    if type(value) is not list:
        raise _other(value, "a list", where)
    for number, item in enumerate(value):
        check(item, f"{where}[{number}]")


def _row(value: Any, where: str, checks: tuple[Check, ...]) -> None:
    if type(value) is not list or len(value) != len(checks):
        raise _other(value, f"a list of {len(checks)}", where)
    for number, (item, check) in enumerate(zip(value, checks, strict=True)):
        check(item, f"{where}[{number}]")


def _object(value: Any, where: str, check: Check) -> None:
    if type(value) is not dict:
        raise _other(value, "an object", where)
    for name, item in value.items():
        check(item, f"{where}.{name}")


def _record(value: Any, where: str, checks: Mapping[str, Any]) -> None:
    if type(value) is not dict:
        raise _other(value, "an object", where)
    for name, item in value.items():
        if name not in checks:
            raise ValueError(f"{where}: there is no {name[:40]!r} in it")
        _check_of(checks[name])(item, f"{where}.{name}")


def _word(value: Any, where: str, words: frozenset[str]) -> None:
    if type(value) is not str or value not in words:
        raise _other(value, f"one of {', '.join(sorted(words))}", where)


def _text(value: Any, where: str) -> None:
    if type(value) is not str:
        raise _other(value, "text", where)


def _whole(value: Any, where: str) -> None:
    if type(value) is not int or abs(value) >= 2**53:
        raise _other(value, "a whole number", where)


def _number(value: Any, where: str) -> None:
    if type(value) not in (int, float) or abs(value) >= 2**53:
        raise _other(value, "a number", where)


def _yes_or_no(value: Any, where: str) -> None:
    if type(value) is not bool:
        raise _other(value, "true or false", where)


def _moment(value: Any, where: str) -> None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _other(value, "a time", where) from None
    if moment.tzinfo is None or not 2000 <= moment.year < 3000:
        raise _other(value, "a time with its zone, of our days", where)


def _other(value: Any, wanted: str, where: str) -> ValueError:
    return ValueError(f"{where} is not {wanted} but {str(value)[:40]!r}")


_PLAIN: Mapping[Any, Check] = {str: _text, int: _whole, float: _number, bool: _yes_or_no, datetime: _moment}
