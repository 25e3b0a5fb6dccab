"""A process that serves queues of a durable engine: `python durable_worker.py KIND URL FOLDER WORKER CONCURRENCY QUEUE...`."""

from __future__ import annotations

import signal
import sys
from contextlib import closing
from pathlib import Path

from nornflow.abc.durable import DurableEngine, Duty
from nornflow.durable.inline import InlineEngine
from nornflow.store.database import connect, parsed
from nornflow.store.patience import Patience
from nornflow.testing.durable_stage import works_of


def engine_of(kind: str, url: str, patience: float = 60.0) -> DurableEngine:
    if kind == "inline":
        return InlineEngine(connect(parsed(url)), patience=Patience(patience))
    from nornflow.durable.dbos import DbosEngine

    return DbosEngine(parsed(url), patience=Patience(patience))


def main() -> None:
    kind, url, folder, worker, concurrency, *queues = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    with (
        closing(engine_of(kind, url)) as engine,
        engine.serve(Duty(worker, queues, int(concurrency)), works_of(Path(folder), worker)),
    ):
        sys.stdout.write("up\n")
        sys.stdout.flush()
        signal.sigwait([signal.SIGTERM])


if __name__ == "__main__":
    main()
