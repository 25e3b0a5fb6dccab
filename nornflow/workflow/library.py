"""Where the workflows are found that a workflow calls: beside it, in its project, or in what was kept of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from nornflow.record import record
from nornflow.workflow.document import Document
from nornflow.workflow.loader import load

SUFFIXES = (".yaml", ".yml", ".json")
DEPTH = 5
"""How deep workflows may call each other where no setting says otherwise."""


@record
class Library:
    """The workflows that can be called from one that lies in `folder`; `depth` is how deep they may call each other.

    Without a `folder` it is that of the document's file. `kept` maps the paths of the files to their texts as a run, or a
    plan, began with them: then nothing else is read.
    """

    project: Path | None = None
    folder: Path | None = None
    depth: int = DEPTH
    kept: Mapping[str, str] | None = None

    def home(self, document: Document) -> Path:
        """Return the folder of a document that nothing calls."""
        return (self.folder or Path(document.file).parent).resolve()

    def find(self, written: str, folder: Path, home: Path, *, by_name: bool) -> Path | None:
        """Return the file that a call in `folder` means, None when there is none; PermissionError when it lies outside.

        A file is looked for beside the one that calls, then in the project; a name beside it, then in the project's
        `workflows`. Whatever is called has to lie in the project, or below the folder of the workflow that is run (`home`).
        """
        for path in self._candidates(written, folder, by_name=by_name):
            if not self._is_there(path):
                continue
            real = path.resolve()
            roots = [home, *([self.project.resolve()] if self.project is not None else [])]
            if not any(real.is_relative_to(root) for root in roots):
                raise PermissionError(str(real))
            return real
        return None

    def read(self, path: Path, shown: str) -> Document:
        """Return a document under the name that it is shown by; InvalidDocument when it cannot be read."""
        if self.kept is not None:
            return load(shown, text=self.kept[str(path)])
        return load(path) if shown == str(path) else load(shown, text=load(path).source)

    def _candidates(self, written: str, folder: Path, *, by_name: bool) -> Iterator[Path]:
        project = [] if self.project is None else [self.project.resolve()]
        if not by_name:
            yield from (Path(os.path.normpath(root / written)) for root in (folder, *project))
            return
        for root in (folder, *(each / "workflows" for each in project)):
            yield from (root / f"{written}{suffix}" for suffix in SUFFIXES)

    def _is_there(self, path: Path) -> bool:
        if self.kept is not None:
            return str(path) in self.kept
        try:
            return path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            return False
