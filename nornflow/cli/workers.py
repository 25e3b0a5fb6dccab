"""`nornflow workers`: which workers there are, and having one take no more."""

from __future__ import annotations

import click


@click.group(name="workers")
def command() -> None:
    """List the workers that take runs from the queues of this store; have one take no more."""


@command.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
def list_workers(form: str) -> None:
    """List workers, what they take and what is in the queues."""
    from nornflow.app.build import load_project
    from nornflow.app.services.workers.watching import watched
    from nornflow.cli.output import show, show_json
    from nornflow.cli.workers_view import watched_lines
    from nornflow.model.plain import plain

    found = watched(load_project())
    if form == "json":
        show_json(plain(found))
        return
    for line in watched_lines(found):
        show(line)


@command.command("drain")
@click.argument("worker")
def drain(worker: str) -> None:
    """Have WORKER (the beginning of its id is enough) take no further run, and end when those at work have ended."""
    from nornflow.app.build import load_project
    from nornflow.app.services.workers.watching import drain_worker
    from nornflow.cli.output import show

    show(f"worker {drain_worker(load_project(), worker)} takes no further run")
