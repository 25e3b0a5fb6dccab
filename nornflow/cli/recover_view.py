"""What `nornflow recover` shows: the changes that nobody confirmed, by run and device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nornflow.model.confirm import Armed
from nornflow.model.run import RunRecord
from nornflow.store.records import record_json

Waiting = Mapping[str, Mapping[str, Armed]]


def waiting_lines(waiting: Waiting) -> Iterator[str]:
    """Yield a line for each device, below its run."""
    if not waiting:
        yield "nothing to recover: no run that died has changes which wait to be confirmed"
    for run, hosts in waiting.items():
        yield f"run {run}:"
        for host, armed in hosts.items():
            yield f"  {host}: {armed.by}, armed {armed.at:%Y-%m-%d %H:%M:%S}, deadline {armed.deadline:%H:%M:%S} UTC"


def waiting_json(waiting: Waiting) -> list[dict[str, Any]]:
    """Return the runs with their devices as plain data."""
    return [
        {"run": run, "hosts": {host: armed.plain() for host, armed in hosts.items()}} for run, hosts in waiting.items()
    ]


def records_json(records: Sequence[RunRecord]) -> list[Any]:
    """Return the records of the runs that were recovered as plain data."""
    return [record_json(record) for record in records]
