"""How runs shall end early: what somebody wishes for in one process, and the run's own process looks at twice a second."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, select, update

from nornflow.engine.cancel import StopSwitch
from nornflow.errors import StateConflict, StoreError, UsageError
from nornflow.model.run import RUN_MOVES, RunState
from nornflow.model.wish import Wish
from nornflow.record import record
from nornflow.store.database import reading, told
from nornflow.store.tables import runs


@record
class Asked:
    """What a wish met: the run's state, the worker that carries it out, and the wish that is in force now."""

    state: RunState
    worker: str
    wish: Wish


class Wishes:
    """The wishes of all runs of one store; every method raises StoreError when it cannot be reached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, run: str, wish: Wish) -> Asked:
        """Wish that a run ends so; a wish that goes as far or further stays. StateConflict when the run has ended."""
        unended = [state.value for state in RUN_MOVES]
        while True:
            with told(self._engine, f"run {run} could not be cancelled"), self._engine.begin() as connection:
                row = connection.execute(
                    select(runs.c.state, runs.c.worker, runs.c.wish).where(runs.c.id == run)
                ).one_or_none()
                if row is None:
                    raise UsageError(f"there is no run {run!r}", hint="nornflow runs list")
                state = RunState(row.state)
                if state not in RUN_MOVES:
                    raise StateConflict(
                        f"run {run} has ended already: it is {state}", hint=f"see what it did: nornflow runs show {run}"
                    )
                before = _read(run, row.wish)
                if before is not None and before.level.height >= wish.level.height:
                    return Asked(state, row.worker or "", before)
                raised = connection.execute(
                    update(runs)
                    .where(runs.c.id == run, runs.c.wish == row.wish, runs.c.state.in_(unended))
                    .values(wish=wish.written())
                ).rowcount
                if raised:
                    return Asked(state, row.worker or "", wish)
            # somebody else wished, or the run ended, between the two statements: look again

    def of(self, run: str) -> Wish | None:
        """Return what is wished for a run."""
        with told(self._engine, f"wishes for run {run} could not be read"), reading(self._engine) as connection:
            return _read(run, connection.execute(select(runs.c.wish).where(runs.c.id == run)).scalar() or "")

    def heeded_by(self, run: str, switch: StopSwitch) -> Callable[[], None]:
        """Return what the pulse of the run's own process is to call at every look: it has the switch heed the wish."""

        def look() -> None:
            wish = self.of(run)
            if wish is not None:
                switch.heed(wish)

        return look


def _read(run: str, text: str) -> Wish | None:
    try:
        return Wish.read(text)
    except ValueError:
        raise StoreError(
            f"run {run}: the store holds {text!r} where a wish should be", hint="a newer NornFlow may have written it"
        ) from None
