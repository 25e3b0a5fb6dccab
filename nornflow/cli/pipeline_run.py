"""`nornflow pipeline run`, `resume` and `cancel`, and what `run` starts for each run: the commands that lead a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nornflow.app.build import Project
    from nornflow.app.services.asking import Voices
    from nornflow.app.services.pipelines.lead import PipelineRequest
    from nornflow.model.pipeline import PipelineRecord

FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
CONFIG = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file."
)
FILE = click.argument("file", type=click.Path(path_type=Path))
INPUT = click.option(
    "-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE|@FILE", help="An input, or a YAML file of inputs."
)
INVENTORY = click.option(
    "--inventory", type=click.Path(path_type=Path), default=None, help="Another inventory folder or hosts file."
)
_YES = click.option("--yes", "-y", is_flag=True, help="Answer every question of every run with yes.")


@click.command("run")
@FILE
@INPUT
@INVENTORY
@CONFIG
@_YES
@click.option("--detach", is_flag=True, help="Leave the pipeline and its runs to workers, and return at once.")
@FORMAT
def run(
    file: Path,
    inputs: tuple[str, ...],
    inventory: Path | None,
    config_file: Path | None,
    yes: bool,
    detach: bool,
    form: str,
) -> int:
    """Run the pipeline FILE: each workflow as a run of its own, in its own process.

    A run that changes devices asks for a yes; no run of a pipeline has a terminal, so without --yes it ends with 4. Ctrl-C
    begins no further entry and ends the runs after the devices at work, a second one now, a third one leaves them alone.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.lead import detach_pipeline, run_pipeline

    project = load_project(config_file=config_file)
    request = request_of(file, inputs, inventory, config_file, yes=yes)
    if detach:
        _tell_detached(*detach_pipeline(project, request), form)
        return 0
    with _voices(form) as voices:
        record = run_pipeline(project, request, voices)
    return _end(project, record, form)


@click.command("resume")
@click.argument("pipeline", required=False, default="")
@click.option(
    "--all", "every", is_flag=True, help="Go on with every pipeline that can be, each in the background; for a timer."
)
@CONFIG
@_YES
@FORMAT
def resume(pipeline: str, every: bool, config_file: Path | None, yes: bool, form: str) -> int:
    """Go on with PIPELINE (the beginning of its id is enough), whose process died or which waits.

    Entries that have ended are not begun again; a run that was at work goes on by itself, or from its own journal.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.lead import resume_pipeline
    from nornflow.errors import UsageError

    if bool(pipeline) is every:
        raise UsageError("name a pipeline, or say --all", hint="nornflow pipeline list")
    project = load_project(config_file=config_file)
    request = request_of(Path(), (), None, config_file, yes=yes)
    if every:
        return _resume_all(project, request, form)
    with _voices(form) as voices:
        record = resume_pipeline(project, pipeline, voices, request)
    return _end(project, record, form)


def _resume_all(project: Project, request: PipelineRequest, form: str) -> int:
    from nornflow.app.services.pipelines.desk import resume_all
    from nornflow.cli.output import show, show_json

    found = resume_all(project, request)
    if form == "json":
        show_json(list(found))
        return 0
    for one in found:
        show(f"pipeline {one} goes on")
    if not found:
        show("no pipeline is to be gone on with")
    return 0


@click.command("cancel")
@click.argument("pipeline")
@click.option("--after-entries", "level", flag_value="after-entries", help="Let the runs at work end as they would.")
@click.option("--after-batch", "level", flag_value="after-batch", help="End the runs at work after their batch.")
@click.option(
    "--after-device", "level", flag_value="after-device", help="End the runs at work after the devices at work."
)
@click.option(
    "--now-and-roll-back",
    "level",
    flag_value="now-and-roll-back",
    help="End the runs at work now, and take back what they changed.",
)
@click.option("--wait", "until_end", is_flag=True, help="Return only when the pipeline has ended.")
@FORMAT
def cancel(pipeline: str, level: str | None, until_end: bool, form: str) -> None:
    """Have PIPELINE (the beginning of its id is enough) end early: no further entry is begun; say how runs at work end."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.desk import cancel_pipeline
    from nornflow.cli.output import show, show_json
    from nornflow.errors import UsageError
    from nornflow.model.plain import plain
    from nornflow.model.wish import Level

    if level is None:
        raise UsageError(
            "it is not said how the runs at work are to end",
            hint="give one of --after-entries, --after-batch, --after-device and --now-and-roll-back",
        )
    wanted = None if level == "after-entries" else Level(level)
    request = request_of(Path(), (), None, None, yes=False)
    with _voices(form) as voices:
        record = cancel_pipeline(load_project(), pipeline, wanted, voices, request, until_end=until_end)
    if form == "json":
        show_json({**plain(record), "ended": record.over})
    elif record.over:
        show(f"pipeline {record.id} has ended: {record.state}")
    else:
        show(f"pipeline {record.id} ends: {record.wish}")


@click.command("work", hidden=True)
@click.argument("pipeline")
@click.argument("entry")
@click.argument("run")
@CONFIG
@_YES
def work(pipeline: str, entry: str, run: str, config_file: Path | None, yes: bool) -> int:
    """Carry out RUN of an ENTRY; `pipeline run` starts this."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.work import work_on
    from nornflow.cli.ending import show_record
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.screen import screen_for

    project = load_project(config_file=config_file)
    with (
        screen_for(answer=True, mask=project.redactor.text, yes=yes) as screen,
        stopping_on_interrupt() as switch,
    ):
        record = work_on(project, pipeline, entry, run, screen.voices(switch))
    if record is None:
        return 0
    show_record(record, "text", project.redactor)
    return record.exit_code


def request_of(
    file: Path, inputs: tuple[str, ...], inventory: Path | None, config_file: Path | None, *, yes: bool
) -> PipelineRequest:
    """Return what the words of a command line ask for; every run is given the settings file that was named."""
    from nornflow.app.services.pipelines.lead import PipelineRequest

    options = ("--config", str(config_file.resolve())) if config_file is not None else ()
    return PipelineRequest(file, inputs, inventory, yes, options)


@contextmanager
def _voices(form: str) -> Iterator[Voices]:
    from nornflow.app.services.asking import Voices
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.output import quiet_libraries, tell
    from nornflow.cli.pipeline_view import PipelineScreen

    quiet_libraries()
    with stopping_on_interrupt() as switch:
        yield Voices(observers=(PipelineScreen(answer=form == "text"),), switch=switch, notice=tell)


def _tell_detached(record: PipelineRecord, notice: str, form: str) -> None:
    from nornflow.cli.output import show, show_json, tell
    from nornflow.model.plain import plain

    if notice:
        tell(f"note: {notice}", colour="yellow")
    if form == "json":
        show_json(plain(record))
    else:
        show(record.id)
        tell(f"left to workers: nornflow pipeline show {record.id}")


def _end(project: Project, record: PipelineRecord, form: str) -> int:
    from nornflow.app.services.pipelines.desk import PipelineView, pipeline_of_id
    from nornflow.cli.output import show, show_json
    from nornflow.cli.pipeline_view import view_json, view_lines

    # of one that waits it is to be said who goes on with it
    view = PipelineView(record) if record.over else pipeline_of_id(project, record.id)
    if form == "json":
        show_json(project.redactor.value(view_json(view)))
    else:
        for line in view_lines(view):
            show(project.redactor.text(line))
    return record.exit_code
