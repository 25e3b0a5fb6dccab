"""What a run did so far, as rows: its steps, their results and the fates of its devices."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from nornflow.model.run import RunRecord
from nornflow.store.journal import insert_rows
from nornflow.store.rows import Rows
from nornflow.store.tables import run_hosts, run_steps, step_results


class Results:
    """The rows of one record: masked, compressed and written beforehand, so that other writers do not wait for that."""

    def __init__(self, rows: Rows, record: RunRecord) -> None:
        self._rows = rows
        self._record = record
        self._results = list(rows.results(record))
        self._steps = [
            {
                "position": position,
                "step": step.step,
                "type": step.type,
                "state": step.state.value,
                "started_at": step.started_at,
                "completed_at": step.completed_at,
            }
            for position, step in enumerate(record.steps)
        ]

    def write(self, connection: Connection, number: int) -> None:
        """Write them in place of those that are there: a run that waited has some already."""
        if self._record.hosts:
            known = connection.execute(select(run_hosts.c.host, run_hosts.c.platform).where(run_hosts.c.run == number))
            platforms: dict[str, str] = {row.host: row.platform for row in known}
            connection.execute(delete(run_hosts).where(run_hosts.c.run == number))
            hosts = [
                self._rows.host(position, host, platforms.get(host.host, ""))
                for position, host in enumerate(self._record.hosts)
            ]
            insert_rows(connection, run_hosts, number, hosts)
        for table, rows in ((run_steps, self._steps), (step_results, self._results)):
            connection.execute(delete(table).where(table.c.run == number))
            insert_rows(connection, table, number, rows)
