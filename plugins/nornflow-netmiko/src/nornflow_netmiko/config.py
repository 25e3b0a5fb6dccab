"""Steps that change a device's configuration line by line over netmiko."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, LineRejected, StepContext, StepResult, StepType
from nornflow_netmiko.blocks import all_lines
from nornflow_netmiko.session import device, device_errors, refused_command, send_blocks
from nornflow_netmiko.sources import ConfigSource


class ConfigParams(ConfigSource):
    """The keys of a `netmiko.config` step."""

    save: bool = Field(False, description="Save the running configuration after the lines were taken.")
    read_timeout: float = Field(15.0, description="Seconds to wait for the answer to one line.", gt=0, le=3600)


class ConfigStep(StepType):
    """Send configuration lines to a device, one by one, and stop at the first that it refuses.

    Blank lines and comments are dropped; banners are sent as they stand. The plan shows the lines and the difference
    that they make; a device on which they make none is not touched.
    """

    name = "netmiko.config"
    permissions = frozenset({"device.configure"})
    result_keys = ("lines", "output", "saved")
    Params = ConfigParams

    def needs(self, params: Any) -> frozenset[str]:
        """Return `device.configure`, and `file.read` when the configuration comes from a file."""
        reads = any(params.get(key) for key in ("config_file", "template"))
        return self.permissions | ({"file.read"} if reads else frozenset())

    def apply(self, context: StepContext, params: ConfigParams) -> StepResult:
        """Send the lines, then save if asked; raises LineRejected and the other device errors."""
        blocks = params.blocks(context)
        lines = all_lines(blocks)
        if not lines:
            return StepResult(outputs={"lines": [], "output": "", "saved": False}, stdout="nothing to send")
        connection = context.connection("netmiko")
        output = send_blocks(context, connection, blocks, read_timeout=params.read_timeout)
        if params.save:
            save(context, connection)
        return StepResult(
            HostState.CHANGED,
            changed=True,
            outputs={"lines": lines, "output": output, "saved": params.save},
            stdout=output,
        )


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
    words = refused_command("\n".join(output.splitlines()[1:]))  # the first line is the command's echo
    if words:
        raise LineRejected(
            f"{device(context)} did not save its configuration: {words}",
            line="write memory",
            marker=words,
            hint="the running configuration is changed, the saved one is not; the user may lack the right to save",
        )
    return output
