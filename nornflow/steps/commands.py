"""The base of steps that run exec commands on a device and return what it said, as text and as data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nornflow.abc import StepContext, StepType
from nornflow.errors import StepError
from nornflow.model.run import HostState, StepResult
from nornflow.steps.talk import Talk


class CommandParams(BaseModel):
    """The keys of a step that runs commands."""

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
    """Runs commands on a device; a subclass has the `name` and `read`, and more keys if it takes more.

    Its distribution declares textfsm and ntc-templates, which are imported when an output is to be parsed.
    """

    permissions = frozenset({"device.read"})
    result_keys: tuple[str, ...] = ("output", "outputs", "parsed")
    Params: ClassVar[type[BaseModel]] = CommandParams

    @abstractmethod
    def read(self, context: StepContext, params: Any, command: str) -> str:
        """Send one command and return its output; raises LineRejected when the device refuses it, and device errors."""

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.read`, or `device.command` for commands that are not reads."""
        needed = {"device.command"} if params.get("changes") not in (None, False) else {"device.read"}
        return frozenset(needed | ({"file.read"} if params.get("textfsm_template") else set()))

    def reads_only(self, params: Mapping[str, Any]) -> bool:
        """Return True for commands that are reads."""
        return params.get("changes") in (None, False)

    def apply(self, context: StepContext, params: Any) -> StepResult:
        """Run the commands; raises LineRejected, StepError when an output cannot be parsed, and the device errors."""
        outputs = {command: self.read(context, params, command) for command in params.all}
        text = "\n".join(outputs.values())
        results: dict[str, Any] = {"output": text, "outputs": outputs}
        if params.use_textfsm or params.textfsm_template:
            rows = {command: _rows(context, command, output, params) for command, output in outputs.items()}
            results["parsed"] = rows if params.commands is not None else rows[params.all[0]]
        state = HostState.CHANGED if params.changes else HostState.OK
        return StepResult(state, changed=params.changes, outputs=results, stdout=text)


def _rows(context: StepContext, command: str, output: str, params: CommandParams) -> list[dict[str, Any]]:
    talk, template = Talk(context), params.textfsm_template
    return textfsm_rows(
        output,
        command,
        device=talk.device,
        platform=talk.platform,
        template=context.sandbox.read_text(template) if template else "",
        hint="give a template of your own with `textfsm_template`, or parse with a `ttp.show` or `regex.show` step",
    )


def textfsm_rows(
    output: str, command: str, *, device: str, platform: str, template: str = "", hint: str = ""
) -> list[dict[str, Any]]:
    """Return the rows that a TextFSM template finds in an output, with field names in lower case.

    Without a template that of ntc-templates for the platform and the command is taken. Raises StepError, with the hint,
    when there is none or the template reaches its `Error` state.
    """
    from io import StringIO

    from ntc_templates.parse import ParsingException, parse_output
    from textfsm import TextFSM
    from textfsm.parser import Error

    try:
        if not template:
            rows: list[dict[str, Any]] = parse_output(platform=platform, command=command, data=output)
            return rows
        table = TextFSM(StringIO(template))
        names = [name.lower() for name in table.header]
        return [dict(zip(names, row, strict=True)) for row in table.ParseText(output)]
    except (ParsingException, Error) as error:
        raise StepError(
            f"TextFSM could not parse the output of `{command}` on {device} ({platform}): {error}", hint=hint
        ) from error
