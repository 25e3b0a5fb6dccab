"""What runs wait for, in the store: asked by the owner of a run, answered by anybody, ended once and for all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, exists, func, insert, or_, select, update

from nornflow.errors import StateConflict, UsageError
from nornflow.model.approval import Approval
from nornflow.model.event import Event, EventKind
from nornflow.model.run import RUN_MOVES, RunState
from nornflow.model.wait import Awaited, Wait, WaitEnd, WaitKind
from nornflow.record import record
from nornflow.store.database import reading, told
from nornflow.store.journal import number_of, remark
from nornflow.store.runs import SqlRunStore
from nornflow.store.signals import send_signal, take_signal, too_late_for
from nornflow.store.tables import runs
from nornflow.store.wait_rows import stored_wait
from nornflow.store.wait_tables import wait_answers, waits

Judge = Callable[[Wait, Sequence[Wait]], WaitEnd | None]
"""Says how a wait has ended with the answers that it has now, None when it has not; the other waits of the run beside it."""


@record
class Bound:
    """What the answers about a run are bound to beside its plan: who asked for it, who wrote it, and whom the profile names."""

    requester: str = ""
    authors: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


class SqlWaits:
    """The tables of waits, their answers and signals; whoever writes locks the run's row first: nobody waits in a ring."""

    def __init__(self, store: SqlRunStore) -> None:
        self._engine = store.engine
        self._rows = store.rows

    def ask(
        self, run: str, fence: int, about: tuple[str, int], asked: Awaited, bound: Bound, plan: str, since: datetime
    ) -> Wait:
        """Keep that the owner of a run waits `about` a step and batch, once, and return it with what has come of it."""
        with told(self._engine, f"what run {run} waits for could not be kept"), self._engine.begin() as connection:
            number = number_of(connection, run, fence)
            found = self._find(connection, number, *about)
            if found is None:
                last = connection.execute(select(func.max(waits.c.number)).where(waits.c.run == number)).scalar() or 0
                made = {
                    "run": number,
                    "number": last + 1,
                    "step": about[0],
                    "batch": about[1],
                    "since": since,
                    "open": 1,
                }
                held = {"plan": plan, "requester": bound.requester, "authors": bound.authors, "allowed": bound.allowed}
                row = {**made, **self._asked(asked, since), "bound": self._rows.text(held)}
                connection.execute(insert(waits).values(row))
                found = self._find(connection, number, *about)
            assert found is not None  # it was put there
            if found["verdict"] is None and found["kind"] == WaitKind.SIGNAL.value:
                take_signal(connection, number, found, since)
                found = self._find(connection, number, *about)
                assert found is not None  # it is there
            return self._wait(connection, run, found)

    def again(self, run: str, fence: int, number: int, asked: Awaited, since: datetime) -> Wait:
        """Wait for something else in place of a moment that was missed."""
        with told(self._engine, f"what run {run} waits for could not be kept"), self._engine.begin() as connection:
            of_run = number_of(connection, run, fence)
            anew = {**self._asked(asked, since), "verdict": None, "ended_at": None, "open": 1}
            connection.execute(update(waits).where(waits.c.run == of_run, waits.c.number == number).values(anew))
            return self._one(connection, run, of_run, number)

    def known(self, run: str, step: str, batch: int) -> Wait | None:
        """Return what a run waits or waited for there."""
        with told(self._engine, f"what run {run} waits for could not be read"), reading(self._engine) as connection:
            found = self._find(connection, number_of(connection, run), step, batch)
            return None if found is None else self._wait(connection, run, found)

    def of(self, run: str) -> Sequence[Wait]:
        """Return everything that a run waits or waited for, in order."""
        with told(self._engine, f"what run {run} waits for could not be read"), reading(self._engine) as connection:
            return self._all(connection, run, number_of(connection, run))

    def end(self, run: str, fence: int | None, number: int, end: WaitEnd, at: datetime) -> Wait:
        """End a wait, unless somebody has; with a fence only its owner may."""
        with told(self._engine, f"what run {run} waits for could not be ended"), self._engine.begin() as connection:
            of_run = number_of(connection, run, fence)
            self._end(connection, of_run, number, end, at)
            return self._one(connection, run, of_run, number)

    def leave(self, run: str, fence: int, still: Collection[int]) -> None:
        """Note for which of its waits a run waits, and that it has gone on from the others."""
        with told(self._engine, f"what run {run} waits for could not be kept"), self._engine.begin() as connection:
            number = number_of(connection, run, fence)
            mine = waits.c.run == number
            connection.execute(update(waits).where(mine, waits.c.number.not_in(still)).values(open=0))
            connection.execute(update(waits).where(mine, waits.c.number.in_(still)).values(open=1))

    def answer(self, run: str, number: int, approval: Approval, judge: Judge) -> Wait:
        """Keep what somebody says, and end the wait if that decides it; StateConflict when it has ended, or is too late."""
        with told(self._engine, f"the answer about run {run} could not be kept"), self._engine.begin() as connection:
            of_run = _locked(connection, run)
            self._demand_unended(connection, run, of_run)
            wait = self._one(connection, run, of_run, number)
            late = wait.end is None and wait.ended_by_itself(approval.at) is not None
            if late:
                self._end(connection, of_run, number, WaitEnd.EXPIRED, approval.at)
            elif wait.end is None:
                return self._answered(connection, run, of_run, wait, approval, judge)
        if late:
            raise StateConflict(
                f"{wait.about} of run {run} waited for an answer until {wait.expires_at:%Y-%m-%d %H:%M} UTC: it is too late",
                hint=f"nornflow runs resume {run} goes on without it, as its workflow says",
            )
        raise StateConflict(
            f"{wait.about} of run {run} is decided: {wait.end} at {wait.ended_at:%Y-%m-%d %H:%M:%S} UTC",
            hint=f"nornflow runs show {run} says by whom",
        )

    def signal(self, run: str, name: str, data: Any, user: str, at: datetime) -> Wait | None:
        """Keep a signal, and return the wait that it ends, None when nobody waits for it yet; StateConflict after the end."""
        text = self._rows.exact(data)
        with told(self._engine, f"run {run} could not be signalled"), self._engine.begin() as connection:
            number = _locked(connection, run)
            self._demand_unended(connection, run, number)
            late = too_late_for(connection, number, name, at)
            if late is None:
                ended = send_signal(connection, self._rows, (run, number), (name, text), user, at)
                return None if ended is None else self._one(connection, run, number, ended)
        raise StateConflict(
            f"run {run} waited for the signal {name} until {late:%Y-%m-%d %H:%M:%S} UTC: it is too late",
            hint=f"nornflow runs resume {run} goes on without it, as its workflow says",
        )

    def due(self, moment: datetime) -> Sequence[str]:
        """Return the waiting runs that may go on: something was decided, has come or is over, or they are to end."""
        mine = and_(waits.c.run == runs.c.number, waits.c.open == 1)
        come = exists().where(mine, or_(waits.c.verdict.is_not(None), waits.c.due <= moment))
        wanted = select(runs.c.id).where(runs.c.state == RunState.WAITING.value, or_(runs.c.wish != "", come))
        with told(self._engine, "waiting runs could not be read"), reading(self._engine) as connection:
            return list(connection.execute(wanted.order_by(runs.c.number)).scalars())

    def open(self, run: str = "") -> Mapping[str, Sequence[Wait]]:
        """Return what runs wait for at this moment: those that are waiting, or the one of that id."""
        wanted = select(runs.c.id, runs.c.number).where(runs.c.state == RunState.WAITING.value)
        if run:
            wanted = wanted.where(runs.c.id == run)
        with told(self._engine, "waiting runs could not be read"), reading(self._engine) as connection:
            found = connection.execute(wanted.order_by(runs.c.number)).all()
            return {row.id: [one for one in self._all(connection, row.id, row.number) if one.open] for row in found}

    def remind(self, moment: datetime) -> Sequence[Event]:
        """Tell, in the streams of their runs, of those that wait for people and whose reminder is due, each time once."""
        wanted = select(waits.c.number, runs.c.id).join(runs, runs.c.number == waits.c.run)
        wanted = wanted.where(waits.c.open == 1, waits.c.verdict.is_(None), waits.c.remind <= moment)
        wanted = wanted.where(or_(waits.c.due.is_(None), waits.c.due > moment))
        with told(self._engine, "waiting runs could not be read"), reading(self._engine) as connection:
            found = connection.execute(wanted.where(runs.c.state == RunState.WAITING.value)).all()
        told_of = [self._remind(row.id, row.number, moment) for row in found]
        return [event for event in told_of if event is not None]

    def _remind(self, run: str, number: int, moment: datetime) -> Event | None:
        with told(self._engine, f"nobody could be reminded of run {run}"), self._engine.begin() as connection:
            of_run = _locked(connection, run)
            wait = self._one(connection, run, of_run, number)
            every = timedelta(seconds=wait.asked.remind)
            following = wait.since + every * ((moment - wait.since) // every + 1)
            mine = waits.c.run == of_run, waits.c.number == number, waits.c.remind <= moment, waits.c.verdict.is_(None)
            if not connection.execute(update(waits).where(*mine).values(remind=following)).rowcount:
                return None  # somebody else was quicker, or it is decided
            waited = (moment - wait.since).total_seconds()
            details = {"batch": wait.batch, "number": number, "waited": waited, "approved": list(wait.approved_by)}
            event = Event(EventKind.WAIT_REMINDED, moment, run, wait.step, "", wait.asked.text, details)
            remark(connection, self._rows, run, event)
            return event

    def _demand_unended(self, connection: Connection, run: str, of_run: int) -> None:
        state = connection.execute(select(runs.c.state).where(runs.c.number == of_run)).scalar_one()
        if RunState(state) not in RUN_MOVES:
            raise StateConflict(
                f"run {run} has ended: it is {state}", hint=f"see what it did: nornflow runs show {run}"
            )

    def _asked(self, asked: Awaited, since: datetime) -> dict[str, Any]:
        due = asked.until if asked.kind is WaitKind.TIME else _after(since, asked.expires)
        text = self._rows.text(asked.plain())
        remind = _after(since, asked.remind)
        return {"kind": asked.kind.value, "name": asked.signal, "asked": text, "due": due, "remind": remind}

    def _answered(
        self, connection: Connection, run: str, of_run: int, wait: Wait, approval: Approval, judge: Judge
    ) -> Wait:
        mine = wait_answers.c.run == of_run
        last = connection.execute(select(func.max(wait_answers.c.number)).where(mine)).scalar() or 0
        said = {name: getattr(approval, name) for name in ("plan", "user", "at", "via")}
        comment = self._rows.masked(approval.comment)
        row = {**said, "run": of_run, "number": last + 1, "wait": wait.number, "comment": comment}
        connection.execute(insert(wait_answers).values(**row, verdict=approval.answer.value))
        every = self._all(connection, run, of_run)
        wait = next(one for one in every if one.number == wait.number)
        end = judge(wait, [one for one in every if one is not wait])
        if end is not None:
            self._end(connection, of_run, wait.number, end, approval.at)
            wait = replace(wait, end=end, ended_at=approval.at)
        details = {"batch": wait.batch, "number": wait.number, "user": approval.user, "answer": approval.answer.value}
        more = {"end": end.value} if end is not None else {}
        event = Event(EventKind.WAIT_ANSWERED, approval.at, run, wait.step, "", approval.comment, {**details, **more})
        remark(connection, self._rows, run, event)
        return wait

    def _end(self, connection: Connection, of_run: int, number: int, end: WaitEnd, at: datetime) -> None:
        mine = waits.c.run == of_run, waits.c.number == number, waits.c.verdict.is_(None)
        connection.execute(update(waits).where(*mine).values(verdict=end.value, ended_at=at))

    def _find(self, connection: Connection, of_run: int, step: str, batch: int) -> RowMapping | None:
        wanted = select(waits).where(waits.c.run == of_run, waits.c.step == step, waits.c.batch == batch)
        return connection.execute(wanted).mappings().one_or_none()

    def _one(self, connection: Connection, run: str, of_run: int, number: int) -> Wait:
        wanted = select(waits).where(waits.c.run == of_run, waits.c.number == number)
        found = connection.execute(wanted).mappings().one_or_none()
        if found is None:
            raise UsageError(
                f"run {run} does not wait for anything with the number {number}", hint="nornflow runs list"
            )
        return self._wait(connection, run, found)

    def _all(self, connection: Connection, run: str, of_run: int) -> list[Wait]:
        rows = connection.execute(select(waits).where(waits.c.run == of_run).order_by(waits.c.number)).mappings().all()
        return [self._wait(connection, run, row) for row in rows]

    def _wait(self, connection: Connection, run: str, row: RowMapping) -> Wait:
        return stored_wait(connection, self._rows, run, row)


def _locked(connection: Connection, run: str) -> int:
    """Return the number of a run, whose row nobody else changes until the transaction has ended."""
    number: int | None = connection.execute(select(runs.c.number).where(runs.c.id == run).with_for_update()).scalar()
    if number is None:
        raise UsageError(f"there is no run {run!r}", hint="nornflow runs list")
    return number


def _after(since: datetime, seconds: float) -> datetime | None:
    return since + timedelta(seconds=seconds) if seconds else None
