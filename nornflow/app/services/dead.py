"""Runs whose process is dead: which they are, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.abc import RunStore
from nornflow.app.services.alive import Alive
from nornflow.engine.record import few
from nornflow.engine.recovery import unconfirmed
from nornflow.model.journal import Standing


def dead_runs(store: RunStore, me: Alive) -> Sequence[Standing]:
    """Return the runs that nobody carries out any more, as far as that can be told at once."""
    workers = me.workers
    return [] if workers is None else [run for run in store.unended() if run.cut_off(workers.is_dead)]


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
