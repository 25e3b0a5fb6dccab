"""`nornflow runs cancel`: have a run that is at work, or waits, in another process end early."""

from __future__ import annotations

import click


@click.command(name="cancel")
@click.argument("run")
@click.option("--after-batch", "level", flag_value="after-batch", help="Begin no further batch of devices.")
@click.option(
    "--after-device",
    "level",
    flag_value="after-device",
    help="Let the devices at work end their step, begin nothing else.",
)
@click.option(
    "--now-and-roll-back",
    "level",
    flag_value="now-and-roll-back",
    help="End the work on all devices now, and take back everything that the run changed.",
)
@click.option("--wait", "until_end", is_flag=True, help="Return only when the run has ended.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
def command(run: str, level: str | None, until_end: bool, form: str) -> None:
    """Have RUN (the beginning of its id is enough) end early; say how.

    A run that waits (for its turn, for a device, for an answer, between two batches) ends at once. A run can be
    cancelled again to end earlier, but never later. One that waits for people, a time or a signal has no process: this
    one takes back what has to be, and ends it.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.cancel import cancel_run
    from nornflow.app.services.waits.going_on import end_waiting
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.output import show, show_json
    from nornflow.cli.screen import screen_for
    from nornflow.errors import UsageError
    from nornflow.model.plain import plain
    from nornflow.model.wish import Level

    if level is None:
        raise UsageError(
            "it is not said how the run is to end",
            hint="give one of --after-batch, --after-device and --now-and-roll-back",
        )
    project = load_project()
    found = cancel_run(project, run, Level(level), until_end=until_end)
    if found.waits:
        with screen_for(answer=False, mask=project.redactor.text) as screen, stopping_on_interrupt() as switch:
            found = end_waiting(project, found, screen.voices(switch), until_end=until_end)
    if form == "json":
        show_json({**plain(found), "ended": found.ended})
    elif found.ended:
        show(f"run {found.run} has ended: {found.state}")
    elif found.heard:
        show(f"run {found.run} ends: {found.wish.level}, asked for by {found.wish.by}")
    else:
        show(
            f"run {found.run} is {found.state}, and {found.process} has not heard it yet; the wish stays:"
            f" {found.wish.level}"
        )
