"""What the store does with very many devices: journalling them, what they take on the disk, and how fast runs are listed."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from plan_file import plan_file

from nornflow.model.event import Event, EventKind
from nornflow.model.history import NewRun, RunQuery
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.run import HostRecord, HostState, RunRecord, RunState, StepRecord, StepResult
from nornflow.store.opening import open_store
from nornflow.store.patience import PatientRunStore
from nornflow.store.recorder import RunRecorder

WORKERS = 50
STEPS = 10
RUNS = 20
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RESULT = StepResult(HostState.OK, outputs={"result": "done"}, started_at=NOON, completed_at=NOON, duration=0.01)


def journalled(store: PatientRunStore, run: str, hosts: list[str], steps: int) -> float:
    """Let threads tell of devices at which steps had nothing to do, as a run would; seconds until all of it is kept."""
    began = time.perf_counter()
    recorder = RunRecorder(store, run)
    recorder.begin(NewRun(run, "noop", "1.0", "ann", "standard", NOON, hosts=dict.fromkeys(hosts, "cisco_ios")))
    recorder.take(Event(EventKind.RUN_STATE, NOON, run, data={"state": "running"}))
    names = [f"step{number}" for number in range(steps)]

    for name in names:
        recorder.take(Event(EventKind.STEP_STARTED, NOON, run, name, data={"type": "x", "hosts": len(hosts)}))

        def work(host: str, step: str = name) -> None:
            data = {"result": {"state": "ok", "outputs": {"result": "done"}, "duration": 0.01}, "final": True}
            recorder.note(Entry(EntryKind.OUTCOME, step, host, data))
            recorder.take(Event(EventKind.HOST_STATE, NOON, run, step, host, data={"state": "ok", "changed": False}))

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, hosts))
    records = tuple(
        StepRecord(name, "x", HostState.OK, NOON, NOON, hosts=dict.fromkeys(hosts, RESULT)) for name in names
    )
    fates = tuple(HostRecord(host, HostState.OK, 1) for host in hosts)
    recorder.finish(
        RunRecord(
            run, "noop", "1.0", RunState.SUCCEEDED, "ann", "standard",
            steps=records, hosts=fates, started_at=NOON, completed_at=NOON,
        )
    )  # fmt: skip
    return time.perf_counter() - began


def main() -> None:
    """Print the figures as JSON: seconds, megabytes and milliseconds."""
    hosts = [f"h{number:05}" for number in range(int(sys.argv[1]))]
    with tempfile.TemporaryDirectory(prefix="nornflow-bench-") as name:
        folder = Path(name)
        with closing(open_store("", folder / "noop")) as store:
            cpu = time.process_time()
            journal = journalled(store, "run", hosts, 1)
            cpu = time.process_time() - cpu
        with closing(open_store("", folder / "long")) as store:
            whole = journalled(store, "run", hosts, STEPS)
            for number in range(RUNS):
                journalled(store, f"run-{number}", hosts[:10], 1)
            times = []
            for _ in range(RUNS):
                began = time.perf_counter()
                assert len(store.runs(RunQuery(last=20))) == min(20, RUNS + 1)
                times.append(time.perf_counter() - began)
        size = sum(file.stat().st_size for file in (folder / "long").rglob("*") if file.is_file())
    found = {
        "journalled s": journal,
        "journalled CPU s": cpu,
        "ten steps s": whole,
        "on disk MB": size / 1e6,
        "listed ms": statistics.median(times) * 1000,
        **plan_file(),
    }
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
