"""`nornflow runs`: list runs, show them, read their logs, compare them, and how long things take."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nornflow.cli.cancel import command as cancel
from nornflow.cli.carry import command as carry
from nornflow.cli.resume import command as resume
from nornflow.cli.signal import command as signal

if TYPE_CHECKING:
    from nornflow.model.history import RunQuery

STATES = (
    *("pending", "planning", "awaiting_approval", "queued", "running", "waiting", "succeeded", "failed"),
    *("rolled_back", "rollback_failed", "cancelled", "timed_out", "denied"),
)
"""The values of `model.run.RunState`, which is not imported to show help."""

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
_WORKFLOW = click.option("--workflow", default="", metavar="NAME", help="Only runs of this workflow.")
_SINCE = click.option("--since", default="", metavar="WHEN", help="Only runs begun since: 12h, 7d or 2026-11-21.")


@click.group(name="runs")
def command() -> None:
    """List runs, show them, read their logs, compare them, go on with them and cancel them."""


command.add_command(cancel)
command.add_command(carry)


@command.command("list")
@_WORKFLOW
@click.option("--status", type=click.Choice(STATES), default=None, help="Only runs in this state.")
@click.option("--user", default="", metavar="NAME", help="Only runs of this user.")
@_SINCE
@click.option("--host", default="", metavar="NAME", help="Only runs that targeted this device.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@_FORMAT
def list_runs(workflow: str, status: str | None, user: str, since: str, host: str, last: int, form: str) -> None:
    """List the runs of this project, newest first."""
    from nornflow.app.build import load_project
    from nornflow.app.services.history import cut_off, history, parked
    from nornflow.app.services.locks import queue_places
    from nornflow.app.services.waits.deciding import pending
    from nornflow.cli.output import show, show_json, tell
    from nornflow.cli.runs_view import summary_json, summary_lines
    from nornflow.model.run import RunState

    query = _query(workflow, since, status=RunState(status) if status else None, user=user, host=host, last=last)
    with history(load_project()) as store:
        found, places, dead = store.runs(query), queue_places(store), cut_off(store)
        waits, left = pending(store, datetime.now(UTC)), parked(store)
    if form == "json":
        show_json(
            [
                summary_json(
                    run,
                    places.get(run.id),
                    cut_off=run.id in dead,
                    waits=waits.get(run.id, ()),
                    parked=left.get(run.id, ""),
                )
                for run in found
            ]
        )
        return
    for line in summary_lines(found, places, dead, waits, left):
        show(line)
    if len(found) == last:
        tell(f"these are the newest {last}; --last shows more")


@command.command("show")
@click.argument("run")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json", "junit"]),
    default=None,
    help="Show the whole report, with plan, approvals, lines sent and states, in this form (default: the record as JSON).",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write it to this file instead of standard output.",
)
def show_run(run: str, form: str | None, output: Path | None) -> None:
    """Show RUN (the beginning of its id is enough): its record, or with --format the report of all that is known of it.

    What was approved by whom and by which means, what was sent, what it did to configuration and state, timings, rollback.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.history import history
    from nornflow.app.services.report import report_of
    from nornflow.cli.output import json_text, reader_may_leave, show, write_answer
    from nornflow.cli.report_view import report_in
    from nornflow.store.records import record_json

    project = load_project()
    with history(project) as store:
        found = store.find(run)
        text = json_text(record_json(store.record(found))) if form is None else report_in(form, report_of(store, found))
    text = project.redactor.text(text)
    if output is not None:
        write_answer(output, text)
        return
    with reader_may_leave():
        show(text.rstrip("\n"))


@command.command("logs")
@click.argument("run")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run has ended.")
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", help="How to show the events.")
def show_logs(run: str, follow: bool, form: str) -> None:
    """Show the events of RUN in order; with --follow also those of a run at work in another process.

    When that process dies, following ends with exit code 1 and says so.
    """
    import time

    from nornflow.app.build import load_project
    from nornflow.app.services.history import Watch, followed, history
    from nornflow.cli.output import show
    from nornflow.cli.runs_view import event_json, event_line

    with history(load_project()) as store:
        found = store.find(run)
        stored = (each.event for each in store.events(found))
        for event in followed(store, found, time.sleep, Watch(store, found)) if follow else stored:
            show(event_json(event) if form == "jsonl" else event_line(event))


@command.command("plan")
@click.argument("run")
@_FORMAT
def show_plan(run: str, form: str) -> None:
    """Show the plan that RUN asked about, and who answered what; runs that changed nothing asked about none."""
    from nornflow.app.build import load_project
    from nornflow.app.services.history import answers, history, last_plan
    from nornflow.cli.output import show, show_diff, show_json
    from nornflow.cli.runs_view import answer_lines
    from nornflow.model.plain import plain

    with history(load_project()) as store:
        found = store.find(run)
        said, plan = answers(store, found), last_plan(store, found)
    if form == "json":
        show_json({"answers": plain(said), "plan": plain(plan)})
    elif plan is None:
        show(f"run {found} asked about no plan")
    else:
        for line in answer_lines(plan, said):
            show_diff(line, coloured=True)


@command.command("diff")
@click.argument("first")
@click.argument("second")
@_FORMAT
def show_difference(first: str, second: str, form: str) -> None:
    """Show what differs between the runs FIRST and SECOND: inputs, planned and changed lines, and results."""
    from nornflow.app.build import load_project
    from nornflow.app.services.history import differences, history
    from nornflow.cli.output import show_diff, show_json
    from nornflow.cli.runs_view import difference_lines
    from nornflow.model.plain import plain

    with history(load_project()) as store:
        found = differences(store, first, second)
    if form == "json":
        show_json(plain(found))
        return
    for line in difference_lines(found):
        show_diff(line, coloured=True)


@command.command("stats")
@click.option(
    "--by", type=click.Choice(["workflow", "step", "platform"]), default="workflow", help="What the figures are of."
)
@_WORKFLOW
@_SINCE
@_FORMAT
def show_statistics(by: str, workflow: str, since: str, form: str) -> None:
    """Show how often workflows, steps or platforms did well, and how long they took (median and 95th percentile)."""
    from nornflow.app.build import load_project
    from nornflow.app.services.history import history
    from nornflow.cli.output import show, show_json
    from nornflow.cli.runs_view import statistic_lines
    from nornflow.model.history import Grouping
    from nornflow.model.plain import plain

    with history(load_project()) as store:
        found = store.statistics(Grouping(by), _query(workflow, since))
    if form == "json":
        show_json(plain(found))
        return
    for line in statistic_lines(found):
        show(line)


command.add_command(resume)
command.add_command(signal)


def _query(workflow: str, since: str, **more: object) -> RunQuery:
    from nornflow.app.services.moments import moment
    from nornflow.model.history import RunQuery

    start = moment(since, datetime.now(UTC)) if since else None
    return RunQuery(workflow=workflow, since=start, **more)  # type: ignore[arg-type]
