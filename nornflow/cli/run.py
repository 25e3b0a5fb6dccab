"""`nornflow run`: plan, ask, apply in batches, verify, and take back what must not stay."""

from __future__ import annotations

from pathlib import Path

import click

from nornflow.cli.change_options import DETACH, FORM, LOCKED, change_options, overrides

LONGEST = "1h"
"""How long a run that comes after others waits for them when nobody says otherwise."""


@click.command(name="run")
@change_options
@click.option("--yes", "-y", is_flag=True, help="Answer every question with yes: apply what was planned.")
@LOCKED
@click.option(
    "--after",
    "awaited",
    multiple=True,
    metavar="RUN[:ON]",
    help="Begin when RUN has ended; ON is success (the default), failure or completion.",
)
@click.option(
    "--within",
    default="",
    metavar="TIME",
    help="How long to wait for the runs of --after at most (default: 1h).",
)
@DETACH
@FORM
def command(
    workflow: Path,
    inputs: tuple[str, ...],
    limit: str,
    profile: str,
    inventory: Path | None,
    config_file: Path | None,
    workers: int | None,
    yes: bool,
    locked: str | None,
    awaited: tuple[str, ...],
    within: str,
    detach: bool,
    form: str,
) -> int:
    """Plan WORKFLOW, ask, apply it in batches, verify, and roll back what must not stay.

    Ctrl-C stops after the devices at work, a second one now (what must not stay is taken back), a third one gives that up too.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.change import Request, run_change
    from nornflow.cli.ending import show_record
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.cli.screen import screen_for
    from nornflow.errors import UsageError

    if within and not awaited:
        raise UsageError("--within is how long to wait for the runs of --after, and none is named", hint="--after RUN")
    project = load_project(config_file=config_file, overrides=overrides(workers))
    warn_of_plugins(project.plugin_host)
    request = Request(workflow, inputs, limit, profile, inventory, locked=locked or "")
    if detach:
        from nornflow.app.services.workers.submitting import submit_change
        from nornflow.cli.left import demand_here, show_left
        from nornflow.cli.output import tell

        demand_here(workers, form, after=bool(awaited))
        show_left(submit_change(project, request, yes=yes, notice=tell), form)
        return 0
    with (
        screen_for(answer=form == "text", mask=project.redactor.text, yes=yes) as screen,
        stopping_on_interrupt() as switch,
    ):
        voices = screen.voices(switch)
        if awaited:
            from nornflow.app.services.waits.awaiting import after_run, await_runs, seconds_of

            await_runs(project, [after_run(word) for word in awaited], seconds_of(within or LONGEST), voices)
        record = run_change(project, request, voices)
    show_record(record, form, project.redactor)
    return record.exit_code
