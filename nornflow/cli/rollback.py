"""`nornflow rollback`: take back what a run changed, any time later."""

from __future__ import annotations

from pathlib import Path

import click

from nornflow.cli.change_options import devices, named, overrides


@click.command(name="rollback")
@click.argument("run")
@click.option(
    "--hosts",
    default="",
    callback=devices,
    metavar="A,B",
    help="Only these devices (default: all that RUN changed).",
)
@click.option("--merge", is_flag=True, help="Reverse only what RUN itself changed; what others changed since stays.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and do nothing.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="Seal what would be done into this plan file, and do nothing.",
)
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path),
    default=None,
    metavar="KEY",
    help="Sign that plan with this Ed25519 private key.",
)
@click.option(
    "--profile", default="", callback=named, metavar="NAME", help="The security profile (default: the settings')."
)
@click.option("--yes", "-y", is_flag=True, help="Answer every question with yes: send what was planned.")
@click.option(
    "--locked",
    type=click.Choice(["wait", "fail", "skip"]),
    default=None,
    help="About devices that another run holds: wait for them, fail, or leave them out (default: locks.when_held).",
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
@click.option("--workers", type=click.IntRange(1, 1000), default=None, help="On how many devices at once a step works.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit", "markdown"]),
    default="text",
    help="How to show the result.",
)
def command(
    run: str,
    hosts: str,
    merge: bool,
    only_plan: bool,
    output: Path | None,
    key: Path | None,
    profile: str,
    yes: bool,
    locked: str | None,
    config_file: Path | None,
    workers: int | None,
    form: str,
) -> int:
    """Take back what RUN changed: bring each device from what the run left to what it found there.

    This is a run of its own: planned, judged by the profile, asked about, sent one device first, and proved by reading. A
    device that is not as RUN left it is stale and left alone. Ends with 1 when a device did not come back, 5 when all
    are stale.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.rolling_back import Wanted, plan_rollback, roll_back_run, seal_rollback
    from nornflow.cli.ending import show_record
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.plan import show_plan
    from nornflow.cli.planned import tell_sealed
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.cli.screen import screen_for
    from nornflow.errors import UsageError

    project = load_project(config_file=config_file, overrides=overrides(workers))
    warn_of_plugins(project.plugin_host)
    names = tuple(name.strip() for name in hosts.split(",") if name.strip())
    wanted = Wanted(run, names, merge, profile, locked or "")
    with (
        screen_for(
            answer=form == "text" and not only_plan and output is None, mask=project.redactor.text, yes=yes
        ) as screen,
        stopping_on_interrupt() as switch,
    ):
        voices = screen.voices(switch)
        if key is not None and output is None:
            raise UsageError("--sign signs a plan file, and there is none", hint="name one: -o FILE")
        sealed = None
        if output is not None:
            planned, sealed = seal_rollback(project, wanted, voices, output, key)
        elif only_plan:
            planned = plan_rollback(project, wanted, voices)
        else:
            record = roll_back_run(project, wanted, voices)
    if only_plan or sealed is not None:
        code = show_plan(planned, form, project.redactor)
        if sealed is not None and output is not None:
            tell_sealed(project, sealed, output)
        return code
    show_record(record, form, project.redactor)
    return record.exit_code
