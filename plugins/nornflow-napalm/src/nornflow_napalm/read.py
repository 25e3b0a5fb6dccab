"""Steps that read a device through NAPALM: getters and show commands."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nornflow import StepContext, StepError, StepResult, StepType
from nornflow_napalm.failures import device_errors


class GetParams(BaseModel):
    """The keys of a `napalm.get` step."""

    model_config = ConfigDict(extra="forbid")

    getters: list[str] = Field(
        description="Names of getters, with or without `get_`: facts, interfaces ...", min_length=1
    )
    options: dict[str, dict[str, Any]] = Field(
        default={}, description="For each getter the arguments it is called with, e.g. `config: {retrieve: running}`."
    )

    @field_validator("getters")
    @classmethod
    def _short_names(cls, value: list[str]) -> list[str]:
        return [name.removeprefix("get_") for name in value]


class GetStep(StepType):
    """Read structured data through NAPALM's getters; each getter is an output of its own name (`steps.x.facts`)."""

    name = "napalm.get"
    permissions = frozenset({"device.read"})
    read_only = True
    result_keys = (
        "facts",
        "interfaces",
        "interfaces_ip",
        "bgp_neighbors",
        "lldp_neighbors",
        "arp_table",
        "config",
        "vlans",
    )
    Params = GetParams

    def apply(self, context: StepContext, params: GetParams) -> StepResult:
        """Call the getters; raises StepError for one that does not exist or that the driver does not have."""
        known = getter_names()
        strange = [name for name in (*params.getters, *params.options) if name.removeprefix("get_") not in known]
        if strange:
            near = get_close_matches(strange[0], known, n=1)
            raise StepError(
                f"NAPALM has no getter {strange[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                hint=f"the getters are {', '.join(known)}",
            )
        options = {name.removeprefix("get_"): value for name, value in params.options.items()}
        connection = context.connection("napalm")
        outputs: dict[str, Any] = {}
        for name in params.getters:
            with device_errors(context, f"get_{name}"):
                outputs[name] = getattr(connection, f"get_{name}")(**options.get(name, {}))
        return StepResult(outputs=outputs, stdout=f"read {', '.join(outputs)}")


class CliParams(BaseModel):
    """The keys of a `napalm.cli` step."""

    model_config = ConfigDict(extra="forbid")

    commands: list[str] = Field(description="Show commands, run in this order.", min_length=1)

    @field_validator("commands")
    @classmethod
    def _one_line_each(cls, value: list[str]) -> list[str]:
        for command in value:
            if "\n" in command or "\r" in command:
                raise ValueError(f"a command is one line: {command!r}")
        return value


class CliStep(StepType):
    """Run show commands through NAPALM; `outputs` has the text by command, `output` all of it together."""

    name = "napalm.cli"
    permissions = frozenset({"device.read"})
    read_only = True
    result_keys = ("output", "outputs")
    Params = CliParams

    def apply(self, context: StepContext, params: CliParams) -> StepResult:
        """Run the commands; raises DeviceError and its kinds."""
        connection = context.connection("napalm")
        with device_errors(context, "show commands"):
            outputs = {command: str(text) for command, text in connection.cli(list(params.commands)).items()}
        text = "\n".join(outputs.values())
        return StepResult(outputs={"output": text, "outputs": outputs}, stdout=text)


def getter_names() -> list[str]:
    """Return the names of NAPALM's getters without `get_`, sorted."""
    from napalm.base.base import NetworkDriver

    return sorted(name.removeprefix("get_") for name in dir(NetworkDriver) if name.startswith("get_"))
