"""A step that waits for a while, a moment, a window of time or a signal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from nornflow import Awaited, Scope, StepContext, StepResult, StepType, WaitKind
from nornflow_builtins.lengths import Length, seconds
from nornflow_builtins.windows import clock_time, moment, window, zone

SHORT = 5.0
"""Seconds that are slept, so that nothing need be kept."""
_WAYS = ("for", "at", "window", "signal")


class WindowParams(BaseModel):
    """A window of time that comes again."""

    model_config = ConfigDict(extra="forbid")

    start: Annotated[str, AfterValidator(lambda text: clock_time(text).isoformat())] = Field(
        description="The hour of the clock at which it begins: 02:00."
    )
    end: Annotated[str, AfterValidator(lambda text: clock_time(text).isoformat())] = Field(
        description="The hour at which it ends; when it is not later than `start`, on the next day."
    )
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        default_factory=list, description="The days on which it begins; every day when empty."
    )
    timezone: Annotated[str, AfterValidator(lambda name: str(zone(name)))] = Field(
        "UTC", description="How clocks go there: Europe/Amsterdam."
    )


class WaitParams(BaseModel):
    """The keys of a `wait` step: just one of `for`, `at`, `window` and `signal`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    for_: Length | None = Field(None, alias="for", description="How long, from when the step is reached: 10m.")
    at: datetime | None = Field(
        None, description="Until when, with its place: 2026-11-22T02:00:00+01:00, or a template that gives such a text."
    )
    window: WindowParams | None = Field(
        None, description="Until the next window of time; a run that comes back too late waits for the one after it."
    )
    signal: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        pattern=r"^[^\s@][^\s]*$",
        description="The name of a signal (`nornflow runs signal RUN NAME`); each signal ends one wait.",
    )
    expires: Length | None = Field(None, description="How long a signal has to come: then the step fails.")

    @field_validator("at", mode="before")
    @classmethod
    def _placed(cls, at: object) -> datetime | None:
        return None if at is None else moment(at)

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in _WAYS if getattr(self, "for_" if name == "for" else name) is not None]
        if not given:
            raise ValueError("just one of `for`, `at` (a moment), `window` and `signal` is wanted, not none")
        if len(given) != 1:
            raise ValueError(f"just one of `for`, `at`, `window` and `signal` is wanted, not {' and '.join(given)}")
        if self.expires is not None and self.signal is None:
            raise ValueError("`expires` is for a signal: a time comes by itself")
        return self


class WaitStep(StepType):
    """Wait for a while, a moment, a window of time or a signal, without a process when it takes longer than some seconds.

    A signal is sent with `nornflow runs signal RUN NAME --data ...`, before or after it is waited for; what it brings is
    `data`.
    """

    name = "wait"
    scope = Scope.RUN
    result_keys = ("data", "since", "until")
    Params = WaitParams

    def waits(self, params: Mapping[str, Any]) -> bool:
        """Return False for a few seconds, which are slept."""
        try:
            return not (params.keys() == {"for"} and seconds(params["for"]) <= SHORT)
        except ValueError:  # a template, or wrong: then it is told elsewhere
            return True

    def awaits(self, context: StepContext, params: WaitParams) -> Awaited | None:
        """Return the moment or the signal; nothing when the moment has come, or it is now inside the window."""
        now = context.clock()
        if params.signal is not None:
            return Awaited(WaitKind.SIGNAL, signal=params.signal, expires=params.expires or 0.0)
        if params.window is not None:
            found = params.window
            begins, ends = window(now, clock_time(found.start), clock_time(found.end), found.days, zone(found.timezone))
            return None if begins <= now else Awaited(WaitKind.TIME, until=begins, latest=ends)
        until = params.at if params.at is not None else now + timedelta(seconds=params.for_ or 0.0)
        return None if until <= now else Awaited(WaitKind.TIME, until=until)

    def apply(self, context: StepContext, params: WaitParams) -> StepResult:
        """Say what came, and when."""
        wait = context.wait
        if wait is None:
            return StepResult(outputs={"data": None, "since": None, "until": context.clock().isoformat()})
        ended = wait.ended_at or context.clock()
        outputs = {"data": wait.data, "since": wait.since.isoformat(), "until": ended.isoformat()}
        return StepResult(outputs=outputs, stdout=f"waited from {outputs['since']} to {outputs['until']}\n")
