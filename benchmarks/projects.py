"""The folders that the contenders run in: two inventories, our project and one of nornflow 1.0."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import yaml

WORKERS = 50

OURS = {
    "nornflow.yaml": f"workers: {WORKERS}\n",
    "show-version.yaml": """
        name: show-version
        version: 1.0
        steps:
          - {id: version, type: netmiko.command, command: show version}
        """,
    "show-version-scrapli.yaml": """
        name: show-version-scrapli
        version: 1.0
        steps:
          - {id: version, type: scrapli.command, command: show version}
        """,
    "configure.yaml": """
        name: configure
        version: 1.0
        inputs:
          number: {type: string, required: true}
        steps:
          - id: configure
            type: netmiko.config
            lines:
              - interface Loopback0
              - " description bench {{ inputs.number }}"
              - snmp-server location bench-{{ inputs.number }}
              - snmp-server contact bench-{{ inputs.number }}
              - logging buffered 32768
          - {id: show, type: netmiko.command, command: show running-config, depends_on: [configure]}
        """,
    "noop.yaml": """
        name: noop
        version: 1.0
        steps:
          - {id: noop, type: nornir.task, task: nothing.nothing, access: read}
        """,
    "tasks/nothing.py": """
        from nornir.core.task import Result, Task


        def nothing(task: Task) -> Result:
            return Result(host=task.host, result="done")
        """,
}

BARE = {**OURS, "nornflow.yaml": f"workers: {WORKERS}\nstore: {{url: none}}\n"}
"""The same without a store: nothing is remembered."""

TWO = {**OURS, "nornflow.yaml": f"workers: {2 * WORKERS}\nrunner: {{processes: 2}}\nstore: {{url: none}}\n"}
"""Twice as many devices at once, in two processes."""

ONE = {**OURS, "nornflow.yaml": f"workers: {2 * WORKERS}\nstore: {{url: none}}\n"}
"""As many at once, in one."""

OLDER = {
    "nornflow.yaml": """
        nornir_config_file: nornir.yaml
        local_tasks: [tasks]
        local_workflows: [workflows]
        local_filters: []
        local_hooks: []
        local_blueprints: []
        local_j2_filters: []
        """,
    "nornir.yaml": f"""
        inventory:
          plugin: SimpleInventory
          options: {{host_file: inventory/hosts.yaml, group_file: inventory/groups.yaml}}
        runner:
          plugin: threaded
          options: {{num_workers: {WORKERS}}}
        """,
    "workflows/show-version.yaml": """
        workflow:
          name: show-version
          tasks:
            - name: show_version
        """,
    "workflows/noop.yaml": """
        workflow:
          name: noop
          tasks:
            - name: nothing
        """,
    "tasks/show_version.py": """
        from nornir.core.task import Result, Task
        from nornir_netmiko.tasks import netmiko_send_command


        def show_version(task: Task) -> Result:
            answer = task.run(task=netmiko_send_command, command_string="show version")
            return Result(host=task.host, result=answer[0].result)
        """,
    "tasks/nothing.py": OURS["tasks/nothing.py"],
}
"""A project of nornflow 1.0, as its documentation builds one: tasks in a folder, workflows that name them."""


def write_project(folder: Path, files: dict[str, str], inventory: Path) -> Path:
    """Write a project with a copy of an inventory folder, and return the project's folder."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    shutil.copytree(inventory, folder / "inventory", dirs_exist_ok=True)
    return folder


def write_many_hosts(folder: Path, count: int, sites: Sequence[str] = ("ams", "fra", "lon", "par")) -> Path:
    """Write an inventory of hosts that nobody connects to, as an inventory is written: YAML with groups and data.

    Two hosts are at the first site, two at the next, and so on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hosts = (
        f"h{number:05}:\n"
        f"  hostname: 198.18.{number // 250 % 250}.{number % 250 + 1}\n"
        f"  platform: cisco_ios\n"
        f"  groups: [{'core' if number % 4 == 1 else 'access'}]\n"
        f"  data: {{site: {sites[number // 2 % len(sites)]}, rack: {number % 40}}}\n"
        for number in range(1, count + 1)
    )
    (folder / "hosts.yaml").write_text("---\n" + "".join(hosts), encoding="utf-8")
    (folder / "groups.yaml").write_text(
        "core:\n  data: {role: core}\naccess:\n  data: {role: access}\n", encoding="utf-8"
    )
    return folder


def write_tenfold(folder: Path, inventory: Path) -> Path:
    """Write an inventory with each router of another one ten times, as routers of their own: each is a session."""
    folder.mkdir(parents=True, exist_ok=True)
    hosts = yaml.safe_load((inventory / "hosts.yaml").read_text(encoding="utf-8"))
    many = {f"{name}-{number}": host for name, host in hosts.items() for number in range(10)}
    (folder / "hosts.yaml").write_text(json.dumps(many), encoding="utf-8")
    add_empty_groups(folder)
    return folder


def add_empty_groups(inventory: Path) -> None:
    """Give an inventory the groups file that nornflow 1.0's configuration names."""
    (inventory / "groups.yaml").write_text(json.dumps({}) + "\n", encoding="utf-8")
