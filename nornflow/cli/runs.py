"""`nornflow runs`: list and show the records of runs."""

from __future__ import annotations

import click


@click.group(name="runs")
def command() -> None:
    """List and show the records of runs."""


@command.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show the list.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
def list_runs(form: str, last: int) -> None:
    """List the recorded runs of this project, newest first."""
    from itertools import islice

    from nornflow.app.build import load_project
    from nornflow.cli.output import show, show_json
    from nornflow.store.records import RunRecords

    project = load_project()
    records = RunRecords(project.workspace)
    keys = ("id", "workflow", "version", "state", "user", "profile", "started_at")
    rows = [{key: record.get(key) for key in keys} for record in map(records.read, islice(records.ids(), last))]
    if form == "json":
        show_json(rows)
        return
    for row in rows:
        show(f"{row['id']}  {row['state']:<16} {row['workflow']} {row['version']}  {row['user']}  {row['profile']}")
    if not rows:
        show("no runs yet")


@command.command("show")
@click.argument("run")
def show_run(run: str) -> None:
    """Show the record of RUN (the beginning of its id is enough) as JSON."""
    from nornflow.app.build import load_project
    from nornflow.cli.output import show_json
    from nornflow.store.records import RunRecords

    show_json(RunRecords(load_project().workspace).read(run))
