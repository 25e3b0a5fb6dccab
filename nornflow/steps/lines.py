"""The base of steps that change a device line by line: what is kept before, what is held against the plan afterwards."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from nornflow.abc import StepContext, StepType
from nornflow.model.permission import Mode
from nornflow.model.run import HostState, StepResult
from nornflow.steps.blocks import Block, all_lines
from nornflow.steps.sources import ConfigSource
from nornflow.steps.talk import Talk


class LineParams(ConfigSource):
    """The keys of a step that sends configuration lines."""

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


class LineStep(StepType):
    """Sends configuration lines to a device; a subclass has the `name` and `send`, and more keys if it takes more."""

    permissions = frozenset({"device.configure", "file.write"})
    result_keys: tuple[str, ...] = (
        *("lines", "output", "saved", "config_deployed", "validation_passed", "backup_file"),
        *("rollback_attempted", "rollback_successful"),
    )
    unchanged: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "config_deployed": False,
            "validation_passed": None,
            "backup_file": "",
            "rollback_attempted": False,
            "rollback_successful": None,
        }
    )
    """What the outputs say of a device that was not changed."""
    Params: ClassVar[type[BaseModel]] = LineParams

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock

    @abstractmethod
    def send(self, context: StepContext, params: Any, blocks: Sequence[Block]) -> Mapping[str, Any]:
        """Send the lines, save if asked, and return what it knows of the outputs: `output`, `saved`, `config_deployed` ...

        With `config_deployed` false nothing of the lines was left on the device. Raises LineRejected for the first line
        that the device refuses, and sends none behind it.
        """

    def validates(self, params: Any) -> bool:
        """Tell whether the device is held against the plan afterwards."""
        return bool(params.validate_after)

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.configure`, `file.read` when the configuration comes from a file, `file.write` with a backup."""
        reads = any(params.get(key) for key in ("config_file", "template"))
        needed = self.permissions if params.get("backup_before") is not False else self.permissions - {"file.write"}
        return needed | ({"file.read"} if reads else set())

    def apply(self, context: StepContext, params: Any) -> StepResult:
        """Keep a backup, send the lines, then save if asked; raises LineRejected and the other device errors."""
        blocks = params.blocks(context)
        lines = all_lines(blocks)
        outputs = {"lines": lines, "output": "", "saved": False, **self.unchanged}
        if not lines:
            return StepResult(outputs=outputs, stdout="nothing to send")
        self._prepare(context, params)
        found = self.send(context, params, blocks)
        if context.mode is Mode.PLAN:  # what stands in the record of a device on which nothing has to be changed
            return StepResult(HostState.CHANGED, changed=True, outputs=outputs)
        kept = context.change.outputs["backup_file"] if context.change else ""
        outputs |= {"backup_file": kept, **found}
        if not outputs["config_deployed"]:
            return StepResult(outputs=outputs, stdout=outputs["output"])
        return StepResult(HostState.CHANGED, changed=True, outputs=outputs, stdout=outputs["output"])

    def _prepare(self, context: StepContext, params: Any) -> None:
        """Say what is wanted of the engine around this change, and keep what it found; StepError when that fails."""
        change = context.change
        if change is None:  # a plan
            return
        change.verify, change.take_back = self.validates(params), params.rollback_on_error
        for name, value in self.unchanged.items():
            change.outputs.setdefault(name, value)
        if params.backup_before and not change.outputs["backup_file"]:
            talk = Talk(context)
            name = f"backups/{talk.file_name}_{context.step}_{self.clock():%Y%m%dT%H%M%SZ}.cfg"
            change.outputs["backup_file"] = str(talk.keep_backup(name, change.before))
