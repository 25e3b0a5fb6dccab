"""Inputs as a command line gives them: `key=value`, or `@file` with a YAML or JSON mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nornflow.errors import UsageError
from nornflow.model.diagnostic import InvalidDocument
from nornflow.workflow.loader import load


def given_inputs(words: Sequence[str]) -> dict[str, Any]:
    """Return the inputs by name; what comes later wins. Raises UsageError for a word of another form."""
    given: dict[str, Any] = {}
    for word in words:
        if word.startswith("@"):
            given.update(_from_file(word[1:]))
            continue
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"-i {word}: key=value or @file is expected", hint="for example -i ticket=CHG0000001")
        given[name.strip()] = value
    return given


def _from_file(name: str) -> dict[str, Any]:
    try:
        values = load(Path(name)).data
    except InvalidDocument as error:
        problem = error.diagnostics[0] if error.diagnostics else error
        place = getattr(problem, "location", name)
        raise UsageError(f"-i @{name}: {place}: {getattr(problem, 'message', problem)}", hint=error.hint) from None
    if not isinstance(values, dict):
        raise UsageError(f"-i @{name}: a mapping of inputs is expected", hint="write `name: value` lines")
    return values
