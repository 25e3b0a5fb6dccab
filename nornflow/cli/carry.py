"""`nornflow runs carry`: what a worker starts for each run; not for people."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("carry", hidden=True)
@click.argument("run")
@click.option("--line", type=int, required=True, help="The file descriptor of the line to the worker.")
@click.option("--site", default="", help="Do the part of this site, and no more.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
def command(run: str, line: int, site: str, config_file: Path | None) -> int:
    """Go on with RUN, or with its part at one site, which was left to workers, and tell the worker what came of it."""
    from nornflow.app.build import load_project
    from nornflow.app.services.asking import Voices
    from nornflow.app.services.carrier import hold_line
    from nornflow.app.services.carrying import Came, Carried, carry_on
    from nornflow.app.sites.part import work_on_part
    from nornflow.cli.output import quiet_libraries, tell
    from nornflow.cli.strays import strays_shown
    from nornflow.engine.cancel import StopSwitch

    switch = StopSwitch()
    worker = hold_line(line, switch.leave)
    quiet_libraries()
    project = load_project(config_file=config_file)
    with strays_shown(lambda text: tell(project.redactor.text(text)), answer=False):
        if site:
            work_on_part(project, run, site)
            carried = Carried(Came.ENDED)
        else:
            carried = carry_on(project, run, Voices(switch=switch))
    worker.sendall(project.redactor.text(carried.written()).encode())
    return 0
