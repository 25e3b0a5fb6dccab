"""Large outputs as rows of the database: whoever shares it has them, on whatever machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

from sqlalchemy import Column, Engine, Float, Index, LargeBinary, Table, Text, delete, select

from nornflow.store.blobs import YOUNG, Blobs, named, packed, unpacked
from nornflow.store.database import glancing, reading, told
from nornflow.store.tables import metadata
from nornflow.store.upsert import upserted

CHUNK = 500
"""How many names one statement has."""

blobs = Table(
    "blobs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("used_at", Float, nullable=False),
    Index("blobs_by_use", "used_at"),
)
"""Texts that are too large for a column of another row, compressed: by the SHA-256 of the text, each once. `used_at` (seconds of
the clock, UTC) is when one was kept last: for an hour from then on the row that names it may still be on its way."""


class TableBlobs(Blobs):
    """Rows of the table `blobs`; what an earlier NornFlow kept in files is read from them.

    A text is kept in a transaction of its own, before that of the row which names it: as a file would be.
    """

    def __init__(self, engine: Engine, files: Blobs, clock: Callable[[], float] = time.time) -> None:
        super().__init__(files.workspace)
        self._engine = engine
        self._files = files
        self._clock = clock

    def put(self, text: str) -> str:
        """Keep a text and return its name; StoreError when it cannot be written."""
        name = named(text)
        row = upserted(self._engine, blobs).values(name=name, data=packed(text), used_at=self._clock())
        kept = row.on_conflict_do_update(index_elements=[blobs.c.name], set_={"used_at": row.excluded.used_at})
        with told(self._engine, "a large output could not be kept"), self._engine.begin() as connection:
            connection.execute(kept)
        return name

    def get(self, name: str) -> str:
        """Return a text; StoreError when it is gone or is not what it was."""
        with told(self._engine, "a large output could not be read"), glancing(self._engine) as connection:
            data: bytes | None = connection.execute(select(blobs.c.data).where(blobs.c.name == name)).scalar()
        return self._files.get(name) if data is None else unpacked(data, name, f"row {name} of the table blobs")

    def names(self) -> Iterator[str]:
        """Yield the name of every text."""
        with told(self._engine, "large outputs could not be listed"), reading(self._engine) as connection:
            found = list(connection.execute(select(blobs.c.name)).scalars())
        yield from {*found, *self._files.names()}

    def sweep(self, used: Callable[[], Collection[str]], now: float) -> None:
        """Remove what nothing names, unless it is young: a run that is about to end writes its texts first."""
        self._files.sweep(used, now)
        old = blobs.c.used_at < now - YOUNG
        with told(self._engine, "old outputs could not be removed"):
            with reading(self._engine) as connection:
                found = list(connection.execute(select(blobs.c.name).where(old)).scalars())
            gone = sorted({*found} - {*used()}) if found else []
            with self._engine.begin() as connection:
                for start in range(0, len(gone), CHUNK):
                    these = blobs.c.name.in_(gone[start : start + CHUNK])
                    connection.execute(delete(blobs).where(these, old))  # one that was kept again meanwhile is young
