"""Steps that change a device through NAPALM's candidate: merge or replace, commit with a timer, confirm."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nornflow import ConfigSource, DeviceError, HostState, Mode, StepContext, StepResult, StepType, Talk
from nornflow_napalm.failures import device_errors


class ConfigParams(ConfigSource):
    """The keys of a `napalm.config` step."""

    replace: bool = Field(False, description="Replace the whole configuration instead of merging into it.")
    revert_in: int | None = Field(
        None,
        description="Seconds after which the device takes the change back by itself, unless a `napalm.confirm` step"
        " confirms it before. Not every driver has this.",
        ge=1,
        le=86_400,
    )
    message: str | None = Field(None, description="A commit message, where the platform keeps one.")


class ConfigStep(StepType):
    """Load a candidate, compare it with the running configuration and commit it when there is a difference.

    `diff` is the device's own. With `revert_in` the change stands under the device's timer until it is confirmed: put the
    checks between this step and a `napalm.confirm` step, and a controller that dies or a change that cuts its own access
    is taken back by the device.
    """

    name = "napalm.config"
    permissions = frozenset({"device.configure"})
    result_keys = ("diff", "pending", "revert_in")
    Params = ConfigParams

    def needs(self, params: Any) -> frozenset[str]:
        """Return `device.configure`, and `file.read` when the configuration comes from a file."""
        reads = any(params.get(key) for key in ("config_file", "template"))
        return self.permissions | ({"file.read"} if reads else frozenset())

    def apply(self, context: StepContext, params: ConfigParams) -> StepResult:
        """Load, compare and commit what makes a difference; a plan's commit is captured by the guard and goes nowhere.

        Raises LineRejected when the device refuses a line, DeviceError when a commit is pending already, and the others.
        """
        text = params.text(context)
        connection = context.connection("napalm")
        if params.revert_in is not None and context.mode is Mode.APPLY:
            _refuse_pending(context, connection)
        with device_errors(context, "loading the candidate"):
            if params.replace:
                connection.load_replace_candidate(config=text)
            else:
                connection.load_merge_candidate(config=text)
        try:
            with device_errors(context, "comparing the candidate"):
                diff = str(connection.compare_config())
            # while planning the guard captures the commit, also one that would change nothing: those are the planned lines
            if not diff.strip() and context.mode is Mode.APPLY:
                _discard(context, connection)
                return StepResult(outputs={"diff": "", "pending": False, "revert_in": None})
            options: dict[str, Any] = {"message": params.message} if params.message else {}
            if params.revert_in is not None:
                options["revert_in"] = params.revert_in
            with device_errors(context, "committing"):
                connection.commit_config(**options)
        except DeviceError as error:
            try:
                _discard(context, connection)
            except DeviceError as second:
                error.add_note(f"and the candidate could not be thrown away: {second}")
            raise
        return StepResult(
            HostState.CHANGED,
            changed=True,
            outputs={"diff": diff, "pending": params.revert_in is not None, "revert_in": params.revert_in},
            stdout=diff,
        )


class ConfirmParams(BaseModel):
    """The keys of a `napalm.confirm` step: none."""

    model_config = ConfigDict(extra="forbid")


class ConfirmStep(StepType):
    """Confirm a commit that stands under the device's timer, so that it stays.

    Put it after the checks, with `when: steps.<the change>.changed`, so that a device with nothing to change is left out.
    """

    name = "napalm.confirm"
    permissions = frozenset({"device.configure"})
    result_keys = ("confirmed",)
    Params = ConfirmParams

    def plan(self, context: StepContext, params: ConfirmParams) -> StepResult:
        """Let the guard capture the confirmation; nothing is pending yet, so the device is not asked."""
        with device_errors(context, "confirming the commit"):
            context.connection("napalm").confirm_commit()
        return StepResult(outputs={"confirmed": False})

    def apply(self, context: StepContext, params: ConfirmParams) -> StepResult:
        """Confirm; raises DeviceError when no commit is pending: the device has taken the change back already."""
        connection = context.connection("napalm")
        with device_errors(context, "has_pending_commit"):
            pending = bool(connection.has_pending_commit())
        if not pending:
            raise DeviceError(
                f"no commit is pending on {Talk(context).device}",
                hint="its timer is over and it took the change back, or the step before committed without `revert_in`",
            )
        with device_errors(context, "confirming the commit"):
            connection.confirm_commit()
        return StepResult(outputs={"confirmed": True}, stdout="the commit is confirmed")


def _refuse_pending(context: StepContext, connection: Any) -> None:
    with device_errors(context, "has_pending_commit"):
        pending = bool(connection.has_pending_commit())
    if pending:
        raise DeviceError(
            f"a commit is pending on {Talk(context).device} already",
            hint="confirm it with a napalm.confirm step, or wait until its timer takes it back",
        )


def _discard(context: StepContext, connection: Any) -> None:
    with device_errors(context, "throwing the candidate away"):
        connection.discard_config()
