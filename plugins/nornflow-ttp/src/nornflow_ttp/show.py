"""What the parsing steps have in common: a command, the connection it is read over, and how a failure is told."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nornflow import (
    DeviceError,
    NornFlowError,
    StepContext,
    StepError,
    StepResult,
    StepType,
    Talk,
    UnexpectedPrompt,
)


class ShowParams(BaseModel):
    """The keys that every parsing step has."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field(description="The command whose output is parsed.", min_length=1)
    connection: Literal["netmiko", "napalm"] = Field("netmiko", description="The connection that is read over.")
    read_timeout: float = Field(30.0, description="Seconds to wait for the output (netmiko).", gt=0, le=3600)
    empty_ok: bool = Field(True, description="Without it an output in which nothing was found fails the step.")

    @field_validator("command")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if "\n" in value or "\r" in value:
            raise ValueError("a command is one line")
        return value


class ShowStep(StepType):
    """Base of the parsing steps: reads, parses, and answers with `parsed` and `output`."""

    permissions = frozenset({"device.read"})
    read_only = True
    result_keys = ("parsed", "output")
    nothing: ClassVar[str] = "nothing was found in the output"

    @abstractmethod
    def parse(self, context: StepContext, params: Any, output: str) -> tuple[Any, str]:
        """Return the data of an output and a warning (or an empty string); raises StepError."""

    def apply(self, context: StepContext, params: Any) -> StepResult:
        """Read the command and parse its output; raises LineRejected, StepError and the device errors."""
        output = read(context, params)
        parsed, warning = self.parse(context, params, output)
        if not parsed and not params.empty_ok:
            raise StepError(
                f"{self.nothing} of `{params.command}` on {Talk(context).device}",
                hint="compare the output in the record of the run with the template",
            )
        return StepResult(outputs={"parsed": parsed, "output": output}, stdout=output, warning=warning)


def read(context: StepContext, params: ShowParams) -> str:
    """Run the command over its connection and return the text; raises LineRejected when the device refuses it."""
    connection = context.connection(params.connection)
    try:
        if params.connection == "netmiko":
            output = str(connection.send_command(params.command, read_timeout=params.read_timeout))
        else:
            output = str(connection.cli([params.command])[params.command])
    except NornFlowError:
        raise
    except Exception as error:
        # this plugin knows neither netmiko nor NAPALM: what they and the libraries below them raise is told by its name
        kind, name = (UnexpectedPrompt if "Timeout" in type(error).__name__ else DeviceError), type(error).__name__
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise kind(
            f"{Talk(context).device} gave no answer to `{params.command}`: {name}: {reason}",
            hint="raise `read_timeout`, or look whether the device asks a question there",
        ) from error
    return Talk(context).accepted(params.command, output)


def platform(context: StepContext) -> str:
    """Return the platform whose templates are used: Nornir's, with NAPALM's short names spelt out."""
    name = Talk(context).platform
    long = {
        "ios": "cisco_ios",
        "eos": "arista_eos",
        "junos": "juniper_junos",
        "nxos": "cisco_nxos",
        "iosxr": "cisco_xr",
    }
    return long.get(name, name)
