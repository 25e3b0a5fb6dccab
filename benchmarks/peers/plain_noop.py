"""The plain Nornir script: a task that does nothing, on every host; `plain_noop.py INVENTORY WORKERS`."""

from __future__ import annotations

import sys

from nornir import InitNornir
from nornir.core.task import Result, Task


def nothing(task: Task) -> Result:
    """Do nothing."""
    return Result(host=task.host, result="done")


def main(inventory: str, workers: str) -> int:
    """Return 0 when the task ran on every host."""
    nornir = InitNornir(
        inventory={
            "plugin": "SimpleInventory",
            "options": {"host_file": f"{inventory}/hosts.yaml", "group_file": f"{inventory}/groups.yaml"},
        },
        runner={"plugin": "threaded", "options": {"num_workers": int(workers)}},
        logging={"enabled": False},
    )
    results = nornir.run(task=nothing)
    print(sum(result[0].result == "done" for result in results.values()), "hosts")
    return int(results.failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
