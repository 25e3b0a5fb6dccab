"""Attacks on profiles, imports, requests and the plan as a promise: with the real command line where it decides."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nornflow.devices.tasks import import_task
from nornflow.errors import PolicyDenied
from nornflow.policy.profiles import load_profiles
from nornflow.sandbox.commands import child_environment
from nornflow.sandbox.http import check_url
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder

TASKS = """
from nornir.core.task import Result

CALLS = []

def _send(task, planned, applied):
    CALLS.append(task.host.name)
    lines = planned if len(CALLS) == 1 else applied
    if lines:
        task.host.get_connection("netmiko", task.nornir.config).send_config_set(lines)
    return Result(task.host)

A, B = "ntp server 192.0.2.50", "ntp server 192.0.2.51"

def fewer(task): return _send(task, [A, B], [A])
def nothing(task): return _send(task, [A], [])
def more(task): return _send(task, [A], [A, B])
def other(task): return _send(task, [A], [B])
def reordered(task): return _send(task, [A, B], [B, A])
"""


@pytest.fixture(scope="module")
def routers() -> Iterator[Fleet]:
    with Fleet(1, prefix="r") as fleet:
        yield fleet


def _project(tmp_path: Path, routers: Fleet | None, workflow: str, **files: str) -> ProjectFolder:
    return ProjectFolder.made(tmp_path / "project", {"change.yaml": workflow, **files}, routers)


@pytest.mark.parametrize("task", ["fewer", "nothing", "more", "other", "reordered"])
def test_a_task_that_applies_something_else_than_it_planned_fails(task: str, tmp_path: Path, routers: Fleet) -> None:
    workflow = f"""
        name: change
        version: "1.0"
        steps:
          - {{id: it, type: nornir.task, task: tasks.{task}_task.{task}}}
    """
    project = _project(tmp_path, routers, workflow)
    project.write(f"tasks/{task}_task.py", TASKS)
    before = routers["r1"].running_config
    outcome = project.run("run", "change.yaml", "--yes", "--format", "json")
    assert outcome.exit_code == 1, outcome
    told = json.dumps(outcome.json())
    assert "planned lines and ended" in told or "is not what the plan has next" in told
    sent = set(routers["r1"].running_config.splitlines()) - set(before.splitlines())
    assert sent <= ({"ntp server 192.0.2.50"} if task == "fewer" else set())
    for line in sent:
        routers["r1"].configure(f"no {line}")


def test_a_workflow_of_a_stranger_cannot_choose_a_profile_that_raises(tmp_path: Path) -> None:
    workflow = """
        name: change
        version: "1.0"
        profile: elevated
        steps:
          - {id: it, type: script, script: "touch ../pwned"}
    """
    project = _project(tmp_path, None, workflow)
    for words in (("run", "change.yaml", "--yes"), ("policy", "explain", "change.yaml")):
        outcome = project.run(*words)
        assert outcome.exit_code == 3, outcome
        assert "would raise 'standard'" in outcome.stderr
    assert project.run("run", "change.yaml", "--yes", "--profile", "elevated").exit_code == 0


def test_an_empty_name_of_a_profile_is_no_other_profile(tmp_path: Path) -> None:
    workflow = """
        name: change
        version: "1.0"
        steps:
          - {id: it, type: shell, command: echo hello}
    """
    project = _project(tmp_path, None, workflow)
    for words in (("run", "change.yaml", "--yes"), ("plan", "change.yaml"), ("policy", "explain", "change.yaml")):
        assert project.run(*words, "--profile", "").exit_code == 2


@pytest.mark.parametrize(
    "words", [("run", "x.yaml", "--limit"), ("plan", "x.yaml", "--limit"), ("rollback", "2", "--hosts")]
)
@pytest.mark.parametrize("devices", ["", " ,"])
def test_an_empty_choice_of_devices_is_not_all_of_them(tmp_path: Path, words: tuple[str, ...], devices: str) -> None:
    done = _project(tmp_path, None, "name: x").run(*words, devices)
    assert (done.exit_code, "it names no device" in done.stderr) == (2, True), done


@pytest.mark.parametrize(
    "path",
    [
        *("nornir_netmiko.tasks.os.system", "nornir_napalm.plugins.connections.get_network_driver", "os.system"),
        *("nornir_netmiko.tasks.netmiko_send_command.Task", "nornir.core.task.Task", "linked.run", "folder.inner.run"),
        *("nornir_own.run", "nornir_pack.run"),
    ],
)
def test_only_tasks_of_installed_packages_and_of_the_tasks_folder_are_imported(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, outside = tmp_path / "project" / "tasks", tmp_path / "outside"
    for folder in (tasks, outside, tmp_path / "project" / "nornir_pack"):
        folder.mkdir(parents=True)
    (outside / "inner.py").write_text("def run(task): raise SystemExit")
    (tasks / "linked.py").symlink_to(outside / "inner.py")
    (tasks / "folder").symlink_to(outside)
    (tmp_path / "project" / "nornir_own.py").write_text("raise SystemExit")
    (tmp_path / "project" / "nornir_pack" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(str(tmp_path / "project"))
    with pytest.raises(Exception, match=r"neither in|no module|No module|only uses itself|no installed package"):
        import_task(path, anywhere=False, tasks=tasks)
    assert not {"nornir_own", "nornir_pack"} & set(sys.modules)


@pytest.mark.parametrize(
    "url",
    [
        *("http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://0/", "http://[::]/", "http://[::1]/"),
        *("http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/"),
        *("http://[64:ff9b::169.254.169.254]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25lo]/"),
        *("http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://168.63.129.16/"),
    ],
)
def test_no_spelling_of_an_address_leads_to_this_machine_or_to_its_clouds_metadata(url: str) -> None:
    with pytest.raises(PolicyDenied):
        check_url(url, None, "elevated")


@pytest.mark.parametrize(
    "url",
    ["http://evil.example\\.github.com/", "http://evil.example%2f.github.com/", "http://github.com%00.evil.example/"],
)
def test_a_host_that_two_readers_read_differently_is_refused(url: str) -> None:
    with pytest.raises(PolicyDenied):
        check_url(url, ("github.com", "*.github.com"), "standard")


@pytest.mark.parametrize(
    "name", ["GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "NODE_OPTIONS", "GCONV_PATH", "PERL5OPT", "PAGER"]
)
def test_no_variable_makes_a_listed_program_start_another(name: str) -> None:
    with pytest.raises(PolicyDenied, match=name):
        child_environment({}, {name: "x"}, trusted=False)


def test_every_deny_rule_of_a_built_in_profile_is_a_pattern_with_a_reason() -> None:
    for profile in load_profiles().values():
        assert all(rule.pattern and rule.reason and rule.where for rule in profile.deny_rules)
