"""Turns what a run was given into the values of its declared inputs, or says of every input what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from nornflow.errors import ExpressionError, UsageError
from nornflow.model.inputs import Input, Validation
from nornflow.workflow.diagnostics import did_you_mean, listing, shown
from nornflow.workflow.functions import regex
from nornflow.workflow.hashing import confined

_EXPECTED = {
    "string": "a text",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "file": "the path of a file in the project",
    "artifact": "a path inside of the workspace",
}
MAX_VALUES = 100_000
AS_WORDS = "give inputs as `-i name=value` or `-i @file.yaml`"


class _Wrong(Exception):
    """A value does not fit its input; the text says why."""


_MOST_UNKNOWN = 5
"""So many unknown names are told one by one; a file with more of them is probably another file."""


def resolve_inputs(
    declared: Mapping[str, Input], given: Mapping[str, Any], *, max_string: int, base: Path, hint: str = AS_WORDS
) -> dict[str, Any]:
    """Return the value of every declared input: given, or its default, or null.

    Texts (as from `-i count=3`) become numbers, booleans, lists and mappings where the input is declared so. `file` inputs
    must exist below `base` and stay inside of it when links are followed. Raises UsageError with one line per wrong, missing
    or unknown input, and a hint that says how they are given.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    unknown = [name for name in given if name not in declared]
    for name in unknown[:_MOST_UNKNOWN]:
        near = did_you_mean(name, declared)
        known = f"did you mean {near!r}?" if near else f"inputs: {listing(declared) or 'none'}"
        faults.append(f"{name[:80]!r} is not an input of this workflow; {known}")
    if len(unknown) > _MOST_UNKNOWN:
        more = len(unknown) - _MOST_UNKNOWN
        faults.append(f"and {more} more names are no inputs of this workflow: is it the file that you meant?")
    for name, wanted in declared.items():
        if name in given:
            value = given[name]
        elif wanted.default is not None:
            value = wanted.default
        elif wanted.required:
            purpose = f" ({wanted.description.strip().splitlines()[0]})" if wanted.description.strip() else ""
            faults.append(f"{name!r} is required{purpose}: {_EXPECTED[wanted.type]}")
            continue
        else:
            values[name] = None
            continue
        try:
            values[name] = _fit(value, wanted, max_string=max_string, base=base)
        except _Wrong as fault:
            faults.append(f"{name!r} {fault}")
    if faults:
        raise UsageError(
            "; ".join(faults) if len(faults) == 1 else "the inputs do not fit:\n" + "\n".join(f"  {f}" for f in faults),
            hint=hint,
        )
    return values


def why_unfit(value: Any, wanted: Input) -> str:
    """Return why a value does not fit an input (files are not looked for); an empty string when it does."""
    try:
        _fit(value, wanted, max_string=10_000_000, base=None)
    except _Wrong as fault:
        return str(fault)
    return ""


def _fit(value: Any, wanted: Input, *, max_string: int, base: Path | None) -> Any:
    """Return the value as the input's type; raises when it is not one, or does not pass the input's validation."""
    made = _typed(value, wanted)
    _look_through(made, wanted, max_string)
    if wanted.validation is not None:
        _validated(made, wanted, wanted.validation)
    if wanted.type in ("file", "artifact"):
        return _path(made, wanted, base)
    return made


def _typed(value: Any, wanted: Input) -> Any:
    match wanted.type, value:
        case (("string" | "file" | "artifact"), str()):
            return value
        case "number", bool():
            pass
        case "number", int() | float() if math.isfinite(value):
            return value
        case "number", str():
            return _number(value)
        case "boolean", bool():
            return value
        case "boolean", str() if value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        case "array", list() | tuple():
            return list(value)
        case "object", dict():
            return value
        case (("array" | "object"), str()):
            return _json(value, wanted)
    hint = ""
    if wanted.type == "string" and isinstance(value, int | float):
        hint = "; write it in quotes"
    raise _Wrong(f"must be {_EXPECTED[wanted.type]}, not {shown(value)}{hint}")


