"""Runs that are left to workers, in the store: what was submitted, what is to be looked after, and how often it was tried."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from nornflow.model.job import MOST_ATTEMPTS
from nornflow.model.submission import Submission, Submitted
from nornflow.store.database import reading, told
from nornflow.store.queue_tables import submissions
from nornflow.store.tables import runs


def submit(connection: Connection, number: int, submission: Submission) -> None:
    """Keep what a new run was submitted with, in the transaction in which it begins."""
    values = {name: getattr(submission, name) for name in _PLAIN}
    kept = json.dumps(dict(submission.versions), sort_keys=True)
    connection.execute(insert(submissions).values(run=number, versions=kept, yes=int(submission.yes), **values))


class Submissions:
    """The submissions of one store; every method raises StoreError when it cannot be reached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, run: str) -> Submission | None:
        """Return what a run was submitted with; None for one that whoever began it carries out."""
        with told(self._engine, f"run {run} could not be read"), reading(self._engine) as connection:
            row = connection.execute(_WANTED.where(runs.c.id == run)).mappings().one_or_none()
        return None if row is None else _read(row)

    def open(self, places: Collection[str] = ()) -> Sequence[Submitted]:
        """Return the submissions whose runs have not ended, oldest first; of some places, or of all."""
        wanted = _WANTED.where(runs.c.completed_at.is_(None)).order_by(runs.c.number)
        if places:
            wanted = wanted.where(submissions.c.place.in_(list(places)))
        with told(self._engine, "queued runs could not be read"), reading(self._engine) as connection:
            return [Submitted(row["id"], _read(row)) for row in connection.execute(wanted).mappings()]

    def release(self, run: str) -> None:
        """Let workers take a run that was parked while it was being submitted."""
        self._set(run, parked="", attempts=0)

    def again(self, run: str, submission: Submission) -> Submitted:
        """Submit a run once more, under these conditions, and return it with its new round."""
        kept = json.dumps(dict(submission.versions), sort_keys=True)
        known = self.of(run)
        with told(self._engine, f"run {run} could not be submitted"), self._engine.begin() as connection:
            number = connection.execute(select(runs.c.number).where(runs.c.id == run)).scalar_one()
            new = replace(submission, round=(known.round + 1) if known else 1)
            if known is None:
                submit(connection, number, new)
            else:
                values = {"place": new.place, "versions": kept, "yes": int(new.yes), "locked": new.locked, "at": new.at}
                connection.execute(
                    update(submissions)
                    .where(submissions.c.run == number)
                    .values(**values, round=new.round, attempts=0, parked="")
                )
        return Submitted(run, new)

    def adopt(self, run: str, submission: Submission) -> Submitted | None:
        """Submit a run that nobody has; None when another worker was quicker."""
        with told(self._engine, f"run {run} could not be submitted"), self._engine.begin() as connection:
            number = connection.execute(select(runs.c.number).where(runs.c.id == run)).scalar_one()
            try:
                submit(connection, number, submission)
            except IntegrityError:
                return None
        return Submitted(run, submission)

    def attempt(self, run: str, worker: str) -> int:
        """Count one more attempt at a run, by a worker, and return which it is; 0 when it had enough of them, or is parked."""
        more = (
            update(submissions)
            .where(
                submissions.c.run == _number_of(run),
                submissions.c.parked == "",
                submissions.c.attempts < MOST_ATTEMPTS,
            )
            .values(attempts=submissions.c.attempts + 1, worker=worker)
            .returning(submissions.c.attempts)
        )
        with told(self._engine, f"run {run} could not be taken"), self._engine.begin() as connection:
            return connection.execute(more).scalar() or 0

    def in_order(self, run: str) -> None:
        """Forget the attempts at a run: the last process for it ended in order, or was ended by whoever began it."""
        self._set(run, attempts=0)

    def park(self, run: str, why: str) -> None:
        """Leave a run alone until somebody submits it once more."""
        self._set(run, parked=why)

    def _set(self, run: str, **values: Any) -> None:
        with told(self._engine, f"run {run} could not be written"), self._engine.begin() as connection:
            connection.execute(update(submissions).where(submissions.c.run == _number_of(run)).values(**values))


_PLAIN = ("place", "locked", "round", "attempts", "parked", "worker", "at")
_WANTED = select(runs.c.id, submissions).join(runs, runs.c.number == submissions.c.run)


def _number_of(run: str) -> Any:
    return select(runs.c.number).where(runs.c.id == run).scalar_subquery()


def _read(row: Any) -> Submission:
    return Submission(
        versions=json.loads(row["versions"]), yes=bool(row["yes"]), **{name: row[name] for name in _PLAIN}
    )
