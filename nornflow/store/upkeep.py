"""Examining a store: can it be opened, is it sound, is everything there that it names, and what is left if not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from nornflow.errors import StoreError
from nornflow.model.history import RunQuery
from nornflow.record import record
from nornflow.store.database import demand_schema, reading, revision, shown, told
from nornflow.store.forgetting import named_files
from nornflow.store.opening import blobs_of, open_engine
from nornflow.store.runs import SqlRunStore
from nornflow.store.salvage import Salvage


@record
class Examined:
    """One thing that was looked at, and what to do when it is not well."""

    what: str
    well: bool
    text: str
    hint: str = ""


def examine(url: str, workspace: Path, records: int) -> Iterator[Examined]:
    """Look at the store as far as it goes; `records` is how many runs have a record file of their own."""
    engine = open_engine(url, workspace, create=False)
    sound = True
    try:
        with told(engine, "the store could not be opened"):
            if engine.dialect.name == "sqlite" and revision(engine) is None:
                yield Examined("database", True, "there is none yet; the first run makes it")
                return
            for each in _soundness(engine):
                sound = each.well
                yield each
            demand_schema(engine)
        yield Examined("schema", True, f"{revision(engine)} at {shown(engine)}")
        with (
            closing(SqlRunStore(engine, blobs_of(engine, workspace))) as store,
            told(engine, "the store could not be read"),
        ):
            yield from _contents(store, workspace)
    except StoreError as error:
        sound = False
        yield Examined("database", False, error.message, error.hint)
    finally:
        engine.dispose()
    if not sound:
        yield _recoverable(url, workspace, records)


def _recoverable(url: str, workspace: Path, records: int) -> Examined:
    """Try what can still be read, as `nornflow db export` would."""
    files = f"{records} runs have a record file each in {workspace / 'runs'}, which do not depend on the store"
    try:
        with Salvage(url, workspace) as left:
            ids = left.runs()
            whole = sum(left.record(run) is not None for run in ids)
            number = sum(1 for run in ids for _ in left.events(run))
    except StoreError:
        return Examined("recoverable", True, files)
    return Examined(
        "recoverable", True, f"{whole} of {len(ids)} known runs with their results, and {number} events; {files}"
    )


def _soundness(engine: Engine) -> Iterator[Examined]:
    if engine.dialect.name != "sqlite":
        return
    with reading(engine) as connection:
        problems = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(5)") if row[0] != "ok"]
    hint = "put the file away and restore a backup, or begin anew; `nornflow db export` takes out what is readable"
    yield Examined(
        "integrity", not problems, "; ".join(problems) or "every page is as it should be", hint if problems else ""
    )


def _contents(store: SqlRunStore, workspace: Path) -> Iterator[Examined]:
    with reading(store.engine) as connection:
        named = named_files(connection)
    missing = sorted(named - set(store.blobs.names()))
    if missing:
        hint = f"bring them back from a backup ({workspace / 'blobs'}); the rest of the runs is readable"
        yield Examined("outputs", False, f"{len(missing)} large outputs are missing: {missing[0]} ...", hint)
    else:
        yield Examined("outputs", True, f"{len(named)} large outputs, all there")
    found = store.runs(RunQuery())
    unended = sum(run.completed_at is None for run in found)
    yield Examined("runs", True, f"{len(found)} runs, {unended} of them not ended")
