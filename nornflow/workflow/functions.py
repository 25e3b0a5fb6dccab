"""The functions of expressions: pure, bounded, and few; each takes plain data and gives plain data."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.workflow.budget import MAX_ITEMS, MAX_STRING, bounded, is_number, kind


@lru_cache(maxsize=512)
def regex(pattern: str) -> Any:
    """Return a compiled RE2 pattern; ExpressionError when RE2 does not take it.

    RE2 works in time linear to the text, so no pattern can make it burn; it has no backreferences and no look-around.
    """
    import re2

    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ExpressionError(
            f"the regular expression {pattern[:100]!r} is not valid: {reason}",
            hint="regular expressions are RE2's: no look-around, no backreferences",
        ) from None


def matches(text: Any, pattern: Any) -> bool:
    """Tell whether a regular expression is found in a text; null matches nothing."""
    if text is None:
        return False
    return regex(_text(pattern, "matches")).search(_text(text, "matches")) is not None


def capture(text: Any, pattern: Any, group: int = 1) -> str | None:
    """Return what a group of a regular expression found in a text, or null."""
    found = regex(_text(pattern, "capture")).search(_text(text, "capture"))
    if found is None:
        return None
    try:
        result: str | None = found.group(group)
    except IndexError:
        raise ExpressionError(f"capture(): the pattern has no group {group}") from None
    return result


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"{name}() takes a text, not {kind(value)}")
    return value


def _items(value: Any, name: str) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise ExpressionError(f"{name}() takes a list, not {kind(value)}")


def _len(value: Any) -> int:
    if isinstance(value, str | Mapping | Sequence):
        return len(value)
    raise ExpressionError(f"len() takes a text, list or mapping, not {kind(value)}")


def _extreme(name: str, choose: Callable[[Sequence[Any]], Any]) -> Callable[..., Any]:
    def extreme(*values: Any) -> Any:
        items = _items(values[0], name) if len(values) == 1 else values
        if not items:
            raise ExpressionError(f"{name}() of an empty list", hint=f"default({name}(...), 0) gives a value then")
        return choose(_alike(items, name))

    return extreme


def _alike(items: Sequence[Any], name: str) -> Sequence[Any]:
    if all(is_number(item) for item in items) or all(isinstance(item, str) for item in items):
        return items
    raise ExpressionError(f"{name}() takes numbers alone or texts alone")


def _sum(items: Any) -> Any:
    numbers = _items(items, "sum")
    if not all(isinstance(number, int | float) for number in numbers):
        raise ExpressionError("sum() takes numbers")
    return bounded(sum(numbers))


def _sorted(items: Any, reverse: bool = False) -> list[Any]:
    return sorted(_alike(_items(items, "sorted"), "sorted"), reverse=bool(reverse))


def _round(number: Any, digits: int = 0) -> Any:
    if not is_number(number) or not is_number(digits) or not 0 <= digits <= 15:
        raise ExpressionError("round() takes a number and 0 to 15 digits")
    return round(number, int(digits)) if digits else round(number)


def _scalar(value: Any, name: str) -> Any:
    # anything else is not even shown: the text of a list that holds itself many times over would fill the memory
    if isinstance(value, int | float) or (isinstance(value, str) and len(value) <= 60):
        return value
    raise ExpressionError(f"{name}() takes a number, or a text of at most 60 characters, not {kind(value)}")


def _int(value: Any) -> int:
    try:
        return int(bounded(int(_scalar(value, "int"))))
    except (ValueError, OverflowError):
        raise ExpressionError(f"int(): {str(value)!r} is not a whole number") from None


def _float(value: Any) -> float:
    try:
        return float(bounded(float(_scalar(value, "float"))))
    except (ValueError, OverflowError):
        raise ExpressionError(f"float(): {str(value)!r} is not a number") from None


def _str(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return "null" if value is None else str(value)
    raise ExpressionError(f"str() takes one value, not {kind(value)}", hint="join(list, ', ') makes a text of a list")


def _split(text: Any, separator: str | None = None) -> list[str]:
    if separator == "":
        raise ExpressionError("split() by an empty text")
    return list(bounded(_text(text, "split").split(None if separator is None else _text(separator, "split"))))


def _join(items: Any, separator: str = "") -> str:
    texts = [_str(item) for item in _items(items, "join")]
    if sum(map(len, texts)) + len(_text(separator, "join")) * len(texts) > MAX_STRING:
        raise ExpressionError(f"a text grows longer than {MAX_STRING:,} characters")
    return separator.join(texts)


def _replace(text: Any, old: str, new: str) -> str:
    body, old, new = _text(text, "replace"), _text(old, "replace"), _text(new, "replace")
    if len(body) + (body.count(old) + 1) * len(new) > MAX_STRING:
        raise ExpressionError(f"a text grows longer than {MAX_STRING:,} characters")
    return body.replace(old, new)


def _range(*bounds: Any) -> list[int]:
    if not 1 <= len(bounds) <= 3 or not all(isinstance(bound, int) for bound in bounds) or bounds[2:] == (0,):
        raise ExpressionError("range() takes one to three whole numbers")
    numbers = range(*bounds)
    # len() of a huge range overflows, so the span is looked at first
    if abs(numbers.stop - numbers.start) > MAX_ITEMS * abs(numbers.step):
        raise ExpressionError(f"range() of more than {MAX_ITEMS:,} numbers")
    return list(numbers)


def _mapping(value: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ExpressionError(f"{name}() takes a mapping, not {kind(value)}")
    return value


def _unique(items: Any) -> list[Any]:
    seen: dict[Any, Any] = {}
    for item in _items(items, "unique"):
        if isinstance(item, Mapping | list | tuple):
            raise ExpressionError("unique() takes a list of texts, numbers or booleans")
        seen.setdefault((type(item) is bool, item), item)
    return list(seen.values())


def _end(name: str, index: int) -> Callable[[Any], Any]:
    def end(items: Any) -> Any:
        listed = items if isinstance(items, str) else _items(items, name)
        return listed[index] if listed else None

    return end


def _in_network(address: Any, network: Any) -> bool:
    try:
        inner = ipaddress.ip_network(_text(address, "in_network").partition("/")[0])
        outer = ipaddress.ip_network(_text(network, "in_network"), strict=False)
    except ValueError as error:
        raise ExpressionError(f"in_network(): {error}") from None
    return inner.version == outer.version and inner.network_address in outer


def _is_ip(value: Any) -> bool:
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda number: abs(_float(number) if not is_number(number) else number),
    "all": lambda items: all(_items(items, "all")),
    "any": lambda items: any(_items(items, "any")),
    "bool": lambda value: bool(value),
    "capture": capture,
    "endswith": lambda text, end: _text(text, "endswith").endswith(_text(end, "endswith")),
    "first": _end("first", 0),
    "float": _float,
    "in_network": _in_network,
    "int": _int,
    "is_ip": _is_ip,
    "items": lambda mapping: [[key, value] for key, value in _mapping(mapping, "items").items()],
    "join": _join,
    "keys": lambda mapping: list(_mapping(mapping, "keys")),
    "last": _end("last", -1),
    "len": _len,
    "lower": lambda text: _text(text, "lower").lower(),
    "matches": matches,
    "max": _extreme("max", max),
    "min": _extreme("min", min),
    "range": _range,
    "replace": _replace,
    "round": _round,
    "sorted": _sorted,
    "split": _split,
    "startswith": lambda text, start: _text(text, "startswith").startswith(_text(start, "startswith")),
    "str": _str,
    "strip": lambda text: _text(text, "strip").strip(),
    "sum": _sum,
    "unique": _unique,
    "upper": lambda text: _text(text, "upper").upper(),
    "values": lambda mapping: list(_mapping(mapping, "values").values()),
}
"""Every function of expressions; `default` is not here, because it is part of the language: it looks before it evaluates."""
