"""Large outputs, as files and as rows: kept once, exact, and gone when nothing names them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from nornflow.errors import StoreError
from nornflow.store.blob_table import TableBlobs
from nornflow.store.blob_table import blobs as table
from nornflow.store.blobs import YOUNG, Blobs
from nornflow.store.opening import blobs_of, open_engine

LARGE = "interface Loopback0\n" * 2000


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(database_url, tmp_path)
    yield engine
    engine.dispose()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def blobs(engine: Engine, tmp_path: Path, clock: Clock) -> TableBlobs:
    return TableBlobs(engine, Blobs(tmp_path), clock)


def test_a_database_that_machines_share_has_them_itself(engine: Engine, tmp_path: Path) -> None:
    kept = blobs_of(engine, tmp_path)
    name = kept.put(LARGE)
    assert (tmp_path / "blobs").exists() is (engine.dialect.name == "sqlite")
    assert blobs_of(engine, tmp_path).get(name) == LARGE


def test_a_text_is_kept_once_and_compressed(blobs: TableBlobs, engine: Engine) -> None:
    name = blobs.put(LARGE)
    assert blobs.put(LARGE) == name
    assert list(blobs.names()) == [name]
    assert blobs.get(name) == LARGE
    with engine.connect() as connection:
        assert connection.execute(select(func.length(table.c.data))).scalar_one() < len(LARGE) / 10


def test_files_of_an_earlier_nornflow_are_read_and_swept_too(blobs: TableBlobs, tmp_path: Path, clock: Clock) -> None:
    name = Blobs(tmp_path).put("once a file")
    assert blobs.get(name) == "once a file"
    assert list(blobs.names()) == [name]
    blobs.sweep(set, (tmp_path / "blobs" / name[:2] / f"{name}.z").stat().st_mtime + YOUNG + 1)
    assert list(blobs.names()) == []


def test_what_nothing_names_is_removed_once_it_is_not_young(blobs: TableBlobs, clock: Clock) -> None:
    named, unnamed, again = (blobs.put(text) for text in ("named", "unnamed", "again"))
    blobs.sweep(lambda: {named}, clock.now + YOUNG - 1)
    assert set(blobs.names()) == {named, unnamed, again}
    clock.now += YOUNG

    def kept_again() -> set[str]:
        blobs.put("again")  # by somebody whose row is about to name it, while this one looks what is named
        return {named}

    blobs.sweep(kept_again, clock.now + 1)
    assert set(blobs.names()) == {named, again}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [(lambda data: zlib.compress(b"another"), "not the one"), (lambda data: b"nonsense", "cannot be read")],
)
def test_what_was_changed_is_not_taken_for_the_output(
    blobs: TableBlobs, engine: Engine, spoil: Callable[[bytes], bytes], told: str
) -> None:
    name = blobs.put("one")
    with engine.begin() as connection:
        connection.execute(update(table).values(data=spoil(b"")))
    with pytest.raises(StoreError, match=told):
        blobs.get(name)


def test_one_that_is_gone_is_told(blobs: TableBlobs) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        blobs.get("ab" * 32)
