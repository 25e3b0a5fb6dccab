"""The plain Nornir script over scrapli and libssh2: run `show version`; `scrapli_command.py INVENTORY WORKERS`."""

from __future__ import annotations

import sys

from nornir import InitNornir
from nornir.core.inventory import ConnectionOptions
from nornir_scrapli.tasks import send_command


def main(inventory: str, workers: str) -> int:
    """Return 0 when every router answered."""
    with InitNornir(
        inventory={"plugin": "SimpleInventory", "options": {"host_file": f"{inventory}/hosts.yaml"}},
        runner={"plugin": "threaded", "options": {"num_workers": int(workers)}},
        logging={"enabled": False},
    ) as nornir:
        fast = ConnectionOptions(platform="cisco_iosxe", extras={"transport": "ssh2", "auth_strict_key": False})
        nornir.inventory.defaults.connection_options["scrapli"] = fast
        results = nornir.run(task=send_command, command="show version")
        answers = [result[0].result for result in results.values() if not result.failed]
        print(sum("Cisco IOS" in answer for answer in answers), "answered")
        return int(len(answers) != len(nornir.inventory.hosts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
