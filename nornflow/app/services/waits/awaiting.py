"""Waiting for other runs before one is begun: on their success, failure or completion, within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from nornflow.app.build import Project
from nornflow.app.services.asking import Voices
from nornflow.app.services.history import cut_off
from nornflow.errors import StateConflict, StepCancelled, UsageError
from nornflow.model.confirm import UNITS
from nornflow.model.pipeline import On
from nornflow.model.run import RUN_MOVES, RunState
from nornflow.record import record

LOOK = 0.5
"""Seconds between two looks at the other runs."""


@record
class AfterRun:
    """A run, by the beginning of its id, and how it must end."""

    run: str
    on: On = On.SUCCESS

    def holds(self, state: RunState) -> bool:
        """Tell whether a run that has ended in this state has ended as wanted."""
        return self.on is On.COMPLETION or (state is RunState.SUCCEEDED) is (self.on is On.SUCCESS)


def after_run(word: str) -> AfterRun:
    """Return what `RUN`, or `RUN:success`, `RUN:failure` or `RUN:completion`, means; UsageError for another word."""
    run, _, on = word.partition(":")
    if not run or (on and on not in list(On)):
        raise UsageError(f"--after {word}: RUN:success, RUN:failure or RUN:completion is expected")
    return AfterRun(run, On(on or On.SUCCESS))


def seconds_of(text: str) -> float:
    """Return a length of time like `90`, `30s`, `5m` or `1h` in seconds; UsageError for another text."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    if not number.isdecimal():
        raise UsageError(f"--within {text}: a length of time is expected", hint="for example 30s, 5m or 1h")
    return float(int(number) * UNITS[unit])


def await_runs(
    project: Project,
    awaited: Sequence[AfterRun],
    within: float,
    voices: Voices,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Return when each run has ended as wanted; `within` is how many seconds that may take.

    UsageError when there is no such run, StateConflict when one has ended otherwise or not in time, StepCancelled when this
    run shall end meanwhile.
    """
    with closing(project.store(create=False)) as store:
        left = {store.find(one.run): one for one in awaited}
        began = monotonic()
        told = False
        while True:
            for run, wanted in list(left.items()):
                state = store.summary(run).state
                if state in RUN_MOVES:
                    continue
                if not wanted.holds(state):
                    raise StateConflict(
                        f"run {run} is {state}, and this one was to come after its {wanted.on.value}: nothing was begun",
                        hint=f"nornflow runs show {run}",
                    )
                del left[run]
            if not left:
                return
            if monotonic() - began >= within:
                raise StateConflict(
                    f"run {next(iter(left))} has not ended within {within:g} s: nothing was begun",
                    hint=f"nornflow runs logs {next(iter(left))} --follow, or give more time: --within",
                )
            if not told:
                voices.notice(f"waiting for {', '.join(left)}")
                for run in sorted(cut_off(store) & left.keys()):
                    voices.notice(
                        f"run {run} was cut off, and ends only when somebody goes on with it: nornflow runs resume {run}"
                    )
                told = True
            if voices.switch.wait(LOOK):
                raise StepCancelled("it was ended while it waited for another run", hint="nothing was begun")
