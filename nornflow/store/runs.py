"""The store of runs over SQLAlchemy: SQLite for one machine, PostgreSQL for many, the same statements for both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from nornflow.abc import RunStore
from nornflow.errors import StateConflict, StoreError, UsageError
from nornflow.model.event import Event, EventKind
from nornflow.model.history import Grouping, NewRun, RunQuery, RunSummary, Statistic, StoredEvent
from nornflow.model.journal import Entry, Standing
from nornflow.model.run import RUN_MOVES, HostState, RunRecord, RunState, StepResult
from nornflow.redaction import Redactor
from nornflow.store.blobs import Blobs
from nornflow.store.database import reading, told
from nornflow.store.forgetting import forget, named_files
from nornflow.store.journal import (
    PAGE,
    forget_settled,
    heads_of,
    insert_rows,
    number_of,
    read_entries,
    remark,
    standings,
    take_over,
    to_add,
)
from nornflow.store.queries import statistics, summaries
from nornflow.store.results import Results
from nornflow.store.rows import (
    BATCH_ENDS,
    Row,
    Rows,
    batch_records,
    run_record,
    step_record,
    stored_approval,
    stored_event,
)
from nornflow.store.submissions import submit
from nornflow.store.tables import approvals, events, journal, plan_runs, run_hosts, run_steps, runs, step_results
from nornflow.store.vault import Vault
from nornflow.store.wait_rows import answers_of, waits_now


class SqlRunStore(RunStore):
    """Runs in the tables of `nornflow.store.tables`; large outputs are files of `blobs`."""

    def __init__(
        self, engine: Engine, blobs: Blobs, redactor: Redactor | None = None, vault: Vault | None = None
    ) -> None:
        self.engine = engine
        self.blobs = blobs
        self.rows = self._rows = Rows(blobs, redactor or Redactor(), vault or Vault(blobs.workspace))

    def begin(self, run: NewRun) -> None:
        """Remember a new run in the state `pending`, or `queued`, with its devices."""
        row = {
            **{name: getattr(run, name) for name in ("id", "workflow", "version", "file", "user", "profile")},
            **dict.fromkeys(("error", "hint", "reason"), ""),
            "state": (RunState.QUEUED if run.submission else RunState.PENDING).value,
            "hosts": len(run.hosts),
            "started_at": run.started_at,
            "inputs": self._rows.text(run.inputs),
            "outputs": "{}",
            "exit_code": 0,
            "security_events": "[]",
            "worker": run.worker or None,
            "fence": 1,
            "spec": self._rows.exact(run.spec) if run.spec else None,
        }
        hosts = [
            {"host": host, "position": position, "platform": platform, "state": HostState.PENDING.value, "batch": 0}
            for position, (host, platform) in enumerate(run.hosts.items())
        ]
        with told(self.engine, f"run {run.id} could not be begun"), self.engine.begin() as connection:
            try:
                number = connection.execute(insert(runs).values(row).returning(runs.c.number)).scalar_one()
            except IntegrityError:
                raise StoreError(f"there is a run {run.id} already", hint="a run has an id of its own") from None
            insert_rows(connection, run_hosts, number, hosts)
            if run.submission:
                submit(connection, number, run.submission)
            if sealed := run.spec.get("sealed"):
                connection.execute(insert(plan_runs).values(run=number, plan=sealed))

    def move(
        self, run: str, old: RunState, new: RunState, at: datetime, error: str = "", *, fence: int | None = None
    ) -> None:
        """Move a run from `old` to `new`, if it is in `old` and may."""
        values: dict[str, Any] = {"error": self._rows.masked(error)} if error else {}
        if new not in RUN_MOVES:
            values["completed_at"] = at
        if new is RunState.WAITING:
            values["worker"] = None  # nobody carries it out: whoever goes on with it takes it over
        with told(self.engine, f"run {run} could not be moved"), self.engine.begin() as connection:
            self._move(connection, run, old, new, values, fence)

    def append(
        self,
        run: str,
        first: int,
        events_: Sequence[Event],
        *,
        fence: int | None = None,
        entry: int = 1,
        entries: Sequence[Entry] = (),
    ) -> None:
        """Add events to the run's stream and entries to its journal, without a gap and never twice."""
        told_rows = [self._rows.event(number, event) for number, event in enumerate(events_, first)]
        journal_rows = [self._rows.entry(number, each) for number, each in enumerate(entries, entry)]
        with told(self.engine, f"events of run {run} could not be kept"), self.engine.begin() as connection:
            heads = heads_of(connection, run, fence)
            for row in told_rows if heads.remarks else ():
                row["number"] += heads.remarks
            if to_add("events", run, heads.events, first, told_rows, fence is not None):
                insert_rows(connection, events, heads.number, told_rows)
            if to_add("entries in its journal", run, heads.entries, entry, journal_rows, fence is not None):
                insert_rows(connection, journal, heads.number, journal_rows)

    def remark(self, run: str, event: Event) -> None:
        """Add an event of somebody else than the owner to the run's stream."""
        with told(self.engine, f"run {run} could not be told of"), self.engine.begin() as connection:
            if not remark(connection, self._rows, run, event):
                raise _no_run(run)

    def finish(self, record: RunRecord, old: RunState, *, fence: int | None = None) -> None:
        """Move the run to its end and keep its results and its devices' fates, all in one transaction."""
        results = Results(self._rows, record)
        values = {
            **{name: self._rows.text(getattr(record, name)) for name in ("outputs", "security_events")},
            "error": self._rows.masked(record.error),
            "hint": self._rows.masked(record.hint),
            "reason": record.reason,
            "exit_code": record.exit_code,
            "completed_at": record.completed_at,
            **({"started_at": record.started_at} if record.started_at else {}),
        }
        with told(self.engine, f"run {record.id} could not be ended"), self.engine.begin() as connection:
            number = self._move(connection, record.id, old, record.state, values, fence)
            results.write(connection, number)
            forget_settled(connection, number)

    def rest(self, record: RunRecord, *, fence: int | None = None) -> None:
        """Keep the results and fates so far of a run that waits."""
        results = Results(self._rows, record)
        with told(self.engine, f"run {record.id} could not be kept"), self.engine.begin() as connection:
            results.write(connection, number_of(connection, record.id, fence))

    def standing(self, run: str) -> Standing:
        """Return who carries the run out, how far it is, and what it began with."""
        with told(self.engine, f"run {run} could not be read"), reading(self.engine) as connection:
            number_of(connection, run)
            return next(standings(connection, self._rows, run))

    def unended(self) -> Sequence[Standing]:
        """Return the runs that have not ended, oldest first."""
        with told(self.engine, "runs could not be read"), reading(self.engine) as connection:
            return list(standings(connection, self._rows))

    def take_over(self, run: str, fence: int, worker: str) -> int:
        """Make a worker the owner of a run that `fence` owned until now."""
        with told(self.engine, f"run {run} could not be taken over"), self.engine.begin() as connection:
            return take_over(connection, run, fence, worker)

    def entries(self, run: str) -> Iterator[Entry]:
        """Yield the journal of a run, in order, a page at a time."""
        after = 0
        while True:
            with told(self.engine, f"the journal of run {run} could not be read"), reading(self.engine) as connection:
                page = read_entries(connection, number_of(connection, run), after)
            yield from (self._rows.stored_entry(row) for row in page)
            if len(page) < PAGE:
                return
            after = page[-1]["number"]

    def find(self, beginning: str) -> str:
        """Return the id that begins so."""
        with told(self.engine, "runs could not be read"), reading(self.engine) as connection:
            found = connection.execute(
                select(runs.c.id).where(runs.c.id.startswith(beginning, autoescape=True)).limit(2)
            ).scalars()
            ids: list[str] = list(found)
            exact: str | None = connection.execute(select(runs.c.id).where(runs.c.id == beginning)).scalar()
        if exact is not None:
            return exact
        if len(ids) != 1:
            raise UsageError(
                f"{'more than one run begins with' if ids else 'there is no run'} {beginning!r}",
                hint="nornflow runs list",
            )
        return ids[0]

    def runs(self, query: RunQuery) -> Sequence[RunSummary]:
        """Return the runs that fit the query, newest first."""
        with told(self.engine, "runs could not be read"), reading(self.engine) as connection:
            return summaries(connection, query)

    def summary(self, run: str) -> RunSummary:
        """Return how a run stands at this moment."""
        with told(self.engine, f"run {run} could not be read"), reading(self.engine) as connection:
            found = summaries(connection, RunQuery(), run)
        if not found:
            raise _no_run(run)
        return found[0]

    def record(self, run: str) -> RunRecord:
        """Return what is known of a run."""
        with told(self.engine, f"run {run} could not be read"), reading(self.engine) as connection:
            number = number_of(connection, run)
            row = connection.execute(select(runs).where(runs.c.number == number)).mappings().one()
            results: dict[int, dict[str, StepResult]] = {}
            # in the order of the devices; a step of the run has no device
            found = connection.execute(
                select(step_results)
                .join(
                    run_hosts,
                    (run_hosts.c.run == step_results.c.run) & (run_hosts.c.host == step_results.c.host),
                    isouter=True,
                )
                .where(step_results.c.run == number)
                .order_by(step_results.c.position, run_hosts.c.position)
            )
            for each in found.mappings():
                results.setdefault(each["position"], {})[each["host"]] = self._rows.step_result(_plain_row(each))
            steps = connection.execute(
                select(run_steps).where(run_steps.c.run == number).order_by(run_steps.c.position)
            ).mappings()
            hosts = connection.execute(
                select(run_hosts).where(run_hosts.c.run == number).order_by(run_hosts.c.position)
            ).mappings()
            resumed = select(events.c.data).where(events.c.run == number, events.c.kind == EventKind.RUN_RESUMED.value)
            # each process that went on with it counted the fence up: only then are there events to be looked for
            told_of = connection.execute(resumed.order_by(events.c.number)).scalars() if row["fence"] > 1 else ()
            resumed_by = tuple(str(json.loads(data)["user"]) for data in told_of)
            said = select(approvals).where(approvals.c.run == number).order_by(approvals.c.number)
            about_plans = [stored_approval(_plain_row(each)) for each in connection.execute(said).mappings()]
            ended = select(events.c.data).where(events.c.run == number, events.c.kind.in_(BATCH_ENDS))
            of_batches = [json.loads(data) for data in connection.execute(ended.order_by(events.c.number)).scalars()]
            waits = waits_now(connection, self._rows, run, number) if row["state"] == RunState.WAITING.value else ()
            return run_record(
                _plain_row(row),
                tuple(step_record(_plain_row(each), results.get(each["position"], {})) for each in steps),
                tuple(self._rows.host_record(_plain_row(each)) for each in hosts),
                resumed_by,
                (*about_plans, *answers_of(connection, number)),
                batch_records(of_batches),
                waits,
            )

    def events(self, run: str, after: int = 0) -> Iterator[StoredEvent]:
        """Yield the events with a number above `after`, in order, a page at a time."""
        while True:
            with told(self.engine, f"events of run {run} could not be read"), reading(self.engine) as connection:
                number = number_of(connection, run)
                page = (
                    connection.execute(
                        select(events)
                        .where(events.c.run == number, events.c.number > after)
                        .order_by(events.c.number)
                        .limit(PAGE)
                    )
                    .mappings()
                    .all()
                )
            yield from (StoredEvent(row["number"], stored_event(run, _plain_row(row))) for row in page)
            if len(page) < PAGE:
                return
            after = page[-1]["number"]

    def statistics(self, by: Grouping, query: RunQuery) -> Sequence[Statistic]:
        """Return durations and success per workflow, step or platform."""
        with told(self.engine, "runs could not be read"), reading(self.engine) as connection:
            return statistics(connection, by, query)

    def purge(self, before: datetime) -> Sequence[str]:
        """Forget the runs that ended before a moment, and the files that no run names, an hour old or more."""
        with told(self.engine, "old runs could not be removed"), self.engine.begin() as connection:
            old = forget(connection, before)
        with told(self.engine, "old outputs could not be removed"), reading(self.engine) as connection:
            self.blobs.sweep(lambda: named_files(connection), time.time())
        return old

    def close(self) -> None:
        """Let go of connections."""
        self.engine.dispose()

    def _move(
        self,
        connection: Connection,
        run: str,
        old: RunState,
        new: RunState,
        values: dict[str, Any],
        fence: int | None,
    ) -> int:
        number_of(connection, run, fence)
        if new not in RUN_MOVES.get(old, frozenset()):
            raise StateConflict(f"run {run}: a run cannot go from {old.value} to {new.value}")
        moved: int | None = connection.execute(
            update(runs)
            .where(runs.c.id == run, runs.c.state == old.value)
            .values(state=new.value, **values)
            .returning(runs.c.number)
        ).scalar()
        if moved is None:
            number_of(connection, run)
            now = connection.execute(select(runs.c.state).where(runs.c.id == run)).scalar_one()
            raise StateConflict(
                f"run {run} is {now}, not {old.value}: it cannot go to {new.value}",
                hint="somebody else has moved it: nornflow runs show " + run,
            )
        return moved


def _no_run(run: str) -> UsageError:
    return UsageError(f"there is no run {run!r}", hint="nornflow runs list")


def _plain_row(row: Any) -> Row:
    return dict(row)
