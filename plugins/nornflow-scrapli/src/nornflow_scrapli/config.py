"""Steps that change a device's configuration line by line over scrapli."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from nornflow import Block, HostState, LineParams, LineStep, StepContext, StepResult, StepType
from nornflow_scrapli.session import save_config, send_blocks


class ConfigStep(LineStep):
    """Send configuration lines to a device, one by one, and stop at the first that it refuses.

    Blank lines and comments are dropped; banners are sent as they stand. The plan shows the lines and the difference
    that they make; a device on which they make none is not touched, and its outputs are false and empty. Platforms with
    a candidate (Junos, IOS XR) are refused.

    `config_deployed` says that the device has what was planned when the step ends. `validation_passed` and
    `rollback_successful` are null where nothing was held against the plan or taken back. A step that fails and took its
    change back counts as not changed.
    """

    name = "scrapli.config"

    def send(self, context: StepContext, params: LineParams, blocks: Sequence[Block]) -> Mapping[str, Any]:
        """Send the lines, then save if asked; raises LineRejected and the other device errors."""
        connection = context.connection("scrapli")
        output = send_blocks(context, connection, blocks, read_timeout=params.read_timeout)
        if params.save:
            save_config(context, connection)
        return {"output": output, "saved": params.save, "config_deployed": True}


class SaveParams(BaseModel):
    """The keys of a `scrapli.save` step: none."""

    model_config = ConfigDict(extra="forbid")


class SaveStep(StepType):
    """Save the running configuration of a device, so that it starts with it."""

    name = "scrapli.save"
    permissions = frozenset({"device.configure"})
    result_keys = ("output",)
    Params = SaveParams

    def apply(self, context: StepContext, params: SaveParams) -> StepResult:
        """Save; raises the device errors."""
        output = save_config(context, context.connection("scrapli"))
        return StepResult(HostState.OK, outputs={"output": output}, stdout=output)
