"""The inputs that a document declares: read, and held against their own validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.inputs import Input, Validation
from nornflow.workflow.document import Path
from nornflow.workflow.forms import Reader
from nornflow.workflow.functions import regex
from nornflow.workflow.inputs import why_unfit


def declared_inputs(keys: Mapping[str, Any], reader: Reader) -> dict[str, Input]:
    """Return the inputs under the key `inputs`; what is wrong with them is reported."""
    return {name: _input(name, read, reader) for name, read in keys.get("inputs", {}).items()}


def _input(name: str, read: dict[str, Any], reader: Reader) -> Input:
    path: Path = ("inputs", name)
    rules = read.get("validation")
    validation = None
    if rules is not None:
        enum = rules.get("enum")
        validation = Validation(
            rules.get("pattern"), rules.get("min"), rules.get("max"), None if enum is None else tuple(enum)
        )
    made = Input(
        name,
        read.get("type", "string"),
        read.get("description", ""),
        read.get("required", False),
        read.get("default"),
        validation,
        read.get("multiline", False),
        reader.document.key_at(path),
    )
    if validation is None or _sensible(validation, made, (*path, "validation"), reader):
        _default(made, path, reader)
    return made


def _sensible(rules: Validation, declared: Input, path: Path, reader: Reader) -> bool:
    report, kind = reader.report, declared.type
    before = len(reader.diagnostics)
    if rules.pattern is not None:
        if kind not in ("string", "file", "artifact"):
            message = f"a `pattern` says nothing about an input of type {kind}"
            report("NF405", message, (*path, "pattern"), key=True, hint="patterns are for texts")
        try:
            regex(rules.pattern)
        except ExpressionError as error:
            report("NF107", error.message, (*path, "pattern"), found=rules.pattern, hint=error.hint)
    if kind == "boolean" and (rules.min is not None or rules.max is not None):
        report("NF405", "`min` and `max` say nothing about a boolean", path)
    if rules.min is not None and rules.max is not None and rules.min > rules.max:
        report("NF405", f"no value is at least {rules.min:g} and at most {rules.max:g}", path)
    for index, one in enumerate(rules.enum or ()):
        why = why_unfit(one, Input(declared.name, kind, multiline=declared.multiline))
        if why:
            report("NF405", f"a value of `enum` {why}", (*path, "enum", index))
    return len(reader.diagnostics) == before


def _default(declared: Input, path: Path, reader: Reader) -> None:
    why = "" if declared.default is None else why_unfit(declared.default, declared)
    if why:
        reader.report("NF404", f"the default of {declared.name!r} {why}", (*path, "default"))
