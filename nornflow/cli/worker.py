"""`nornflow worker`: carry out runs that were left to workers, those of some sites."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click


def _sites(ctx: click.Context, option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    from nornflow.app.sites.names import RULE, is_site

    for site in value:
        if not is_site(site):
            raise click.BadParameter(f"{site!r} is no name of a site ({RULE})", ctx, option)
    return tuple(dict.fromkeys(value))


@click.command(name="worker")
@click.option(
    "--site", "sites", multiple=True, metavar="NAME", callback=_sites, help="Take runs on devices of this site."
)
@click.option("--runs", is_flag=True, help="Take runs on devices of several sites, or of none.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 100),
    default=2,
    show_default=True,
    help="How many runs of each site at once; each has a process of its own.",
)
@click.option(
    "--grace",
    type=click.IntRange(0, 86_400),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="When told to end: how long runs at work may take until they are left to another worker.",
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
def command(sites: tuple[str, ...], runs: bool, concurrency: int, grace: int, config_file: Path | None) -> int:
    """Carry out runs that were left to workers (--detach), until SIGTERM or Ctrl-C.

    Then no further run is taken, and those at work have until --grace is over; a second signal leaves them at once. What is
    left is gone on with by another worker, and nothing is sent to a device twice.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.spec import settings_of
    from nornflow.app.services.plans.sealing import demands
    from nornflow.app.services.workers.call import LAST, Call
    from nornflow.app.services.workers.carrier import Carrier
    from nornflow.app.services.workers.serving import Worker
    from nornflow.cli.interrupt import hearing
    from nornflow.cli.output import quiet_libraries, tell
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.errors import UsageError
    from nornflow.model.submission import RUNS, Post

    places = (*sites, *((RUNS,) if runs else ()))
    if not places:
        raise UsageError("it is not said which runs to take", hint="give --site NAME, --runs, or both")
    quiet_libraries()
    project = load_project(config_file=config_file)
    warn_of_plugins(project.plugin_host)
    call = Call()

    def heard(name: str) -> None:
        if call.drain.is_set():
            tell(f"{name}: leaving what is at work", colour="red")
            call.hurry.set()
        else:
            tell(f"{name}: taking no further run; once more leaves those at work to others", colour="yellow")
            call.drain.set()

    options = ("--config", str(config_file.resolve())) if config_file else ()

    def end() -> None:
        tell(f"ended {LAST:.0f} s after the last call, in the middle of something that hangs", colour="red")
        os._exit(1)  # what it started sees its line cut

    post = Post(places, concurrency, demands(project), str(project.folder.resolve()), settings_of(project))
    carrier = partial(Carrier, folder=project.folder, options=options)
    with hearing(heard):
        call.end_in_time(grace, end)
        worker = Worker(project, post, call, carrier, grace=grace, tell=lambda text: tell(project.redactor.text(text)))
        return 0 if worker.work() else 1
