"""Questions to the store that are more than one row: lists of runs, and how long things take."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, String, case, cast, exists, func, select

from nornflow.model.event import EventKind
from nornflow.model.history import Grouping, RunQuery, RunSummary, Statistic
from nornflow.model.run import BAD_ENDS, RUN_MOVES, HostState, RunState
from nornflow.store.tables import events, run_hosts, run_steps, runs, step_results

_UNTIMED = (HostState.SKIPPED, HostState.CACHED, HostState.CANCELLED, HostState.PLANNED, HostState.PENDING)
_MICROSECONDS = 1_000_000.0


def narrowed(statement: Select[Any], query: RunQuery) -> Select[Any]:
    """Return the statement over `runs`, narrowed to what the query wants."""
    if query.workflow:
        statement = statement.where(runs.c.workflow == query.workflow)
    if query.status is not None:
        statement = statement.where(runs.c.state == query.status.value)
    if query.user:
        statement = statement.where(runs.c.user == query.user)
    if query.since is not None:
        statement = statement.where(runs.c.started_at >= query.since)
    if query.host:
        of_host = exists().where(run_hosts.c.run == runs.c.number, run_hosts.c.host == query.host)
        statement = statement.where(of_host)
    return statement


def summaries(connection: Connection, query: RunQuery, run: str = "") -> Sequence[RunSummary]:
    """Return the runs that fit the query, newest first; only the one of an id when it is given."""
    names = ("id", "workflow", "version", "state", "user", "profile", "hosts", "started_at", "completed_at", "error")
    statement = narrowed(select(*(runs.c[name] for name in names)), query)
    statement = statement.order_by(runs.c.number.desc())  # as they began, whatever clocks said
    if run:
        statement = statement.where(runs.c.id == run)
    if query.last is not None:
        statement = statement.limit(query.last)
    found = connection.execute(statement).mappings()
    return [RunSummary(**{**dict(row), "state": RunState(row["state"])}) for row in found]


def statistics(connection: Connection, by: Grouping, query: RunQuery) -> Sequence[Statistic]:
    """Return one statistic per workflow, step or platform, by name; percentiles by nearest rank, in the database."""
    final = [state.value for state in RunState if state not in RUN_MOVES]
    timed: Select[Any]
    if by is Grouping.WORKFLOW:
        span = (cast(runs.c.completed_at, runs.c.number.type) - cast(runs.c.started_at, runs.c.number.type)) / (
            _MICROSECONDS
        )
        took = case((span > 0, span), else_=0.0)  # a clock may have been set back
        good = case((runs.c.state == RunState.SUCCEEDED.value, 1.0), else_=0.0)
        columns: list[Any] = [runs.c.workflow.label("name"), took.label("took"), good.label("good")]
        timed = select(*columns)
    else:
        name: Any = cast(runs.c.workflow, String) + " / " + run_steps.c.step
        if by is Grouping.PLATFORM:
            name = run_hosts.c.platform
        good = case((step_results.c.state.in_([state.value for state in BAD_ENDS]), 0.0), else_=1.0)
        timed = (
            select(name.label("name"), step_results.c.duration.label("took"), good.label("good"))
            .select_from(step_results)
            .join(runs, runs.c.number == step_results.c.run)
        )
        if by is Grouping.PLATFORM:
            of_host = (run_hosts.c.run == step_results.c.run) & (run_hosts.c.host == step_results.c.host)
            timed = timed.join(run_hosts, of_host).where(run_hosts.c.platform != "")
        else:
            of_step = (run_steps.c.run == step_results.c.run) & (run_steps.c.position == step_results.c.position)
            timed = timed.join(run_steps, of_step)
        timed = timed.where(step_results.c.state.not_in([state.value for state in _UNTIMED]))
    timed = timed.where(runs.c.state.in_(final), runs.c.completed_at.is_not(None))
    source = narrowed(timed, query).subquery()
    ranked = select(
        source.c.name,
        source.c.took,
        source.c.good,
        func.row_number().over(partition_by=source.c.name, order_by=source.c.took).label("rank"),
        func.count().over(partition_by=source.c.name).label("count"),
    ).subquery()

    def percentile(share: float) -> Any:
        return func.min(case((ranked.c.rank >= share * ranked.c.count, ranked.c.took)))

    statement = (
        select(
            ranked.c.name,
            func.count().label("count"),
            func.avg(ranked.c.good).label("success"),
            percentile(0.5).label("p50"),
            percentile(0.95).label("p95"),
        )
        .group_by(ranked.c.name)
        .order_by(ranked.c.name)
    )
    looked = _looked_up(connection, by, query)
    return [
        Statistic(
            row["name"],
            row["count"],
            float(row["success"]),
            float(row["p50"]),
            float(row["p95"]),
            looked[row["name"], EventKind.CACHE_HIT.value],
            looked[row["name"], EventKind.CACHE_MISS.value],
        )
        for row in connection.execute(statement).mappings()
    ]


def _looked_up(connection: Connection, by: Grouping, query: RunQuery) -> Counter[tuple[str, str]]:
    """Return how often results were in the cache and how often not, by the names of the statistics."""
    found: Counter[tuple[str, str]] = Counter()
    if by is Grouping.PLATFORM:
        return found
    told = select(runs.c.workflow, events.c.step, events.c.kind, events.c.data)
    told = told.select_from(events).join(runs, runs.c.number == events.c.run)
    told = told.where(events.c.kind.in_([EventKind.CACHE_HIT.value, EventKind.CACHE_MISS.value]))
    for row in connection.execute(narrowed(told, query)):
        name = row.workflow if by is Grouping.WORKFLOW else f"{row.workflow} / {row.step}"
        found[name, row.kind] += int(json.loads(row.data)["count"])
    return found
