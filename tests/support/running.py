"""Commands of a project in processes of their own, which scripts keep from ending until a file is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from nornflow.testing.project import ProjectFolder

SAY = """
name: say
version: 1.0
inputs: {text: {type: string, required: true}}
steps: [{id: say, type: shell, command: "echo {{ inputs.text }}", outputs: {said: {from: stdout}}}]
outputs: {said: {from: steps.say.outputs.said}}
"""
SITE = {"nornflow.yaml": "profile: elevated\n"}


@contextmanager
def running(site: ProjectFolder, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "nornflow", *words],
        cwd=site.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            over(site)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=100)
    assert "Traceback" not in said, said
    return process.returncode, said


def over(site: ProjectFolder) -> None:
    """Let the change end."""
    (site.path / "over").touch()


def runs(site: ProjectFolder) -> list[tuple[str, str]]:
    """Workflow and state of every run, oldest first."""
    found = site.run("runs", "list", "--format", "json").ok().json()
    return [(run["workflow"], run["state"]) for run in reversed(found)]
