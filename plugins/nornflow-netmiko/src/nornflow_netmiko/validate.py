"""A step that checks a device's state: commands and the patterns that their outputs must, or must not, show."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nornflow import HostState, StepContext, StepResult, StepType
from nornflow_netmiko.session import device, read, refused_command

Patterns = dict[str, str | list[str]]


class ValidateParams(BaseModel):
    """The keys of a `netmiko.validate` step."""

    model_config = ConfigDict(extra="forbid")

    commands: list[str] = Field(default=[], description="Commands that the device must accept.")
    expected_patterns: Patterns = Field(
        default={}, description="For each command the regular expressions (RE2) that its output must match."
    )
    absent_patterns: Patterns = Field(
        default={}, description="For each command the regular expressions (RE2) that its output must not match."
    )
    read_timeout: float = Field(30.0, description="Seconds to wait for the end of one output.", gt=0, le=3600)

    @field_validator("expected_patterns", "absent_patterns")
    @classmethod
    def _patterns_compile(cls, value: Patterns) -> Patterns:
        for pattern in (pattern for patterns in value.values() for pattern in _listed(patterns)):
            if "{{" not in pattern:  # what stands in a template is known when the step runs
                compiled(pattern)
        return value

    @model_validator(mode="after")
    def _something(self) -> ValidateParams:
        if not (self.commands or self.expected_patterns or self.absent_patterns):
            raise ValueError("give commands, expected_patterns or absent_patterns")
        return self


class ValidateStep(StepType):
    """Check a device after a change: every command is run once, and all checks are told, not only the first that fails.

    `checks` is a list of `{command, kind, pattern, status, found}`; `kind` is accepted, expected or absent, `status` passed
    or failed. Patterns are searched in every line (`^` and `$` are the ends of a line).
    """

    name = "netmiko.validate"
    permissions = frozenset({"device.read"})
    verifies = True
    result_keys = ("checks", "outputs", "passed")
    Params = ValidateParams

    def apply(self, context: StepContext, params: ValidateParams) -> StepResult:
        """Run the checks; a result in state `failed` carries those that did not pass."""
        connection = context.connection("netmiko")
        commands = dict.fromkeys([*params.commands, *params.expected_patterns, *params.absent_patterns])
        outputs = {
            command: read(context, connection, command, read_timeout=params.read_timeout) for command in commands
        }
        checks: list[dict[str, str]] = []
        for command, output in outputs.items():
            words = refused_command(output)
            checks.append(_check(command, "accepted", "", not words, words))
            for pattern in _listed(params.expected_patterns.get(command, [])):
                found = compiled(pattern).search(output)
                checks.append(_check(command, "expected", pattern, bool(found), found.group(0) if found else ""))
            for pattern in _listed(params.absent_patterns.get(command, [])):
                found = compiled(pattern).search(output)
                checks.append(_check(command, "absent", pattern, not found, found.group(0) if found else ""))
        failed = [check for check in checks if check["status"] == "failed"]
        results: dict[str, Any] = {"checks": checks, "outputs": outputs, "passed": not failed}
        if not failed:
            return StepResult(outputs=results, stdout=f"{len(checks)} checks passed")
        return StepResult(
            HostState.FAILED,
            outputs=results,
            stdout="\n".join(map(_told, failed)),
            error=f"{len(failed)} of {len(checks)} checks failed on {device(context)}: {_told(failed[0])}",
            reason="check-failed",
            hint="the outputs stand in the record of the run",
        )


def compiled(pattern: str) -> Any:
    """Return the pattern compiled by RE2 (never catastrophic); ValueError when it is not a regular expression there."""
    import re2

    try:
        return re2.compile(f"(?m){pattern}")
    except re2.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression of RE2: {error}") from error


def _listed(patterns: str | list[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else patterns


def _check(command: str, kind: str, pattern: str, passed: bool, found: str) -> dict[str, str]:
    status = "passed" if passed else "failed"
    return {"command": command, "kind": kind, "pattern": pattern, "status": status, "found": found}


def _told(check: dict[str, str]) -> str:
    command, pattern, found = check["command"], check["pattern"], check["found"]
    match check["kind"]:
        case "accepted":
            return f"`{command}` was refused: {found}"
        case "expected":
            return f"`{command}` does not show /{pattern}/"
        case _:
            return f"`{command}` shows `{found}`, which must not be there (/{pattern}/)"
