"""What is old enough to be forgotten, and which files rows still name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from nornflow.store.holders import forget as forget_holders
from nornflow.store.pipeline_tables import pipeline_entries, pipelines
from nornflow.store.tables import (
    approvals,
    events,
    journal,
    plan_answers,
    plan_hosts,
    plan_images,
    plan_runs,
    plans,
    run_hosts,
    run_steps,
    runs,
    sealed_plans,
    step_results,
    workers,
)
from nornflow.store.wait_tables import signals, wait_answers, waits
from nornflow.store.workers import GONE

_OF_RUN = (signals, wait_answers, waits, plan_runs, approvals, journal, events, step_results, run_steps, run_hosts)
_WITH_FILES = (step_results, run_hosts, journal, plans, plan_images, plan_hosts)


def forget(connection: Connection, before: datetime) -> Sequence[str]:
    """Remove the runs that ended before a moment, and the plans that were made before it; return the ids of the runs.

    What ran in a pipeline that has not ended is kept: entries that are still to come may look at it. Processes that were
    killed, and have carried out nothing since that is still open, go too: the others took themselves out as they ended.
    """
    awaited = (
        select(pipeline_entries.c.run)
        .join(pipelines, pipelines.c.number == pipeline_entries.c.pipeline)
        .where(pipelines.c.completed_at.is_(None))
    )
    ended = select(runs.c.number, runs.c.id).where(runs.c.completed_at < before, runs.c.id.not_in(awaited))
    old = connection.execute(ended.order_by(runs.c.number)).all()
    for row in old:
        for table in _OF_RUN:
            connection.execute(delete(table).where(table.c.run == row.number))
        connection.execute(delete(runs).where(runs.c.number == row.number))
    named = select(approvals.c.plan).where(approvals.c.plan == plans.c.hash)
    connection.execute(delete(plans).where(plans.c.created_at < before, ~named.exists()))
    sealed = select(sealed_plans.c.hash).where(sealed_plans.c.created_at < before)
    for table in (plan_images, plan_hosts):
        connection.execute(delete(table).where(table.c.plan.in_(sealed)))
    connection.execute(delete(sealed_plans).where(sealed_plans.c.created_at < before))
    connection.execute(delete(plan_answers).where(plan_answers.c.at < before))
    forget_holders(connection, before)
    gone = select(pipelines.c.number).where(pipelines.c.completed_at < before)
    connection.execute(delete(pipeline_entries).where(pipeline_entries.c.pipeline.in_(gone)))
    connection.execute(delete(pipelines).where(pipelines.c.completed_at < before))
    open_still = select(runs.c.worker).where(runs.c.worker == workers.c.id, runs.c.completed_at.is_(None)).exists()
    connection.execute(delete(workers).where(workers.c.state == GONE, workers.c.beat_at < before, ~open_still))
    return [row.id for row in old]


def named_files(connection: Connection) -> set[str]:
    """Return the names of all files that rows name."""
    return {
        name
        for table in _WITH_FILES
        for name in connection.execute(select(table.c.blob).where(table.c.blob.is_not(None)).distinct()).scalars()
    }
