"""Opening the store of a project: the database that the settings name, or a SQLite file in the workspace."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from nornflow.errors import StoreError
from nornflow.redaction import Redactor
from nornflow.store.blob_table import TableBlobs
from nornflow.store.blobs import Blobs
from nornflow.store.database import connect, demand_schema, parsed, revision, told, upgrade
from nornflow.store.folders import made
from nornflow.store.patience import Patience, PatientRunStore
from nornflow.store.vault import Vault

FILE = "nornflow.db"


def store_url(url: str, workspace: Path) -> URL:
    """Return where the store is: the given URL, or the SQLite file of the workspace."""
    return parsed(url) if url else URL.create("sqlite", database=str(workspace / FILE))


def open_engine(url: str, workspace: Path, *, create: bool = True) -> Engine:
    """Return an engine for the store's database; a SQLite file that is not there is made, unless a reader asks.

    A reader gets an empty store in memory then. The schema may be any, or none.
    """
    place = store_url(url, workspace)
    if place.get_backend_name() == "sqlite" and place.database and not place.database.startswith((":", "file:")):
        file = Path(place.database)
        if create:
            try:
                made(file.parent)
            except OSError as error:
                raise StoreError(f"the store's folder {file.parent} cannot be made: {error.strerror}") from error
        elif not file.exists():
            place = URL.create("sqlite")
        elif _is_sealed(file):
            place = URL.create("sqlite", database=f"file:{quote(str(file))}", query={"immutable": "1", "uri": "true"})
    return connect(place)


def _is_sealed(file: Path) -> bool:
    """Tell whether nobody can write a SQLite file where it lies: then it is read without the files of its log.

    One that has a log is not: what stands in it would be missed.
    """
    return not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()


def blobs_of(engine: Engine, workspace: Path) -> Blobs:
    """Return where large outputs go: into a database that several machines can share, or beside a SQLite file.

    That keeps the file small, and a text can be read there without the database.
    """
    files = Blobs(workspace)
    return files if engine.dialect.name == "sqlite" else TableBlobs(engine, files)


def open_store(
    url: str,
    workspace: Path,
    redactor: Redactor | None = None,
    vault: Vault | None = None,
    *,
    create: bool = True,
    patience: float | Patience = 0,
    given_up: Callable[[], bool] | None = None,
) -> PatientRunStore:
    """Return the store of runs; StoreError when it cannot be reached or its schema is not ours.

    A new SQLite file gets its tables at once; an empty PostgreSQL database waits for `nornflow db upgrade`. With patience
    (seconds) the store waits for a database that goes away later, unless that is given up.
    """
    engine = open_engine(url, workspace, create=create)
    try:
        with told(engine, "the store could not be opened"):
            if engine.dialect.name == "sqlite" and revision(engine) is None:
                upgrade(engine)
            demand_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    if not isinstance(patience, Patience):
        patience = Patience(patience, waiting=logging.getLogger(__name__).warning)
    if given_up is not None:
        patience = replace(patience, given_up=given_up)
    return PatientRunStore(engine, blobs_of(engine, workspace), redactor, vault, patience=patience)
