"""Hashes a folder of the project, so that a cache key can depend on files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from nornflow.errors import ExpressionError

MAX_FILES = 10_000
MAX_BYTES = 256 * 1024 * 1024


def confined(path: Any, base: Path) -> Path:
    """Return the real path of a file or folder inside of `base`; ExpressionError when it leads out of it.

    Symbolic links are followed first, so a link that leads out is refused like `..` is.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        raise ExpressionError(f"{str(path)[:100]!r} is not a path")
    root = base.resolve()
    real = (root / path).resolve()
    if real != root and root not in real.parents:
        raise ExpressionError(f"the path {path[:200]!r} leads out of the project", hint=f"use a path inside of {root}")
    return real


def directory_hash(path: Any, project: Path | None) -> str:
    """Return the SHA-256 over names and contents of a file or of all files below a folder of the project, in hex.

    Symbolic links count as the text they hold and are not followed. Raises ExpressionError when the path leads out of the
    project, does not exist, or holds more than 10,000 files or 256 MiB.
    """
    if project is None:
        raise ExpressionError("dir_hash() has no project to look into")
    top = confined(path, project)
    if not top.exists():
        raise ExpressionError(f"dir_hash(): there is no {path!r} in the project")
    digest = hashlib.sha256()
    size = 0
    for count, file in enumerate(_files(top), start=1):
        link = file.is_symlink()
        content = os.readlink(file).encode(errors="surrogateescape") if link else b""
        size += len(content) if link else file.stat().st_size
        if count > MAX_FILES or size > MAX_BYTES:
            raise ExpressionError(f"dir_hash(): {path!r} holds more than {MAX_FILES:,} files or {MAX_BYTES >> 20} MiB")
        if not link:
            content = file.read_bytes()
        name = os.fsencode(file.relative_to(top))
        digest.update(b"%d:%s%d:" % (len(name), name, len(content)) + content)
    return digest.hexdigest()


def _files(top: Path) -> list[Path]:
    if top.is_file():
        return [top]
    found: list[Path] = []
    for folder, folders, names in os.walk(top):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found.extend(Path(folder, name) for name in (*names, *links))
    return sorted(file for file in found if file.is_symlink() or file.is_file())
