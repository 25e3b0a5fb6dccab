"""`nornflow runs resume`: go on with a run whose process died."""

from __future__ import annotations

import click

from nornflow.cli.change_options import DETACH, FORM


@click.command("resume")
@click.argument("run")
@click.option(
    "--hosts",
    type=click.Choice(["failed"]),
    default=None,
    help="RUN has ended: run its change again on the devices that ended badly.",
)
@click.option(
    "--from",
    "step",
    default="",
    metavar="STEP",
    help="Do this step of the run, which was cut off, once more; with --hosts: begin there.",
)
@click.option("--yes", "-y", is_flag=True, help="Answer every question with yes.")
@DETACH
@FORM
def command(run: str, hosts: str | None, step: str, yes: bool, detach: bool, form: str) -> int:
    """Go on with RUN, whose process died, to its end.

    Devices that were done are left alone. Those at work are read and compared: what was sent is not sent again, and what
    nobody can tell is reported as unknown. With --hosts failed an ended RUN is not touched: its change, as it was kept,
    becomes a new run, planned and asked about anew. With --detach a worker goes on with RUN, also when it was parked.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.again import run_failed_again
    from nornflow.app.services.resume import Wanted, resume_run
    from nornflow.cli.ending import show_record
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.cli.screen import screen_for

    project = load_project()
    warn_of_plugins(project.plugin_host)
    if detach:
        from nornflow.app.services.workers.submitting import submit_again
        from nornflow.cli.left import demand_whole, show_left

        demand_whole(hosts, step, form)
        show_left(submit_again(project, run, yes=yes), form)
        return 0
    with (
        screen_for(answer=form == "text", mask=project.redactor.text, yes=yes) as screen,
        stopping_on_interrupt() as switch,
    ):
        voices = screen.voices(switch)
        if hosts:
            record = run_failed_again(project, run, voices, step)
        else:
            record = resume_run(project, Wanted(run, step), voices)
    show_record(record, form, project.redactor)
    return record.exit_code
