"""`nornflow pipeline`: check, plan, run, show and end pipelines of workflows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nornflow.app.build import Project
    from nornflow.app.services.asking import Voices
    from nornflow.app.services.pipeline_lead import PipelineRequest
    from nornflow.model.pipeline import PipelineRecord

STATES = ("running", "waiting", "succeeded", "failed", "cancelled", "timed_out")
"""The values of `model.pipeline.PipelineState`, which is not imported to show help."""

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
_CONFIG = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file."
)
_YES = click.option("--yes", "-y", is_flag=True, help="Answer every question of every run with yes.")
_FILE = click.argument("file", type=click.Path(path_type=Path))
_INPUT = click.option(
    "-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE|@FILE", help="An input, or a YAML file of inputs."
)
_INVENTORY = click.option(
    "--inventory", type=click.Path(path_type=Path), default=None, help="Another inventory folder or hosts file."
)


@click.group(name="pipeline")
def command() -> None:
    """Run workflows after each other or at once, as a file says; each is an ordinary run."""


@command.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "junit", "github"]),
    default="text",
    help="How to report.",
)
@_CONFIG
def validate(files: tuple[Path, ...], form: str, config_file: Path | None) -> int:
    """Check pipeline FILES and the workflows that they name, and report every problem at once."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_file import checked_pipeline
    from nornflow.cli.output import show
    from nornflow.workflow.reports import report

    project = load_project(config_file=config_file)
    results = [result for file in files for result in checked_pipeline(project, file).results]
    said = report(results, form).removesuffix("\n")
    if said:
        show(said)
    return 0 if all(result.ok for result in results) else 2


@command.command("plan")
@_FILE
@_INPUT
@_INVENTORY
@_CONFIG
@click.option("--detailed-exitcode", is_flag=True, help="End with 10 when there are changes.")
def plan(
    file: Path, inputs: tuple[str, ...], inventory: Path | None, config_file: Path | None, detailed_exitcode: bool
) -> int:
    """Plan each workflow of the pipeline FILE on the devices as they are now; nothing is written.

    An entry whose inputs come from the outputs of others cannot be planned before these have run, and is told so.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_plan import plan_pipeline
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.output import show, show_diff
    from nornflow.cli.plan_view import plan_text
    from nornflow.cli.screen import screen_for

    project = load_project(config_file=config_file)
    request = _request(file, inputs, inventory, None, yes=False)
    with (
        screen_for(answer=False, mask=project.redactor.text) as screen,
        stopping_on_interrupt() as switch,
    ):
        found = list(plan_pipeline(project, request, screen.voices(switch)))
    for each in found:
        show(f"{each.entry} ({each.workflow}):" + (f" not planned: {each.why}" if each.why else ""))
        for line in plan_text(each.planned) if each.planned is not None else ():
            show_diff(f"  {project.redactor.text(line)}", coloured=True)
    changes = any(each.planned is not None and each.planned.plan.changes for each in found)
    return 10 if changes and detailed_exitcode else 0


@command.command("run")
@_FILE
@_INPUT
@_INVENTORY
@_CONFIG
@_YES
@click.option("--detach", is_flag=True, help="Return at once; another process leads the pipeline.")
@_FORMAT
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
    from nornflow.app.services.pipeline_lead import detach_pipeline, run_pipeline

    project = load_project(config_file=config_file)
    request = _request(file, inputs, inventory, config_file, yes=yes)
    if detach:
        _tell_detached(detach_pipeline(project, request), form)
        return 0
    with _voices(form) as voices:
        record = run_pipeline(project, request, voices)
    return _end(project, record, form)


@command.command("resume")
@click.argument("pipeline")
@_CONFIG
@_YES
@_FORMAT
def resume(pipeline: str, config_file: Path | None, yes: bool, form: str) -> int:
    """Go on with PIPELINE (the beginning of its id is enough), whose process died or which waits.

    Entries that have ended are not begun again; a run that was at work goes on by itself, or from its own journal.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_lead import resume_pipeline

    project = load_project(config_file=config_file)
    with _voices(form) as voices:
        record = resume_pipeline(project, pipeline, voices, _request(Path(), (), None, config_file, yes=yes))
    return _end(project, record, form)


