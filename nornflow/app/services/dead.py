"""Runs whose process is dead: which they are, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nornflow.abc import RunStore
from nornflow.app.services.workers.alive import Alive
from nornflow.engine.record import few
from nornflow.engine.recovery.recovery import unconfirmed
from nornflow.model.journal import Standing


def dead_runs(store: RunStore, me: Alive) -> Sequence[Standing]:
    """Return the runs that nobody carries out any more, as far as that can be told at once."""
    return [] if me.workers is None else cut_off_runs(store, me.workers.is_dead)


def cut_off_runs(store: RunStore, is_dead: Callable[[str], bool]) -> Sequence[Standing]:
    """Return the runs whose process is known to be dead; not those that it ended, and then went, while they were looked at."""
    found = [run for run in store.unended() if run.cut_off(is_dead)]
    left = {run.run: run.worker for run in store.unended()} if found else {}
    return [run for run in found if left.get(run.run) == run.worker]


def told_of(store: RunStore, dead: Standing) -> str:
    """Return what is said of a run that was cut off to whoever begins another one."""
    held = unconfirmed(list(store.entries(dead.run)))
    if not held:
        return f"run {dead.run} of {dead.workflow} was cut off: nornflow runs resume {dead.run} settles it"
    until = min(armed.deadline for armed in held.values())
    return (
        f"run {dead.run} of {dead.workflow} was cut off before it confirmed its change of {few(list(held))} "
        f"(deadline {until:%Y-%m-%d %H:%M:%S} UTC): nornflow recover --run {dead.run} takes it back, "
        f"nornflow runs resume {dead.run} goes on with it while there is time"
    )
