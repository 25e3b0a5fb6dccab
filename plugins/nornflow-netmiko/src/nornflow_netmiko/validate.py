"""A step that checks a device's state: commands and the patterns that their outputs must, or must not, show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nornflow import HostState, StepContext, StepResult, StepType, Talk, Verbatim
from nornflow_netmiko.custom import check, custom_checks
from nornflow_netmiko.session import read

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
    custom_validation: Annotated[str | None, Verbatim] = Field(
        None,
        description="A script as in a `script` step, run once per device: it reads the outputs by command as JSON and"
        " prints checks, or just exits. It is not a template, and needs `shell.script`.",
        min_length=1,
    )
    custom_timeout: float = Field(60.0, description="Seconds within which the script must end.", gt=0, le=3600)
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
        if not (self.commands or self.expected_patterns or self.absent_patterns or self.custom_validation):
            raise ValueError("give commands, expected_patterns, absent_patterns or custom_validation")
        return self


class ValidateStep(StepType):
    """Check a device after a change: every command is run once, and all checks are told, not only the first that fails.

    `checks` is a list of `{command, kind, pattern, status, found}`; `kind` is accepted, expected, absent or custom, `status`
    passed or failed. Patterns are searched in every line (`^` and `$` are the ends of a line).

    The script of `custom_validation` gets `{command: output}` on standard input, and the device in `NORNFLOW_HOST` (its name
    in the inventory), `NORNFLOW_HOSTNAME` (its address) and `NORNFLOW_PLATFORM`. It fails the step by an exit code other than
    0, by not ending in time, or by a check that did not pass: when it prints JSON that must be
    `[{"name": ..., "passed": true, "message": ...}]`, and each is one of the `checks` (`command` is its name, `found` its
    message). Other text that it prints is `found` in the one check that its exit code makes.
    """

    name = "netmiko.validate"
    permissions = frozenset({"device.read"})
    verifies = True
    result_keys = ("checks", "outputs", "passed")
    Params = ValidateParams

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.read`, and `shell.script` with a script."""
        return self.permissions | ({"shell.script"} if params.get("custom_validation") else set())

    def apply(self, context: StepContext, params: ValidateParams) -> StepResult:
        """Run the checks; a result in state `failed` carries those that did not pass."""
        commands = dict.fromkeys([*params.commands, *params.expected_patterns, *params.absent_patterns])
        outputs = _read_all(context, list(commands), params.read_timeout)
        checks: list[dict[str, str]] = []
        for command, output in outputs.items():
            words = Talk.refused(output)
            checks.append(check(command, "accepted", "", not words, words))
            for pattern in _listed(params.expected_patterns.get(command, [])):
                found = compiled(pattern).search(output)
                checks.append(check(command, "expected", pattern, bool(found), found.group(0) if found else ""))
            for pattern in _listed(params.absent_patterns.get(command, [])):
                found = compiled(pattern).search(output)
                checks.append(check(command, "absent", pattern, not found, found.group(0) if found else ""))
        if params.custom_validation:
            checks += custom_checks(context, params.custom_validation, outputs, params.custom_timeout)
        failed = [one for one in checks if one["status"] == "failed"]
        results: dict[str, Any] = {"checks": checks, "outputs": outputs, "passed": not failed}
        if not failed:
            return StepResult(outputs=results, stdout=f"{len(checks)} checks passed")
        return StepResult(
            HostState.FAILED,
            outputs=results,
            stdout="\n".join(map(_told, failed)),
            error=f"{len(failed)} of {len(checks)} checks failed on {Talk(context).device}: {_told(failed[0])}",
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


def _read_all(context: StepContext, commands: list[str], seconds: float) -> dict[str, str]:
    if not commands:
        return {}
    connection = context.connection("netmiko")
    return {command: read(context, connection, command, read_timeout=seconds) for command in commands}


def _told(one: dict[str, str]) -> str:
    command, pattern, found = one["command"], one["pattern"], one["found"]
    match one["kind"]:
        case "accepted":
            return f"`{command}` was refused: {found}"
        case "expected":
            return f"`{command}` does not show /{pattern}/"
        case "custom":
            return f"{command}: {found or 'did not pass'}"
        case _:
            return f"`{command}` shows `{found}`, which must not be there (/{pattern}/)"
