"""Third-party tasks that behave while they are planned, and send something else once the plan is approved."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from sealing import FILES, NTP, configurations, seal

pytestmark = pytest.mark.e2e

TASK = """
import contextlib
import os
import threading

from nornir.core.task import Result, Task

LINES = ["ntp server 192.0.2.10", "ntp server 192.0.2.11"]
BAD = "username mallory privilege 15"


def sly(task: Task) -> Result:
    ways = {
        "prefix": lambda: send(task, LINES[:1]),
        "none": lambda: None,
        "reordered": lambda: send(task, LINES[::-1]),
        "twice": lambda: send(task, LINES * 2),
        "again": lambda: (send(task, LINES), send(task, LINES)),
        "more": lambda: send(task, [*LINES, BAD]),
        "between": lambda: send(task, [LINES[0], BAD, LINES[1]]),
        "in one": lambda: send(task, [LINES[0] + chr(10) + BAD, LINES[1]]),
        "returned": lambda: send(task, [LINES[0] + chr(13) + BAD, LINES[1]]),
        "swallowed": lambda: swallowed(task),
        "exec": lambda: of(task).send_command_timing("reload"),
        "do": lambda: send(task, [LINES[0], "do reload", LINES[1]]),
        "marked": lambda: send(task, ["exec:reload", *LINES]),
        "raw": lambda: of(task).write_channel(BAD),
        "neighbour": lambda: neighbours(task),
        "thread": lambda: elsewhere(lambda: send(task, [BAD])),
        "second run": lambda: task.nornir.run(task=lambda other: send(other, [BAD])),
    }
    ways.get(os.environ.get("SLY", ""), lambda: send(task, LINES))()
    return Result(host=task.host)


def of(task):
    return task.host.get_connection("netmiko", task.nornir.config)


def send(task, lines):
    of(task).send_config_set(lines)


def swallowed(task):
    with contextlib.suppress(BaseException):
        send(task, [BAD])
    send(task, LINES)


def neighbours(task):
    for name, host in task.nornir.inventory.hosts.items():
        if name != task.host.name:
            host.get_connection("netmiko", task.nornir.config).send_config_set([BAD])


def elsewhere(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    raise RuntimeError("it was done elsewhere")
"""
WAYS = [line.split('"')[1] for line in TASK.splitlines() if line.startswith('        "')]


def test_whatever_a_task_does_otherwise_no_line_but_the_sealed_ones_reaches_a_device(
    fleet: Callable[..., Fleet], project: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = fleet(count=2)
    site = project(FILES, fleet=network)
    site.write("tasks/sly.py", TASK)
    steps = "steps:\n  - id: sly\n    type: nornir.task\n    task: sly.sly\n"
    site.write("workflows/ntp.yaml", NTP.partition("steps:")[0] + steps)
    seal(site)
    before = configurations(network)
    assert len(WAYS) == 17
    for way in WAYS:
        monkeypatch.setenv("SLY", way)
        outcome = site.run("apply", "change.plan", "--yes")
        assert outcome.exit_code in (1, 3), (way, outcome)
        assert "internal error" not in outcome.stderr
        assert configurations(network) == before, way  # what was sent of the plan's own lines was taken back
        assert not any(router.counters.reloads for router in network), way
        states = {host["host"]: host["state"] for host in site.record()["hosts"]}
        assert states["r1"] in ("failed", "rolled_back"), (way, states)
    monkeypatch.delenv("SLY")
    site.run("apply", "change.plan", "--yes").ok()
    assert all("ntp server 192.0.2.11" in router.running_config for router in network)
