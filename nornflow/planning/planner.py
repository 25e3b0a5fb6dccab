"""Planning a device step by step: every step is planned on top of what the steps before it will have left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nornflow.model.device import Way
from nornflow.model.plan import Method, PlannedStep, Risk
from nornflow.planning.diff import unified
from nornflow.planning.lockout import Lockout
from nornflow.planning.normalise import config_hash
from nornflow.planning.predict import predict
from nornflow.planning.rollback import returns, rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.platforms.platform import Platform

_EXEC = "exec:"


def plan_step(
    step: str,
    host: str,
    pre: str,
    lines: Sequence[str],
    connection: str,
    platform: Platform,
    native_diff: str | None = None,
) -> tuple[PlannedStep, str]:
    """Return what a step would do to a device with this configuration, and the configuration it would leave.

    `lines` may hold `exec:` commands: they are sealed, nothing is predicted of them. With the device's own diff the
    method is `native` (an empty one says that nothing changes), otherwise `model` or, with the reason in the note,
    `impossible`. The rollback is always the model's; the note says when the text does not come back by it.
    """
    prediction = predict(pre, [line for line in lines if not line.startswith(_EXEC)], platform)
    notes = list(prediction.notes)
    rollback: tuple[str, ...] = ()
    diff = native_diff
    method = prediction.method if native_diff is None else Method.NATIVE
    if prediction.method is Method.MODEL:
        diff = unified(pre, prediction.text, platform) if diff is None else diff
        rollback = rollback_lines(prediction.text, pre, platform)
        if not returns(prediction.text, rollback, pre, platform):
            notes.append("the rollback is not predicted to bring back every line")
    planned = PlannedStep(
        step=step,
        host=host,
        lines=tuple(lines),
        connection=connection,
        diff=diff or "",
        method=method,
        pre_hash=config_hash(pre, platform),
        rollback=rollback,
        note="; ".join(notes),
    )
    return planned, prediction.text


class Planner:
    """Plans the steps of one device in their order and keeps the configuration that they will have left so far.

    `pre` is the running configuration as it was read, `pre_hash` its hash; `configuration` is the predicted one after the
    steps so far, and `after` what each of them is expected to leave. `way` is how the controller reaches the device, `risks`
    are the lines of each step that could cut it. With `supposed`, which says why, `pre` is not what the device has now:
    its own diff would be of something else, so none is taken. It can be pickled: other processes plan further steps.
    """

    def __init__(self, host: str, pre: str, platform: Platform, way: Way | None = None, *, supposed: str = "") -> None:
        self.host = host
        self.supposed = supposed
        self.pre = pre
        self.configuration = pre
        self.native: str | None = None
        """What the device says of having `pre` put back as a whole: nothing when it can, None when it was not asked."""
        self.after: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self.pre_hash = config_hash(pre, platform)
        self.risks: dict[str, tuple[Risk, ...]] = {}
        self.platform = platform
        self._way = way or Way()
        self._typed: list[tuple[str, tuple[str, ...], bool]] = []
        self._lockout: Lockout | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what cannot be worked out again; the platform by its name."""
        return {**self.__dict__, "platform": self.platform.name, "_lockout": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what another process planned."""
        self.__dict__.update(state, platform=platform_for(state["platform"]))

    def plan(
        self, step: str, lines: Sequence[str], connection: str = "", native_diff: str | None = None
    ) -> PlannedStep:
        """Plan one more step on top of what the steps before it left."""
        before = self.configuration
        native_diff = None if self.supposed else native_diff
        planned, self.configuration = plan_step(
            step, self.host, self.configuration, lines, connection, self.platform, native_diff
        )
        if self.supposed:
            planned = replace(planned, note="; ".join(filter(None, (self.supposed, planned.note))))
        at_once = native_diff is not None or bool(self.platform.exec.commit_line)
        self.risks[step] = self._watched(step, lines, at_once=at_once)
        self._before[step], self.after[step] = before, self.configuration
        return planned

    def _watched(self, step: str, lines: Sequence[str], *, at_once: bool) -> tuple[Risk, ...]:
        if self._lockout is None:
            self._lockout = Lockout(self.pre, self.platform, self._way)
            for before in self._typed:  # in another process
                self._lockout.step(before[0], before[1], at_once=before[2])
        self._typed.append((step, tuple(lines), at_once))
        return self._lockout.step(step, lines, at_once=at_once)

    def unseen(self, step: str) -> bool:
        """Tell whether the text model sees no change in what a step does."""
        return not unified(self._before[step], self.after[step], self.platform)
