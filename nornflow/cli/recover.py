"""`nornflow recover`: take back what runs changed that died before it was confirmed."""

from __future__ import annotations

import click


@click.command(name="recover")
@click.option("--run", default="", metavar="RUN", help="Only this run (the beginning of its id is enough).")
@click.option("--list", "only_list", is_flag=True, help="Show what would be recovered, and do nothing.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show the runs' records."
)
def command(run: str, only_list: bool, form: str) -> int:
    """Take back what dead runs changed and nobody confirmed.

    A workflow with `confirm:` changes devices on trial. When its process dies before they are confirmed, devices with a
    timer of their own come back by themselves; the others wait for this command. It reads all of them, takes back what
    is not back, and ends the run. The exit code is 1 when a device is not back at its pre-image.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.recover import recover_run, recoverable
    from nornflow.cli.ending import show_record
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.output import show, show_error, show_json
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.cli.recover_view import records_json, waiting_json, waiting_lines
    from nornflow.cli.screen import screen_for
    from nornflow.errors import NornFlowError
    from nornflow.model.run import RunRecord, RunState

    project = load_project()
    warn_of_plugins(project.plugin_host)
    waiting = recoverable(project) if only_list or not run else {}
    if only_list:
        chosen = {name: hosts for name, hosts in waiting.items() if name.startswith(run)}
        if form == "json":
            show_json(waiting_json(chosen))
        else:
            for line in waiting_lines(chosen):
                show(line)
        return 0
    records: list[RunRecord] = []
    errors: list[NornFlowError] = []
    with (
        screen_for(answer=form == "text", mask=project.redactor.text, yes=True) as screen,
        stopping_on_interrupt() as switch,
    ):
        for name in [run] if run else waiting:
            try:
                records.append(recover_run(project, name, screen.voices(switch)))
            except NornFlowError as error:
                if run:
                    raise
                errors.append(error)  # the devices of the other runs do not wait for this one
    if form == "json":
        show_json(project.redactor.value(records_json(records)))
    else:
        for record in records:
            show_record(record, form, project.redactor)
        if not records and not errors:
            show("nothing to recover: no run that died has changes which wait to be confirmed")
    for left in errors:
        show_error(left)
    return max((left.exit_code for left in errors), default=0) or int(
        any(record.state is RunState.ROLLBACK_FAILED for record in records)
    )
