"""A step that runs exec commands on a device and returns what it said, as text and as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nornflow import HostState, StepContext, StepError, StepResult, StepType
from nornflow_scrapli.session import device, read_accepted


class CommandParams(BaseModel):
    """The keys of a `scrapli.command` step."""

    model_config = ConfigDict(extra="forbid")

    command: str | None = Field(None, description="One command.", min_length=1)
    commands: list[str] | None = Field(None, description="Several commands, run in this order.", min_length=1)
    changes: bool = Field(
        False, description="The commands are not reads (clear, copy, reload): they need `device.command`."
    )
    use_textfsm: bool = Field(False, description="Parse the output with the TextFSM template of ntc-templates.")
    textfsm_template: str | None = Field(None, description="A TextFSM template file of the project to parse with.")
    read_timeout: float = Field(30.0, description="Seconds to wait for the end of one output.", gt=0, le=3600)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.command is None) == (self.commands is None):
            raise ValueError("give either `command` or `commands`")
        for command in self.all:
            if "\n" in command or "\r" in command:
                raise ValueError(f"a command is one line: {command!r}")
        return self

    @property
    def all(self) -> list[str]:
        """The commands in their order."""
        return [self.command] if self.command is not None else list(self.commands or ())


class CommandStep(StepType):
    """Run one or more commands on a device; a command that the device refuses fails the step.

    `output` is the text (of all commands together), `outputs` the text by command. With TextFSM `parsed` is a list of
    rows with lower-case names, or such lists by command when there are several.
    """

    name = "scrapli.command"
    permissions = frozenset({"device.read"})
    result_keys = ("output", "outputs", "parsed")
    Params = CommandParams

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.read`, or `device.command` for commands that are not reads."""
        needed = {"device.command"} if params.get("changes") not in (None, False) else {"device.read"}
        return frozenset(needed | ({"file.read"} if params.get("textfsm_template") else set()))

    def reads_only(self, params: Mapping[str, Any]) -> bool:
        """Return True for commands that are reads."""
        return params.get("changes") in (None, False)

    def apply(self, context: StepContext, params: CommandParams) -> StepResult:
        """Run the commands; raises LineRejected, StepError when an output cannot be parsed, and the device errors."""
        connection = context.connection("scrapli")
        outputs = {
            command: read_accepted(context, connection, command, read_timeout=params.read_timeout)
            for command in params.all
        }
        text = "\n".join(outputs.values())
        results: dict[str, Any] = {"output": text, "outputs": outputs}
        if params.use_textfsm or params.textfsm_template:
            rows = {command: _parse(context, command, output, params) for command, output in outputs.items()}
            results["parsed"] = rows if params.commands is not None else rows[params.all[0]]
        state = HostState.CHANGED if params.changes else HostState.OK
        return StepResult(state, changed=params.changes, outputs=results, stdout=text)


def _parse(context: StepContext, command: str, output: str, params: CommandParams) -> list[dict[str, Any]]:
    from io import StringIO

    from ntc_templates.parse import ParsingException, parse_output
    from textfsm import TextFSM
    from textfsm.parser import Error

    platform = context.host.platform if context.host else ""
    try:
        if params.textfsm_template:
            table = TextFSM(StringIO(context.sandbox.read_text(params.textfsm_template)))
            return [
                dict(zip((name.lower() for name in table.header), row, strict=True)) for row in table.ParseText(output)
            ]
        rows: list[dict[str, Any]] = parse_output(platform=platform, command=command, data=output)
        return rows
    except (ParsingException, Error) as error:
        raise StepError(
            f"the output of `{command}` on {device(context)} could not be parsed: {error}",
            hint="give a template of your own with `textfsm_template`, or parse with a `ttp.show` or `regex.show` step",
        ) from error
