"""A project in a folder of a test, and its command line: `project({...}).run("plan", "workflows/x.yaml")`."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from nornflow.cli.main import run_command
from nornflow.record import record
from nornflow.testing.simulation import Simulation


@record
class Outcome:
    """How a command ended: its exit code and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return standard output, read as JSON."""
        return json.loads(self.stdout)

    def ok(self) -> Outcome:
        """Return this outcome if the exit code is 0; AssertionError with everything printed when it is not."""
        assert self.exit_code == 0, f"exit code {self.exit_code}\n{self.stdout}\n{self.stderr}"
        return self


@record
class ProjectFolder:
    """A project's folder with the words to run commands in it, in this process, as `nornflow` would."""

    path: Path

    @classmethod
    def made(cls, path: Path, files: Mapping[str, str], fleet: Simulation[Any] | None = None) -> ProjectFolder:
        """Write the files (dedented), and the inventory of a fleet when one is given."""
        folder = cls(path)
        path.mkdir(parents=True, exist_ok=True)
        if fleet is not None:
            fleet.write_inventory(path / "inventory" / "hosts.yaml")
        for name, text in files.items():
            folder.write(name, text)
        if not (path / "nornflow.yaml").exists():
            folder.write("nornflow.yaml", "# a project of a test\n")
        return folder

    def write(self, name: str, text: str) -> Path:
        """Write one file, dedented, and return its path."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return file

    def run(self, *words: str) -> Outcome:
        """Run `nornflow <words>` in the project's folder and return how it ended."""
        out, err = io.StringIO(), io.StringIO()
        before = Path.cwd()
        os.chdir(self.path)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run_command(words)
        finally:
            os.chdir(before)
        return Outcome(code, out.getvalue(), err.getvalue())

    def record(self) -> dict[str, Any]:
        """Return the record of the project's latest run."""
        runs = sorted((self.path / ".nornflow" / "runs").glob("*/run.json"), key=lambda file: file.stat().st_mtime_ns)
        record: dict[str, Any] = json.loads(runs[-1].read_text(encoding="utf-8"))
        return record
