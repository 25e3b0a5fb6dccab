"""`nornflow runs carry`: what a worker starts for each run; not for people."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click


@click.command("carry", hidden=True)
@click.option("--line", type=int, required=True, help="The file descriptor of the line to the worker.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
def command(line: int, config_file: Path | None) -> int:
    """Do the errand of a worker (a run, its part at one site, or an entry of a pipeline), and tell it what came of that."""
    from nornflow.app.build import load_project
    from nornflow.app.services.asking import Voices
    from nornflow.app.services.pipelines.work import leave_run
    from nornflow.app.services.workers.carrier import Line
    from nornflow.app.services.workers.carrying import Came, Carried, carry_on, stopped_by, warmed_up
    from nornflow.app.sites.part import work_on_part
    from nornflow.cli.output import quiet_libraries, tell
    from nornflow.cli.strays import strays_shown
    from nornflow.engine.cancel import StopSwitch
    from nornflow.errors import NornFlowError

    switch = StopSwitch()
    worker = Line(line, switch.leave)
    quiet_libraries()
    before = None
    with suppress(NornFlowError):  # it may be mended until there is a run
        before = warmed_up(load_project(config_file=config_file))
    errand = worker.errand()
    try:
        project = load_project(config_file=config_file)  # as it is now
        with strays_shown(lambda text: tell(project.redactor.text(text)), answer=False):
            carried = Carried(Came.ENDED)
            if errand.site:
                if not work_on_part(project, errand.run, errand.site, lambda: switch.leaving):
                    carried = Carried(Came.AGAIN, text="left between two orders")
            elif errand.pipeline:
                leave_run(project, errand.pipeline, errand.entry, errand.run)
            else:
                carried = carry_on(project, errand.run, Voices(switch=switch), before or warmed_up(project))
        worker.say(project.redactor.text(carried.written()))
    except NornFlowError as error:
        worker.say(stopped_by(error).written())
    return 0
