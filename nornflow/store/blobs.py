"""Outputs too large for a table: files named by the SHA-256 of what they hold, compressed, each kept once."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from nornflow.errors import StoreError
from nornflow.store.folders import made

YOUNG = 3600.0
"""Seconds for which a file that no row names is left alone."""
LIMIT = 16_384
"""From how many characters on a value goes to a file."""


def named(text: str) -> str:
    """Return the name of a text: the SHA-256 of its UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def packed(text: str) -> bytes:
    """Return a text as it is kept (zlib)."""
    return zlib.compress(text.encode())


def unpacked(data: bytes, name: str, place: str) -> str:
    """Return the text of that name as it was kept at a place; StoreError when it is not what it was."""
    try:
        raw = zlib.decompress(data)
    except zlib.error as error:
        raise StoreError(f"the output in {place} cannot be read: {error}", hint="nornflow db check") from error
    if hashlib.sha256(raw).hexdigest() != name:
        raise StoreError(f"the output in {place} is not the one that was kept", hint="nornflow db check")
    return raw.decode()


class Blobs:
    """Files under `<workspace>/blobs/ab/abcd….z`."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._folder = workspace / "blobs"

    def put(self, text: str) -> str:
        """Keep a text and return its name; StoreError when it cannot be written."""
        name = named(text)
        file = self._file(name)
        temporary = file.with_name(f".{name}.{os.getpid()}")
        try:
            if file.exists():
                os.utime(file)  # whoever sweeps now leaves it: our row is about to name it
                return name
            made(file.parent)
            with temporary.open("wb") as stream:
                stream.write(packed(text))
                stream.flush()
                os.fsync(stream.fileno())  # the row that names it is durable, so the file has to be
            temporary.replace(file)
        except OSError as error:
            raise StoreError(f"a large output could not be kept in {file}: {error.strerror}", hint=_HINT) from error
        return name

    def get(self, name: str) -> str:
        """Return a text; StoreError when its file is gone or is not what it was."""
        file = self._file(name)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise StoreError(f"the output in {file} cannot be read: {error}", hint="nornflow db check") from error
        return unpacked(data, name, str(file))

    def names(self) -> Iterator[str]:
        """Yield the name of every file."""
        yield from (file.stem for file in self._folder.glob("??/*.z"))

    def sweep(self, used: Callable[[], Collection[str]], now: float) -> None:
        """Remove the files that nothing names, unless they are young: a run that is about to end writes files first."""
        old = [name for name in self.names() if self._file(name).stat().st_mtime < now - YOUNG]
        kept = used() if old else ()
        for name in old:
            if name not in kept:
                self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}.z"


_HINT = "make room on the disk, or see who may write there"
