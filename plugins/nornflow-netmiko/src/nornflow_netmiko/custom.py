"""Checks by a script of the author's own: run once per device in the sandbox, told in the words of every other check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nornflow import StepContext, StepTimeout

NAME = "custom_validation"
_LONGEST = 2000  # characters of what a script says that stand in a check


class _Told(BaseModel):
    """One check as a script prints it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    passed: bool
    message: str = ""


_CHECKS: TypeAdapter[list[_Told]] = TypeAdapter(list[_Told])


def check(command: str, kind: str, pattern: str, passed: bool, found: str) -> dict[str, str]:
    """Return one check as it stands in the record."""
    status = "passed" if passed else "failed"
    return {"command": command, "kind": kind, "pattern": pattern, "status": status, "found": found}


def custom_checks(
    context: StepContext, script: str, outputs: Mapping[str, str], seconds: float
) -> list[dict[str, str]]:
    """Run the script with the outputs as JSON on its standard input and return its checks, at least one.

    It has `seconds` to end. Raises PolicyDenied without `shell.script`, StepCancelled and ResourceExhausted.
    """
    host = context.host
    about = (
        {"NORNFLOW_HOST": host.name, "NORNFLOW_HOSTNAME": host.hostname, "NORNFLOW_PLATFORM": host.platform}
        if host
        else {}
    )
    allowed = min(seconds, context.timeout or seconds)
    try:
        ended = context.sandbox.script(
            script, environment={**context.environment, **about}, timeout=allowed, stdin=json.dumps(outputs)
        )
    except StepTimeout:
        return [check(NAME, "custom", "", False, f"the script did not end within {allowed:g} s")]
    told = ended.stdout.strip()
    checks = _printed(told) if told[:1] in ("[", "{") else []
    if ended.exit_code or not checks:
        found = "" if checks else told
        if ended.exit_code:
            last = (ended.stderr.strip() or found).rpartition("\n")[2]
            found = f"the script exited with {ended.exit_code}{f': {last}' if last else ''}"
        checks.insert(0, check(NAME, "custom", "", ended.exit_code == 0, found[:_LONGEST]))
    return checks


def _printed(text: str) -> list[dict[str, str]]:
    """Return the checks that a script printed as JSON; one that failed when it is not what was agreed."""
    try:
        told = _CHECKS.validate_python(_list(json.loads(text)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{part}]" for part in first["loc"])
        return [check(NAME, "custom", "", False, f"the script printed checks that are none: {where} {first['msg']}")]
    except (ValueError, RecursionError) as error:
        return [check(NAME, "custom", "", False, f"the script printed what is not JSON: {error}")]
    return [check(one.name, "custom", "", one.passed, one.message[:_LONGEST]) for one in told]


def _list(value: Any) -> Any:
    return value["checks"] if isinstance(value, dict) and set(value) == {"checks"} else value
