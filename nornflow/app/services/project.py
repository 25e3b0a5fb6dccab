"""Starts a project: writes the files of a small one that works at once."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from nornflow.errors import UsageError


def start_project(folder: Path) -> tuple[Path, ...]:
    """Write the starter project into a folder and return the files; UsageError when any of them exists already.

    Nothing at all is written when a file is in the way.
    """
    starter = dict(_starter(files("nornflow.app").joinpath("starter"), PurePosixPath()))
    targets = {folder / path: text for path, text in starter.items()}
    taken = [path for path in targets if path.exists() or path.is_symlink()]
    blocked = [each for each in (folder, *folder.parents, *{path.parent for path in targets}) if each.is_file()]
    if taken or blocked:
        names = ", ".join(str(path) for path in taken or blocked)
        raise UsageError(
            f"there is already {names}; nothing was written", hint="choose an empty folder: nornflow init DIR"
        )
    for path, text in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    return tuple(targets)


def _starter(source: Traversable, path: PurePosixPath) -> list[tuple[PurePosixPath, str]]:
    if source.is_dir():
        children = sorted(source.iterdir(), key=lambda child: child.name)
        return [each for child in children for each in _starter(child, path / child.name)]
    name = path.with_name("." + path.name.removeprefix("dot-")) if path.name.startswith("dot-") else path
    return [(name, source.read_text(encoding="utf-8"))]
