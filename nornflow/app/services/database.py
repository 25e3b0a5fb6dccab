"""Looking after the store: its schema, its soundness, its age, and taking everything out of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

from nornflow.app.build import Project
from nornflow.model.history import RunQuery
from nornflow.model.plain import plain
from nornflow.record import record
from nornflow.store.records import RunRecords


@record
class Finding:
    """One thing that `nornflow db check` looked at: what, whether it is well, and what to do when it is not."""

    what: str
    well: bool
    text: str
    hint: str = ""


def upgrade_database(project: Project) -> tuple[str | None, str]:
    """Bring the schema of the project's store to the newest; returns the revision before (None: empty) and now."""
    from nornflow.store.database import told, upgrade
    from nornflow.store.opening import open_engine

    _demand_store(project)
    engine = open_engine(project.settings.store.url, project.workspace)
    try:
        with told(engine, "the store could not be upgraded"):
            return upgrade(engine)
    finally:
        engine.dispose()


def check_database(project: Project) -> list[Finding]:
    """Look whether the store can be opened, is sound, and has every file that it names."""
    from nornflow.store.upkeep import examine

    _demand_store(project)
    files = len(list(RunRecords(project.workspace).ids()))
    return [
        Finding(each.what, each.well, each.text, each.hint)
        for each in examine(project.settings.store.url, project.workspace, records=files)
    ]


def purge_runs(project: Project, before: datetime, *, files: bool) -> list[str]:
    """Forget the runs that ended before a moment and, with `files`, remove their folders too; return their ids.

    So with their jobs, with pipelines, and with what the processes of their runs have said.
    """
    from nornflow.app.services.pipelines.lead import logs_of, of_pipelines
    from nornflow.store.pipelines import SqlPipelines

    _demand_store(project)
    with closing(of_pipelines(project.store(create=False))) as store:
        gone = list(store.purge(before))
        known = {logs_of(project, pipeline.id) for pipeline in SqlPipelines(store).pipelines()}
    if gone:
        with closing(project.durable()) as engine:
            engine.forget(gone)
    if files:
        folders = [RunRecords(project.workspace).folder(run) for run in gone]
        for folder in (*folders, *(set(logs_of(project, "").glob("*")) - known)):
            shutil.rmtree(folder, ignore_errors=True)
    return gone


def exported(project: Project, troubles: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield every run, oldest first, each followed by its events, as JSON types.

    Of a damaged store whatever can be read, and the record files; what could not is added to `troubles`.
    """
    from nornflow.store.salvage import Salvage

    _demand_store(project)
    with Salvage(project.settings.store.url, project.workspace) as left:
        for run in left.runs():
            record = left.record(run)
            if record is not None:
                yield {"type": "run", **record}
            for stored in left.events(run):
                yield {"type": "event", "number": stored.number, **plain(stored.event)}
        if troubles is not None:
            troubles += left.troubles


def _demand_store(project: Project) -> None:
    """Raise UsageError when nothing is remembered here."""
    if not project.remembers:
        project.store().runs(RunQuery())
