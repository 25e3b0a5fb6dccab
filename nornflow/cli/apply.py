"""`nornflow apply`: apply a sealed plan, exactly as it was approved, where devices are still as it found them."""

from __future__ import annotations

from pathlib import Path

import click

from nornflow.cli.change_options import DETACH, FORM, LOCKED, overrides

_PATH = click.Path(path_type=Path)


@click.command(name="apply")
@click.argument("file", type=_PATH)
@click.option("--verify", "key", type=_PATH, default=None, metavar="KEY", help="Only a plan signed by this public key.")
@click.option("--strict", is_flag=True, help="Change no device when one of them is stale.")
@click.option("--replan-stale", is_flag=True, help="Plan again for the stale devices alone, into a file of its own.")
@click.option("-o", "--output", type=_PATH, default=None, help="Where that plan goes (default: FILE with -stale).")
@click.option("--sign", "secret", type=_PATH, default=None, metavar="KEY", help="Sign that plan with this private key.")
@click.option(
    "--yes", "-y", is_flag=True, help="Answer every question with yes; approvals of others it does not replace."
)
@LOCKED
@DETACH
@click.option("--config", "config_file", type=_PATH, default=None, help="Another settings file.")
@click.option("--workers", type=click.IntRange(1, 1000), default=None, help="On how many devices at once a step works.")
@FORM
def command(
    file: Path,
    key: Path | None,
    strict: bool,
    replan_stale: bool,
    output: Path | None,
    secret: Path | None,
    yes: bool,
    locked: str | None,
    detach: bool,
    config_file: Path | None,
    workers: int | None,
    form: str,
) -> int:
    """Apply the plan in FILE: nothing but its lines is sent, and nothing to a device that has drifted since.

    Ends with 4 when approvals are missing and with 5 when nothing could be applied because it is stale.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.plans.applying import Wanted, apply_plan, stale_hosts
    from nornflow.app.services.plans.applying import replan_stale as replan
    from nornflow.app.services.plans.files import read_plan
    from nornflow.cli.ending import show_record
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.output import tell
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.cli.screen import screen_for

    project = load_project(config_file=config_file, overrides=overrides(workers))
    warn_of_plugins(project.plugin_host)
    plan = read_plan(file, key)
    if detach:
        from nornflow.app.services.workers.submitting import submit_plan
        from nornflow.cli.left import demand_here, show_left

        demand_here(workers, form, replan_stale=replan_stale)
        show_left(submit_plan(project, plan, Wanted(strict, locked or ""), yes=yes), form)
        return 0
    with (
        screen_for(answer=form == "text", mask=project.redactor.text, yes=yes) as screen,
        stopping_on_interrupt() as switch,
    ):
        record = apply_plan(project, plan, screen.voices(switch), Wanted(strict, locked or ""))
        stale = stale_hosts(record)
        made = None
        if replan_stale and stale and not switch.stopping:
            target = output or file.with_name(f"{file.stem}-stale{file.suffix}")
            made = replan(project, plan, stale, screen.voices(switch), target, secret)
    show_record(record, form, project.redactor)
    if made is not None:
        tell(f"sealed a new plan for {len(stale)} stale devices in {target}: sha256 {made.hash}")
        tell("it needs approvals of its own: nornflow plan show, nornflow approve")
    return record.exit_code
