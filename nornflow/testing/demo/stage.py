"""What the stories of the demo are told with: a project in a temporary folder, and the real command line."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from nornflow.record import record


@record
class Stage:
    """A project folder, and how commands are shown and run in it."""

    folder: Path
    colour: bool

    def say(self, text: str) -> None:
        """Print a line of the story."""
        sys.stdout.write(f"\n\033[1m# {text}\033[0m\n" if self.colour else f"\n# {text}\n")
        sys.stdout.flush()

    def nornflow(self, words: str, *, expect: int = 0, quiet: bool = False) -> bool:
        """Show a `nornflow` command, run it for real, and tell whether it ended with the expected exit code.

        A `quiet` one shows what it says beside its answer: the plan was on the screen a moment ago.
        """
        sys.stdout.write(f"$ nornflow {words}\n")
        sys.stdout.flush()
        code = subprocess.run(
            [sys.executable, "-m", "nornflow", *shlex.split(words)],
            cwd=self.folder,
            check=False,
            stdout=subprocess.DEVNULL if quiet else None,
        )
        if code.returncode != expect:
            sys.stdout.write(f"! this ended with exit code {code.returncode}, {expect} was expected\n")
        return code.returncode == expect


@contextmanager
def demo_project() -> Iterator[Stage]:
    """Give a stage on a copy of the demo's project, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="nornflow-demo-") as name:
        folder = Path(name)
        with as_file(files("nornflow.testing.demo") / "project") as project:
            shutil.copytree(project, folder, dirs_exist_ok=True)
        yield Stage(folder, sys.stdout.isatty())
