"""The keys of a step type: what its pydantic model says of them, and whether a step's values fit before they are rendered."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from nornflow.abc import StepType
from nornflow.errors import ExpressionError, PluginError
from nornflow.registration import Expression, Verbatim, Words
from nornflow.workflow.blocks import has_template
from nornflow.workflow.document import Path
from nornflow.workflow.forms import Reader
from nornflow.workflow.shapes import unknown_key
from nornflow.workflow.words import split_words

if TYPE_CHECKING:
    from pydantic import BaseModel

Marker = type[Verbatim] | type[Expression] | type[Words]
_MARKERS = (Verbatim, Expression, Words)
_OWN_TEXT = frozenset(("value_error", "assertion_error"))


@lru_cache(maxsize=512)
def markers(model: type[BaseModel]) -> Mapping[str, Marker]:
    """Return which keys of a step type are marked, and how; keys without a mark are templates.

    Marks are found on the field (`Annotated[str, Words]`), inside a union (`Annotated[str, Words] | None`) and in lists.
    """
    found: dict[str, Marker] = {}
    for name, field in model.model_fields.items():
        mark = _mark((*field.metadata, field.annotation))
        if mark is not None:
            found[field.alias or name] = mark
    return found


def _mark(parts: tuple[Any, ...]) -> Marker | None:
    for part in parts:
        for mark in _MARKERS:
            if part is mark or isinstance(part, mark):
                return mark
        if get_origin(part) in (Annotated, Union, types.UnionType, list, dict, tuple):
            inner = _mark(tuple(getattr(part, "__metadata__", ())) + get_args(part))
            if inner is not None:
                return inner
    return None


def own_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys that a step type takes, as they are written in a workflow."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def takes_anything(model: type[BaseModel]) -> bool:
    """Tell whether a step type takes keys that its model does not name."""
    return model.model_config.get("extra") == "allow"


def check_params(step_type: StepType, params: Mapping[str, Any], path: Path, reader: Reader) -> None:
    """Report every value that the step type does not take; values with a template in them are left for later."""
    from pydantic import ValidationError

    try:
        model = step_type.Params
    except PluginError as error:
        reader.report("NF206", f"{step_type.name}: {error.message}", (*path, "type"), hint=error.hint)
        return
    values, broken = _splittable(params, markers(model), path, reader)
    try:
        model.model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            if not broken.intersection(fault["loc"][:1]):
                _report(fault, model, step_type, values, path, reader)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's validator may raise anything; the author is told
        reader.report("NF206", f"{step_type.name} broke on its parameters: {error!r:.200}", path)


def _splittable(
    params: Mapping[str, Any], marked: Mapping[str, Marker], path: Path, reader: Reader
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the values with commands split into words, and the keys whose command cannot be split."""
    values = dict(params)
    broken: set[str] = set()
    for key, mark in marked.items():
        if mark is Words and isinstance(values.get(key), str):
            try:
                values[key] = split_words(values[key])
            except ExpressionError as error:
                reader.report("NF206", f"`{key}`: {error.message}", (*path, key), hint=error.hint)
                broken.add(key)
    return values, frozenset(broken)


def _report(
    fault: Any, model: type[BaseModel], step_type: StepType, values: Mapping[str, Any], path: Path, reader: Reader
) -> None:
    where, value = _found(values, tuple(fault["loc"]))
    if _templated(value) and (where or fault["type"] in _OWN_TEXT):
        return
    place = (*path, *where)
    name = ".".join(str(part) for part in fault["loc"] if isinstance(part, str | int))
    match fault["type"]:
        case "missing":
            field = model.model_fields.get(name)
            doc = f": {field.description}" if field is not None and field.description else ""
            message = f"a step of type {step_type.name} needs `{name}`"
            reader.report("NF102", message, place, expected=f"the key `{name}`{doc}")
        case "extra_forbidden":
            parent = tuple(fault["loc"][:-1])
            known = {} if parent else dict.fromkeys(own_keys(model))
            unknown_key(reader, str(fault["loc"][-1]), (*path, *parent), known, {})
        case _:
            why = str(fault["msg"]).removeprefix("Value error, ")
            message = f"`{name}` does not fit {step_type.name}: {why}" if name else why
            reader.report("NF206", message, place, found=str(fault.get("input", ""))[:200], expected=why)


def _found(values: Any, loc: tuple[Any, ...]) -> tuple[Path, Any]:
    """Return the part of a pydantic location that is in the document (it also names branches of unions), and its value."""
    where: Path = ()
    value = values
    for part in loc:
        if (isinstance(value, Mapping) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        ):
            value = value[part]
        else:
            continue
        where = (*where, part)
    return where, value


def _templated(value: Any) -> bool:
    if isinstance(value, str):
        return has_template(value)
    if isinstance(value, Mapping):
        return any(_templated(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_templated(item) for item in value)
    return False
