"""Steps that change a device's configuration line by line over scrapli."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, Mode, StepContext, StepError, StepResult, StepType
from nornflow_scrapli.blocks import all_lines
from nornflow_scrapli.session import device, save_config, send_blocks
from nornflow_scrapli.sources import ConfigSource

_UNCHANGED: Mapping[str, Any] = {
    "config_deployed": False,
    "validation_passed": None,
    "backup_file": "",
    "rollback_attempted": False,
    "rollback_successful": None,
}
"""What the outputs say of a device that was not changed."""


class ConfigParams(ConfigSource):
    """The keys of a `scrapli.config` step."""

    save: bool = Field(False, description="Save the running configuration after the lines were taken.")
    backup_before: bool = Field(
        True,
        description="Keep what the device had before as `backups/HOST_STEP_TIME.cfg` in the run's workspace; it needs"
        " `file.write`. A device that is not changed gets no file.",
    )
    validate_after: bool = Field(
        True,
        description="Hold the device against the plan afterwards: the step fails when a planned line is not there, or one"
        " that was to go is still there.",
    )
    rollback_on_error: bool = Field(
        True,
        description="Take the device back, at once and proven by reading, to what this step found when it fails. Without it"
        " what was sent stays; `on_failure: rollback` of the workflow and `rollback: false` of the step go before it.",
    )
    read_timeout: float = Field(15.0, description="Seconds to wait for the answer to one line.", gt=0, le=3600)


class ConfigStep(StepType):
    """Send configuration lines to a device, one by one, and stop at the first that it refuses.

    Blank lines and comments are dropped; banners are sent as they stand. The plan shows the lines and the difference
    that they make; a device on which they make none is not touched, and its outputs are false and empty. Platforms with
    a candidate (Junos, IOS XR) are refused.

    `config_deployed` says that the device has what was planned when the step ends. `validation_passed` and
    `rollback_successful` are null where nothing was held against the plan or taken back. A step that fails and took its
    change back counts as not changed.
    """

    name = "scrapli.config"
    permissions = frozenset({"device.configure", "file.write"})
    result_keys = (
        *("lines", "output", "saved", "config_deployed", "validation_passed", "backup_file"),
        *("rollback_attempted", "rollback_successful"),
    )
    Params = ConfigParams

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.configure`, `file.read` when the configuration comes from a file, `file.write` with a backup."""
        reads = any(params.get(key) for key in ("config_file", "template"))
        needed = self.permissions if params.get("backup_before") is not False else self.permissions - {"file.write"}
        return needed | ({"file.read"} if reads else set())

    def apply(self, context: StepContext, params: ConfigParams) -> StepResult:
        """Keep a backup, send the lines, then save if asked; raises LineRejected and the other device errors."""
        blocks = params.blocks(context)
        lines = all_lines(blocks)
        outputs = {"lines": lines, "output": "", "saved": False, **_UNCHANGED}
        if not lines:
            return StepResult(outputs=outputs, stdout="nothing to send")
        self._prepare(context, params)
        connection = context.connection("scrapli")
        output = send_blocks(context, connection, blocks, read_timeout=params.read_timeout)
        if params.save:
            save_config(context, connection)
        if context.mode is Mode.PLAN:  # what stands in the record of a device on which nothing has to be changed
            return StepResult(HostState.CHANGED, changed=True, outputs=outputs)
        kept = context.change.outputs["backup_file"] if context.change else ""
        outputs |= {"output": output, "backup_file": kept, "saved": params.save, "config_deployed": True}
        return StepResult(HostState.CHANGED, changed=True, outputs=outputs, stdout=output)

    def _prepare(self, context: StepContext, params: ConfigParams) -> None:
        """Say what is wanted of the engine around this change, and keep what it found; StepError when that fails."""
        change = context.change
        if change is None:  # a plan
            return
        change.verify, change.take_back = params.validate_after, params.rollback_on_error
        for name, value in _UNCHANGED.items():
            change.outputs.setdefault(name, value)
        if params.backup_before and not change.outputs["backup_file"]:
            host = re.sub(r"[^A-Za-z0-9._-]", "_", device(context))
            name = f"backups/{host}_{context.step}_{self.clock():%Y%m%dT%H%M%SZ}.cfg"
            change.outputs["backup_file"] = str(_kept(context, name, change.before))


def _kept(context: StepContext, path: str, text: str) -> Path:
    """Write a configuration into the run's workspace, for its owner's eyes; PolicyDenied and StepError."""
    try:
        return context.sandbox.write_text(path, text, mode=0o600)
    except OSError as error:
        raise StepError(
            f"the backup of {device(context)} cannot be written to {path}: {error.strerror or error}",
            hint="see to the rights and the space of the run's workspace; nothing was sent to the device",
        ) from error


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
