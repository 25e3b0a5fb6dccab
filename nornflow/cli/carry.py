"""`nornflow runs carry`: what a worker starts for each run; not for people."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("carry", hidden=True)
@click.option("--line", type=int, required=True, help="The file descriptor of the line to the worker.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
def command(line: int, config_file: Path | None) -> int:
    """Go on with the run that the worker names, or with its part at one site, and tell the worker what came of it."""
    from nornflow.app.build import load_project
    from nornflow.app.services.asking import Voices
    from nornflow.app.services.carrier import Line
    from nornflow.app.services.carrying import Came, Carried, carry_on, stopped_by, warmed_up
    from nornflow.app.sites.part import work_on_part
    from nornflow.cli.output import quiet_libraries, tell
    from nornflow.cli.strays import strays_shown
    from nornflow.engine.cancel import StopSwitch
    from nornflow.errors import NornFlowError

    switch = StopSwitch()
    worker = Line(line, switch.leave)
    quiet_libraries()
    try:
        before = warmed_up(load_project(config_file=config_file))
        run, site = worker.run()
        project = load_project(config_file=config_file)  # as it is now
        with strays_shown(lambda text: tell(project.redactor.text(text)), answer=False):
            if site:
                work_on_part(project, run, site)
                carried = Carried(Came.ENDED)
            else:
                carried = carry_on(project, run, Voices(switch=switch), before)
        worker.say(project.redactor.text(carried.written()))
    except NornFlowError as error:
        worker.run()
        worker.say(stopped_by(error).written())
    return 0
