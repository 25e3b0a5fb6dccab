"""`nornflow pipeline`: check, plan, run, show and end pipelines of workflows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nornflow.cli.pipeline_run import CONFIG, FILE, FORMAT, INPUT, INVENTORY, cancel, request_of, resume, run, work

if TYPE_CHECKING:
    from nornflow.app.services.pipelines.plan import PlannedEntry

STATES = ("running", "waiting", "succeeded", "failed", "cancelled", "timed_out")
"""The values of `model.pipeline.PipelineState`, which is not imported to show help."""


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
@CONFIG
def validate(files: tuple[Path, ...], form: str, config_file: Path | None) -> int:
    """Check pipeline FILES and the workflows that they name, and report every problem at once."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.file import checked_pipeline
    from nornflow.cli.output import show
    from nornflow.workflow.reports import report

    project = load_project(config_file=config_file)
    results = [result for file in files for result in checked_pipeline(project, file).results]
    said = report(results, form).removesuffix("\n")
    if said:
        show(said)
    return 0 if all(result.ok for result in results) else 2


@command.command("plan")
@FILE
@INPUT
@INVENTORY
@CONFIG
@click.option("--detailed-exitcode", is_flag=True, help="End with 10 when there are changes.")
@FORMAT
def plan(
    file: Path,
    inputs: tuple[str, ...],
    inventory: Path | None,
    config_file: Path | None,
    detailed_exitcode: bool,
    form: str,
) -> int:
    """Plan each workflow of the pipeline FILE on the devices as they are now; nothing is written.

    An entry whose inputs come from the outputs of others cannot be planned before these have run, and is told so. Ends with
    3 when the plan of one is denied, and with 1 when a device of one could not be planned.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.plan import plan_pipeline
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.output import show, show_diff, show_json
    from nornflow.cli.plan import plan_exit
    from nornflow.cli.plan_view import plan_text
    from nornflow.cli.screen import screen_for

    project = load_project(config_file=config_file)
    request = request_of(file, inputs, inventory, None, yes=False)
    with (
        screen_for(answer=False, mask=project.redactor.text) as screen,
        stopping_on_interrupt() as switch,
    ):
        found = list(plan_pipeline(project, request, screen.voices(switch)))
    if form == "json":
        show_json(project.redactor.value([_planned_json(one) for one in found]))
    for each in found if form == "text" else ():
        show(f"{each.entry} ({each.workflow}):" + (f" not planned: {each.why}" if each.why else ""))
        for line in plan_text(each.planned) if each.planned is not None else ():
            show_diff(f"  {project.redactor.text(line)}", coloured=True)
    plans = [one.planned for one in found if one.planned is not None]
    ended = max(map(plan_exit, plans), default=0)
    return 10 if not ended and detailed_exitcode and any(one.plan.changes for one in plans) else ended


def _planned_json(one: PlannedEntry) -> dict[str, Any]:
    from nornflow.cli.plan_view import plan_json

    about = {"entry": one.entry, "workflow": one.workflow, "why": one.why}
    return {**about, "plan": plan_json(one.planned) if one.planned is not None else None}


@command.command("list")
@click.option("--status", type=click.Choice(STATES), default=None, help="Only pipelines in this state.")
@click.option("--name", default="", metavar="NAME", help="Only pipelines of this name.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@FORMAT
def list_pipelines(status: str | None, name: str, last: int, form: str) -> None:
    """List the pipelines of this project, newest first."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.desk import pipelines_of
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
@FORMAT
def show_pipeline(pipeline: str, form: str) -> None:
    """Show PIPELINE (the beginning of its id is enough): where each entry stands, its run, and what it waits for."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.desk import pipeline_of_id
    from nornflow.cli.output import show, show_json
    from nornflow.cli.pipeline_view import view_json, view_lines

    view = pipeline_of_id(load_project(), pipeline)
    if form == "json":
        show_json(view_json(view))
        return
    for line in view_lines(view):
        show(line)


@command.command("graph")
@FILE
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "dot"]), default="text", help="How to draw.")
@CONFIG
def graph(file: Path, form: str, config_file: Path | None) -> None:
    """Draw the entries of the pipeline FILE: what comes after what, and on which condition."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pipelines.file import usable_pipeline
    from nornflow.cli.output import show
    from nornflow.workflow.pipeline_graph import draw_pipeline

    show(draw_pipeline(usable_pipeline(load_project(config_file=config_file), file), form).removesuffix("\n"))


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema (draft-07) of pipeline files; editors complete and check them with it."""
    from nornflow.cli.output import show_json
    from nornflow.workflow.pipeline_keys import pipeline_schema

    show_json(pipeline_schema())


for each in (run, resume, cancel, work):
    command.add_command(each)
