"""Stopping a process as an operator's Ctrl-Z or a frozen machine does, and letting it go on."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def frozen(process: subprocess.Popen[str], database: Path) -> Iterator[None]:
    """Stop a process that is not writing to this SQLite file at the moment; it goes on when the block ends."""
    try:
        freeze(process, database)
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def freeze(process: subprocess.Popen[str], database: Path) -> None:
    """Stop a process that is not writing to this SQLite file at the moment.

    One that is stopped in the middle of a transaction keeps everybody from the file: it is let go on and stopped again.
    """
    os.kill(process.pid, signal.SIGSTOP)
    while _being_written(database):
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGSTOP)


def _being_written(database: Path) -> bool:
    with closing(sqlite3.connect(database, timeout=0.3, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return True
        connection.execute("ROLLBACK")
        return False
