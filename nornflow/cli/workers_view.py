"""Workers and queues as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from nornflow.app.services.workers.watching import Watched, WorkerSeen
from nornflow.model.submission import RUNS


def watched_lines(found: Watched) -> Iterator[str]:
    """Yield a line for each worker, and one for each run that waits for one or was parked."""
    for worker in found.workers:
        places = ", ".join(f"site {place}" if place != RUNS else "runs of several sites" for place in worker.places)
        runs = f"  {', '.join(worker.runs)}" if worker.runs else ""
        leads = f"  leads pipeline {', '.join(worker.pipelines)}" if worker.pipelines else ""
        yield f"{worker.id}  {_state(worker):<8}  {places}  {worker.concurrency} at once{runs}{leads}"
    if not found.workers:
        yield "no worker"
    for run in found.waiting:
        yield f"run {run.run}  {run.where}  {run}"


def _state(worker: WorkerSeen) -> str:
    if not worker.alive:
        return "dead"
    if worker.silent:
        return "silent"
    return "draining" if worker.draining else "at work" if worker.runs else "idle"
