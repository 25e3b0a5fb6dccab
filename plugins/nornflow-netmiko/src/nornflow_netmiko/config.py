"""Steps that change a device's configuration line by line over netmiko."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, LineRejected, Mode, StepContext, StepResult, StepType
from nornflow_netmiko.backup import file_name, keep
from nornflow_netmiko.blocks import all_lines
from nornflow_netmiko.session import commits, device, device_errors, refused_command, send_blocks
from nornflow_netmiko.sources import ConfigSource

_UNCHANGED: Mapping[str, Any] = {
    "config_deployed": False,
    "validation_passed": None,
    "committed": False,
    "backup_file": "",
    "rollback_attempted": False,
    "rollback_successful": None,
}
"""What the outputs say of a device that was not changed."""


class ConfigParams(ConfigSource):
    """The keys of a `netmiko.config` step."""

    save: bool = Field(False, description="Save the running configuration after the lines were taken.")
    commit: bool = Field(
        True,
        description="On Junos, whose lines go into a candidate: commit it. Without it the lines are loaded, compared"
        " (`output`) and checked, and nothing of them is left. Elsewhere lines act at once, and false is refused.",
    )
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
    that they make; a device on which they make none is not touched, and its outputs are false and empty.

    `config_deployed` says that the device has what was planned when the step ends, `committed` that all lines were in
    force, also when they were taken back since. `validation_passed` and `rollback_successful` are null where nothing was
    held against the plan or taken back. A step that fails and took its change back counts as not changed.
    """

    name = "netmiko.config"
    permissions = frozenset({"device.configure", "file.write"})
    result_keys = (
        *("lines", "output", "saved", "config_deployed", "validation_passed", "committed", "backup_file"),
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
        connection = context.connection("netmiko")
        output = send_blocks(context, connection, blocks, read_timeout=params.read_timeout, commit=params.commit)
        if params.save and not commits(context):  # what is committed is saved
            save(context, connection)
        if context.mode is Mode.PLAN:  # what stands in the record of a device on which nothing has to be changed
            return StepResult(HostState.CHANGED, changed=True, outputs=outputs)
        kept = context.change.outputs["backup_file"] if context.change else ""
        outputs |= {"output": output, "backup_file": kept}
        if not params.commit:
            return StepResult(outputs=outputs, stdout=output)
        outputs |= {"saved": params.save or commits(context), "config_deployed": True, "committed": True}
        return StepResult(HostState.CHANGED, changed=True, outputs=outputs, stdout=output)

    def _prepare(self, context: StepContext, params: ConfigParams) -> None:
        """Say what is wanted of the engine around this change, and keep what it found; StepError when that fails."""
        change = context.change
        if change is None:  # a plan
            return
        change.verify, change.take_back = params.validate_after and params.commit, params.rollback_on_error
        for name, value in _UNCHANGED.items():
            change.outputs.setdefault(name, value)
        if params.backup_before and not change.outputs["backup_file"]:
            name = f"{context.step}_{self.clock():%Y%m%dT%H%M%SZ}"
            change.outputs["backup_file"] = str(
                keep(context, f"backups/{file_name(context)}_{name}.cfg", change.before)
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
