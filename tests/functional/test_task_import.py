"""A project's own task is imported once, whole, by whichever device needs it first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nornflow.devices.fleet import NornirDevices
from nornflow.errors import PolicyDenied
from nornflow.redaction import Redactor

SLOW_MODULE = """
import threading

threading.Event().wait(0.2)  # long enough for every other thread to ask for the task meanwhile


def audit(task):
    return None
"""


@pytest.fixture
def devices(tmp_path: Path) -> NornirDevices:
    (tmp_path / "hosts.yaml").write_text("r1: {hostname: 192.0.2.1}\n")
    (tmp_path / "tasks").mkdir()
    return NornirDevices(tmp_path, {}, workers=8, redactor=Redactor(), tasks=tmp_path / "tasks")


def test_many_devices_at_once_all_get_the_whole_task(devices: NornirDevices, tmp_path: Path) -> None:
    (tmp_path / "tasks" / "slow.py").write_text(SLOW_MODULE)

    def ask(number: int) -> Callable[..., Any]:
        return devices.import_task("slow.audit", False)

    with ThreadPoolExecutor(8) as pool:
        tasks = list(pool.map(ask, range(8)))
    assert {task.__name__ for task in tasks} == {"audit"}


def test_a_task_that_cannot_be_imported_is_asked_for_again(devices: NornirDevices, tmp_path: Path) -> None:
    with pytest.raises(PolicyDenied):
        devices.import_task("tasks.later.audit", False)
    (tmp_path / "tasks" / "later.py").write_text("def audit(task): ...\n")
    assert callable(devices.import_task("tasks.later.audit", False))