def _number(text: str) -> int | float:
    word = text.strip()
    try:
        if len(word) > 60 or not word.isascii() or "_" in word:
            raise ValueError
        number = float(word)
        if not math.isfinite(number):
            raise ValueError
        return int(word) if word.lstrip("+-").isdigit() else number
    except ValueError:
        raise _Wrong(f"must be a number, not {shown(text)}") from None


def _json(text: str, wanted: Input) -> Any:
    expected: type = list if wanted.type == "array" else dict
    example = '["a", "b"]' if wanted.type == "array" else '{"a": 1}'
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not plain JSON"
        raise _Wrong(f"must be {_EXPECTED[wanted.type]} as JSON, like {example}: {reason}") from None
    if not isinstance(value, expected):
        raise _Wrong(f"must be {_EXPECTED[wanted.type]} as JSON, like {example}, not {shown(value)}")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not plain JSON")


def _look_through(value: Any, wanted: Input, max_string: int) -> None:
    """Refuse long texts, control characters and too many values, however deep they stand."""
    todo = [value]
    seen = 0
    while todo:
        one = todo.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise _Wrong(f"holds more than {MAX_VALUES:,} values")
        if isinstance(one, str):
            _look_at_text(one, wanted, max_string)
        elif isinstance(one, dict):
            todo.extend((*one.keys(), *one.values()))
        elif isinstance(one, list | tuple):
            todo.extend(one)


def _look_at_text(text: str, wanted: Input, max_string: int) -> None:
    if len(text) > max_string:
        raise _Wrong(f"has a text of {len(text):,} characters; the profile takes {max_string:,}")
    allowed = "\n\t" if wanted.multiline else ""
    for char in text:
        if not char.isprintable() and _controls(char) and char not in allowed:
            way_out = (
                "" if wanted.multiline or char not in "\n\t" else "; declare it with `multiline: true` to take those"
            )
            raise _Wrong(f"holds the control character U+{ord(char):04X}{way_out}")


def _controls(char: str) -> bool:
    """Tell whether a character steers instead of showing: C0, C1, line ends, text direction, invisible and lone surrogates."""
    import unicodedata

    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\u00ad"


def _validated(value: Any, wanted: Input, rules: Validation) -> None:
    if rules.enum is not None and not any(
        value == one and isinstance(value, bool) is isinstance(one, bool) for one in rules.enum
    ):
        near = (
            did_you_mean(value, [one for one in rules.enum if isinstance(one, str)]) if isinstance(value, str) else ""
        )
        meant = f"; did you mean {near!r}?" if near else ""
        raise _Wrong(f"must be one of {listing(map(str, rules.enum))}, not {shown(value)}{meant}")
    length = isinstance(value, str | list | dict)
    size = len(value) if isinstance(value, str | list | dict) else value
    what = "a length" if length else "a value"
    if not isinstance(value, bool):
        if rules.min is not None and size < rules.min:
            raise _Wrong(f"must have {what} of at least {rules.min:g}, not {size}")
        if rules.max is not None and size > rules.max:
            raise _Wrong(f"must have {what} of at most {rules.max:g}, not {size}")
    if rules.pattern is not None and isinstance(value, str):
        try:
            found = regex(rules.pattern).search(value)
        except ExpressionError as error:
            raise _Wrong(f"cannot be checked: {error.message}") from None
        if found is None:
            raise _Wrong(f"must match the pattern {rules.pattern!r}, not {shown(value)}")


def _path(value: str, wanted: Input, base: Path | None) -> str:
    path = PurePosixPath(value)
    if not value or "\\" in value or ".." in path.parts:
        raise _Wrong(f"must be {_EXPECTED[wanted.type]}, not {shown(value)}")
    if wanted.type == "artifact":
        if path.is_absolute():
            raise _Wrong(f"must be {_EXPECTED[wanted.type]}, not {shown(value)}")
        return str(path)
    if base is None:
        return value
    try:
        real = confined(value, base)
    except ExpressionError as error:
        raise _Wrong(f"must be {_EXPECTED[wanted.type]}: {error.message}") from None
    if not real.is_file():
        raise _Wrong(f"names a file that is not there: {value!r}")
    return str(real.relative_to(base.resolve()))
