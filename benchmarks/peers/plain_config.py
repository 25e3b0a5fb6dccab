"""The plain Nornir script: five configuration lines and `show running-config`; `plain_config.py INVENTORY WORKERS N`."""

from __future__ import annotations

import sys

from nornir import InitNornir
from nornir.core.task import Result, Task
from nornir_netmiko.tasks import netmiko_send_command, netmiko_send_config


def configure(task: Task, lines: list[str]) -> Result:
    """Send the lines, then read the configuration, over one connection."""
    task.run(task=netmiko_send_config, config_commands=lines)
    shown = task.run(task=netmiko_send_command, command_string="show running-config")
    return Result(host=task.host, result=shown[0].result)


def main(inventory: str, workers: str, number: str) -> int:
    """Return 0 when every router took the lines."""
    lines = [
        "interface Loopback0",
        f" description bench {number}",
        f"snmp-server location bench-{number}",
        f"snmp-server contact bench-{number}",
        "logging buffered 32768",
    ]
    with InitNornir(
        inventory={"plugin": "SimpleInventory", "options": {"host_file": f"{inventory}/hosts.yaml"}},
        runner={"plugin": "threaded", "options": {"num_workers": int(workers)}},
        logging={"enabled": False},
    ) as nornir:
        results = nornir.run(task=configure, lines=lines)
        done = [name for name, result in results.items() if f"contact bench-{number}" in str(result[0].result)]
        print(len(done), "configured")
        return int(len(done) != len(nornir.inventory.hosts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
