"""Steps that change a device's configuration line by line over netmiko."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nornflow import Block, HostState, LineParams, LineStep, StepContext, StepResult, StepType, Talk
from nornflow_netmiko.session import commits, device_errors, send_blocks


class ConfigParams(LineParams):
    """The keys of a `netmiko.config` step."""

    commit: bool = Field(
        True,
        description="On Junos, whose lines go into a candidate: commit it. Without it the lines are loaded, compared"
        " (`output`) and checked, and nothing of them is left. Elsewhere lines act at once, and false is refused.",
    )


class ConfigStep(LineStep):
    """Send configuration lines to a device, one by one, and stop at the first that it refuses.

    Blank lines and comments are dropped; banners are sent as they stand. The plan shows the lines and the difference
    that they make; a device on which they make none is not touched, and its outputs are false and empty.

    `config_deployed` says that the device has what was planned when the step ends, `committed` that all lines were in
    force, also when they were taken back since. `validation_passed` and `rollback_successful` are null where nothing was
    held against the plan or taken back. A step that fails and took its change back counts as not changed.
    """

    name = "netmiko.config"
    result_keys = (*LineStep.result_keys, "committed")
    unchanged = MappingProxyType({**LineStep.unchanged, "committed": False})
    Params = ConfigParams

    def validates(self, params: ConfigParams) -> bool:
        """Tell whether the device is held against the plan afterwards: not when nothing is committed."""
        return params.validate_after and params.commit

    def send(self, context: StepContext, params: ConfigParams, blocks: Sequence[Block]) -> Mapping[str, Any]:
        """Send the lines, commit or save them where that is asked; raises LineRejected and the other device errors."""
        connection = context.connection("netmiko")
        output = send_blocks(context, connection, blocks, read_timeout=params.read_timeout, commit=params.commit)
        if params.save and not commits(context):  # what is committed is saved
            save(context, connection)
        if not params.commit:
            return {"output": output}
        return {
            "output": output,
            "saved": params.save or commits(context),
            "config_deployed": True,
            "committed": True,
        }


class SaveParams(BaseModel):
    """The keys of a `netmiko.save` step: none."""

    model_config = ConfigDict(extra="forbid")


class SaveStep(StepType):
    """Save the running configuration of a device, so that it starts with it."""

    name = "netmiko.save"
    permissions = frozenset({"device.configure"})
    result_keys = ("output",)
    Params = SaveParams

    def apply(self, context: StepContext, params: SaveParams) -> StepResult:
        """Save; raises the device errors."""
        output = save(context, context.connection("netmiko"))
        return StepResult(HostState.OK, outputs={"output": output}, stdout=output)


def save(context: StepContext, connection: Any) -> str:
    """Save the running configuration the way netmiko knows for the platform; LineRejected when the device refuses."""
    with device_errors(context, "saving the configuration"):
        output = str(connection.save_config())
    Talk(context).saved("write memory", "\n".join(output.splitlines()[1:]))  # the first line is the command's echo
    return output
