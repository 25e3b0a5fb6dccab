"""The filters of templates: Jinja's harmless ones, and bounded ones in place of those that could grow without end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2.runtime import Undefined

from nornflow.errors import ExpressionError
from nornflow.record import record
from nornflow.workflow.budget import MAX_STRING, bounded, is_number, kind
from nornflow.workflow.functions import capture, matches


@record
class FilterTable:
    """Which of Jinja's filters are kept by name, and which ones are made here."""

    kept: frozenset[str]
    made: Mapping[str, Callable[..., Any]]


def words(text: str) -> frozenset[str]:
    """Return the names of a table that is written as one text."""
    return frozenset(text.split())


def _grows(length: int) -> None:
    if length > MAX_STRING:
        raise ExpressionError(f"a text grows longer than {MAX_STRING:,} characters")


def _default(value: Any, instead: Any = "", falsy: bool = False) -> Any:
    """Return another value for one that is missing or null, or (with `falsy`) empty."""
    if isinstance(value, Undefined) or value is None or (falsy and not value):
        return instead
    return value


def _replace(text: Any, old: Any, new: Any, count: int = -1) -> str:
    body, old, new = _text(text), _text(old), _text(new)
    _grows(len(body) + (body.count(old) + 1) * len(new))
    return body.replace(old, new, count)


def _join(items: Iterable[Any], separator: Any = "", attribute: str | None = None) -> str:
    texts = [_text(item[attribute] if attribute is not None else item) for item in items]
    _grows(sum(map(len, texts)) + len(_text(separator)) * len(texts))
    return _text(separator).join(texts)


def _join_method(separator: str, items: Iterable[Any]) -> str:
    return _join(items, separator)


def _sum(items: Iterable[Any], attribute: str | None = None, start: Any = 0) -> Any:
    numbers = [start, *(item[attribute] if attribute is not None else item for item in items)]
    if not all(map(is_number, numbers)):
        raise ExpressionError("sum takes numbers")
    return bounded(sum(numbers))


def _round(number: Any, digits: int = 0, method: str = "common") -> Any:
    import math

    if not is_number(number) or not is_number(digits) or not 0 <= digits <= 15:
        raise ExpressionError("round takes a number and 0 to 15 digits")
    if method == "common":
        return round(float(number), int(digits))
    if method not in ("ceil", "floor"):
        raise ExpressionError("round takes the method common, ceil or floor")
    factor = 10 ** int(digits)
    return (math.ceil if method == "ceil" else math.floor)(number * factor) / factor


def _indent(text: Any, width: int = 4, first: bool = False, blank: bool = False) -> str:
    lines = _text(text).split("\n")
    if not is_number(width) or not 0 <= width <= 80:
        raise ExpressionError("indent takes 0 to 80 columns")
    _grows(len(lines) * int(width) + sum(map(len, lines)))
    pad = " " * int(width)
    return "\n".join(pad + line if (index or first) and (line or blank) else line for index, line in enumerate(lines))


def _to_json(value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= 8:
        raise ExpressionError("tojson takes an indent of 0 to 8")
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"tojson: {error}") from None


def _int(value: Any, instead: int | None = None) -> int:
    try:
        if isinstance(value, str) and len(value) > 60:
            raise ValueError
        return int(value)
    except (TypeError, ValueError, OverflowError):
        if instead is None:
            raise ExpressionError(f"int: {str(value)[:60]!r} is not a whole number") from None
        return instead


def _float(value: Any, instead: float | None = None) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        if instead is None:
            raise ExpressionError(f"float: {str(value)[:60]!r} is not a number") from None
        return instead


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Undefined):
        return str(value)  # raises
    raise ExpressionError(f"{kind(value)} where a text belongs")


def _urlencode(value: Any) -> str:
    """Return a text as it may stand in one place of a URL; a slash, `&` and `=` are encoded too (RFC 3986)."""
    return quote(_text(value), safe="")


REPLACES: Mapping[str, Callable[..., Any]] = {"replace": _replace, "join": _join_method}
"""What is called in place of methods of texts that could grow without end."""

FILTERS = FilterTable(
    kept=words(
        "abs capitalize count dictsort first groupby items last length list lower map max min reject rejectattr"
        " reverse select selectattr sort string title trim truncate unique upper wordcount"
    ),
    made={
        "capture": capture,
        "d": _default,
        "default": _default,
        "float": _float,
        "indent": _indent,
        "int": _int,
        "join": _join,
        "matches": matches,
        "replace": _replace,
        "round": _round,
        "sum": _sum,
        "tojson": _to_json,
        "urlencode": _urlencode,
    },
)
