"""The plain Nornir script: connect to every router and run `show version`; `plain_command.py INVENTORY WORKERS`."""

from __future__ import annotations

import sys

from nornir import InitNornir
from nornir_netmiko.tasks import netmiko_send_command


def main(inventory: str, workers: str) -> int:
    """Return 0 when every router answered."""
    with InitNornir(
        inventory={"plugin": "SimpleInventory", "options": {"host_file": f"{inventory}/hosts.yaml"}},
        runner={"plugin": "threaded", "options": {"num_workers": int(workers)}},
        logging={"enabled": False},
    ) as nornir:
        results = nornir.run(task=netmiko_send_command, command_string="show version")
        answers = [result[0].result for result in results.values() if not result.failed]
        print(sum("Cisco IOS" in answer for answer in answers), "answered")
        return int(len(answers) != len(nornir.inventory.hosts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