@command.command("list")
@click.option("--status", type=click.Choice(STATES), default=None, help="Only pipelines in this state.")
@click.option("--name", default="", metavar="NAME", help="Only pipelines of this name.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@_FORMAT
def list_pipelines(status: str | None, name: str, last: int, form: str) -> None:
    """List the pipelines of this project, newest first."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_desk import pipelines_of
    from nornflow.cli.output import show, show_json
    from nornflow.cli.pipeline_view import list_lines, view_json
    from nornflow.model.pipeline import PipelineState

    found = pipelines_of(load_project(), PipelineState(status) if status else None, last, name)
    if form == "json":
        show_json([view_json(view) for view in found])
        return
    for line in list_lines(found):
        show(line)


@command.command("show")
@click.argument("pipeline")
@_FORMAT
def show_pipeline(pipeline: str, form: str) -> None:
    """Show PIPELINE (the beginning of its id is enough): where each entry stands, its run, and what it waits for."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_desk import pipeline_of_id
    from nornflow.cli.output import show, show_json
    from nornflow.cli.pipeline_view import view_json, view_lines

    view = pipeline_of_id(load_project(), pipeline)
    if form == "json":
        show_json(view_json(view))
        return
    for line in view_lines(view):
        show(line)


@command.command("cancel")
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
@_FORMAT
def cancel(pipeline: str, level: str | None, until_end: bool, form: str) -> None:
    """Have PIPELINE (the beginning of its id is enough) end early: no further entry is begun; say how runs at work end."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_desk import cancel_pipeline
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
    request = _request(Path(), (), None, None, yes=False)
    with _voices(form) as voices:
        record = cancel_pipeline(load_project(), pipeline, wanted, voices, request, until_end=until_end)
    if form == "json":
        show_json({**plain(record), "ended": record.over})
    elif record.over:
        show(f"pipeline {record.id} has ended: {record.state}")
    else:
        show(f"pipeline {record.id} ends: {record.wish}")


@command.command("graph")
@_FILE
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "dot"]), default="text", help="How to draw.")
@_CONFIG
def graph(file: Path, form: str, config_file: Path | None) -> None:
    """Draw the entries of the pipeline FILE: what comes after what, and on which condition."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_file import usable_pipeline
    from nornflow.cli.output import show
    from nornflow.workflow.pipeline_graph import draw_pipeline

    show(draw_pipeline(usable_pipeline(load_project(config_file=config_file), file), form).removesuffix("\n"))


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema (draft-07) of pipeline files; editors complete and check them with it."""
    from nornflow.cli.output import show_json
    from nornflow.workflow.pipeline_keys import pipeline_schema

    show_json(pipeline_schema())


@command.command("work", hidden=True)
@click.argument("pipeline")
@click.argument("entry")
@click.argument("run")
@_CONFIG
@_YES
def work(pipeline: str, entry: str, run: str, config_file: Path | None, yes: bool) -> int:
    """Carry out RUN of an ENTRY; `pipeline run` starts this."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipeline_work import work_on
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


def _request(
    file: Path, inputs: tuple[str, ...], inventory: Path | None, config_file: Path | None, *, yes: bool
) -> PipelineRequest:
    from nornflow.app.services.pipeline_lead import PipelineRequest

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


def _tell_detached(record: PipelineRecord, form: str) -> None:
    from nornflow.cli.output import show, show_json
    from nornflow.model.plain import plain

    if form == "json":
        show_json(plain(record))
    else:
        show(f"pipeline {record.id} is begun; see how it stands: nornflow pipeline show {record.id}")


def _end(project: Project, record: PipelineRecord, form: str) -> int:
    from nornflow.app.services.pipeline_desk import PipelineView
    from nornflow.cli.output import show, show_json
    from nornflow.cli.pipeline_view import view_json, view_lines

    view = PipelineView(record, False, {})
    if form == "json":
        show_json(project.redactor.value(view_json(view)))
    else:
        for line in view_lines(view):
            show(project.redactor.text(line))
    return record.exit_code
