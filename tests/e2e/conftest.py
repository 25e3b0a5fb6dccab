"""A stage for stories of the command line: an empty project, devices, and the real `nornflow` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from nornflow.testing import EosFleet, Fleet
from nornflow.testing.postgres import PostgresServer, postgres_server

WORKFLOWS = Path(__file__).parents[2] / "workflows"


@dataclass
class Stage:
    """An empty project folder in which the command line runs the repository's own workflow files."""

    folder: Path
    request: pytest.FixtureRequest

    def nornflow(self, *words: str, expect: int = 0) -> str:
        """Run a command and return what it printed; the test fails when it ends otherwise than expected."""
        done = subprocess.run(
            [sys.executable, "-m", "nornflow", *words], cwd=self.folder, capture_output=True, text=True, timeout=110
        )
        told = f"{' '.join(words)}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        assert done.returncode == expect, told
        assert "Traceback" not in done.stderr
        return done.stdout

    def run(self, name: str, devices: Any = None, /, *, exit_code: int = 0, **inputs: Any) -> dict[str, Any]:
        """Run a workflow on the devices and return its record."""
        given = [word for key, value in inputs.items() for word in ("-i", f"{key}={_word(value)}")]
        inventory = [] if devices is None else ["--inventory", str(self.inventory(devices))]
        words = ["run", str(self.workflow(name)), *given, *inventory, "--yes", "--format", "json"]
        record: dict[str, Any] = json.loads(self.nornflow(*words, expect=exit_code))
        return record

    def workflow(self, name: str) -> Path:
        """Return the file of a workflow: one that the test wrote, or else the repository's own."""
        written = self.folder / f"{name}.yaml"
        return written if written.exists() else WORKFLOWS / f"{name}.yaml"

    def write(self, name: str, *steps: str, **keys: Any) -> None:
        """Write a workflow of these steps, each a mapping in YAML's flow style."""
        document = {"name": name, "version": "1.0", **keys, "steps": [yaml.safe_load(step) for step in steps]}
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(document))

    def inventory(self, devices: Any) -> Path:
        path: Path = devices.write_inventory(self.folder / "lab" / "hosts.yaml")
        return path

    def routers(self, **options: Any) -> Fleet:
        started: Fleet = self.request.getfixturevalue("fleet")(**options)
        return started

    def switches(self, **options: Any) -> EosFleet:
        started: EosFleet = self.request.getfixturevalue("eos_fleet")(**options)
        return started


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in [name for name in os.environ if name.startswith("NORNFLOW_")]:
        monkeypatch.delenv(name)  # the settings of whoever runs the tests
    return Stage(tmp_path, request)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the test's own, over TCP, which it may stop and start."""
    with postgres_server() as server:
        yield server
