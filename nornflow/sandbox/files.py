"""Files of steps: written into the run's workspace, read from there and from the project, nowhere else."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from nornflow.errors import PolicyDenied, ResourceExhausted, StepError

_MIB = 1024 * 1024
_HINT = "give a path inside the run's workspace (or, for reading, inside the project), without `..`"


class Files:
    """The folders that a step may use and the size of a file; every path is held against them when it is opened.

    Written is into the workspace alone; read from there, from the `readable` folders and from the project, in this order.

    A path is resolved first (a symbolic link inside a folder is fine, one that leads out is refused) and then opened folder
    by folder without following links, so that one that is swapped in between is refused as well.
    """

    def __init__(self, workspace: Path, project: Path, max_file_size_mb: int, readable: Sequence[Path] = ()) -> None:
        self.workspace = workspace.resolve()
        self.project = project.resolve()
        self._roots = tuple(dict.fromkeys((self.workspace, *(folder.resolve() for folder in readable), self.project)))
        self._most = max_file_size_mb * _MIB
        self._limit = f"{max_file_size_mb} MiB"

    def read_text(self, path: str) -> str:
        """Return a UTF-8 file of the first folder that has it."""
        wanted = _checked(path)
        candidates = [wanted] if wanted.is_absolute() else [root / wanted for root in self._roots]
        existing = next((candidate for candidate in candidates if os.path.lexists(candidate)), None)
        if existing is None:
            self._inside(candidates[0], self._roots, path)
            raise StepError(
                f"there is no file {path!r}", hint="paths are relative to the workspace, then to the project"
            )
        root, inner = self._inside(existing, self._roots, path)
        with _opened(root, inner.parent, path) as folder, _file(inner.name, os.O_RDONLY, folder, path) as file:
            data = file.read(self._most + 1)
        if len(data) > self._most:
            raise ResourceExhausted(
                f"{path!r} is larger than the {self._limit} that the profile allows", hint=_HINT_SIZE
            )
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise StepError(
                f"{path!r} is not UTF-8 text (byte {error.start})", hint="convert the file to UTF-8"
            ) from error

    def write_text(self, path: str, text: str, mode: int = 0o644) -> Path:
        """Write a file into the workspace: all of it or nothing, over what was there before."""
        wanted = _checked(path)
        root, inner = self._inside(self.workspace / wanted, (self.workspace,), path)
        data = text.encode()
        if len(data) > self._most:
            raise ResourceExhausted(f"{path!r} would be larger than the {self._limit} of the profile", hint=_HINT_SIZE)
        if inner == Path():
            raise PolicyDenied(f"{path!r} is a folder", hint=_HINT)
        (root / inner.parent).mkdir(parents=True, exist_ok=True)
        with _opened(root, inner.parent, path) as folder:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.stat(inner.name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise PolicyDenied(f"{path!r} is there and is no ordinary file", hint=_HINT)
            _replace(inner.name, data, mode & 0o777, folder)
        return root / inner

    def folder(self, path: str) -> Path:
        """Return a folder of the workspace as an absolute path; it must exist (the workspace itself is made)."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        if not path:
            return self.workspace
        root, inner = self._inside(self.workspace / _checked(path), (self.workspace,), path)
        if not (root / inner).is_dir():
            raise StepError(f"there is no folder {path!r} in the workspace", hint="create it in an earlier step")
        return root / inner

    def _inside(self, path: Path, roots: tuple[Path, ...], given: str) -> tuple[Path, Path]:
        try:
            real = path.resolve()
        except (OSError, RuntimeError) as error:
            raise PolicyDenied(f"{given!r} cannot be resolved: {error}", hint=_HINT) from error
        for root in roots:
            if real.is_relative_to(root):
                return root, real.relative_to(root)
        raise PolicyDenied(f"{given!r} lies outside the folders that a step may use", hint=_HINT)


_HINT_SIZE = "split the file, or take a profile with a larger max_file_size_mb"


def _checked(path: str) -> Path:
    if not path or any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise PolicyDenied(f"{path!r} is not a path", hint=_HINT)
    wanted = Path(path)
    if ".." in wanted.parts:
        raise PolicyDenied(f"{path!r} climbs out of its folder with `..`", hint=_HINT)
    return wanted


@contextlib.contextmanager
def _opened(root: Path, inner: Path, given: str) -> Iterator[int]:
    """Open a folder below the root, component by component, without following a link."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in inner.parts:
            try:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            except OSError as error:
                raise PolicyDenied(f"{given!r}: {part!r} is no folder ({error.strerror})", hint=_HINT) from error
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def _file(name: str, flags: int, folder: int, given: str) -> Iterator[IO[bytes]]:
    # O_NONBLOCK: opening a FIFO that nobody writes to must not hang
    try:
        fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise PolicyDenied(f"{given!r} is no ordinary file", hint=_HINT) from error
        raise StepError(
            f"{given!r} cannot be opened: {error.strerror}", hint="check the path and its rights"
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise PolicyDenied(f"{given!r} is no ordinary file", hint=_HINT)
    with os.fdopen(fd, "rb") as file:
        yield file


def _replace(name: str, data: bytes, mode: int, folder: int) -> None:
    temporary = f".{name[:100]}.{secrets.token_hex(6)}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            os.fchmod(fd, mode)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
