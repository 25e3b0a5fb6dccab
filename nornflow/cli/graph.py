"""`nornflow graph`: draw the steps of a workflow."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("graph")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "dot"]), default="text", help="How to draw.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
def command(file: Path, form: str, config_file: Path | None) -> int:
    """Draw the steps of the workflow FILE: what waits for what, and what can run in parallel."""
    from nornflow.app.build import load_project
    from nornflow.app.services.validate import validate_file
    from nornflow.cli.output import show, tell
    from nornflow.workflow.graph import draw
    from nornflow.workflow.reports import report

    result, _ = validate_file(file, load_project(config_file=config_file))
    if result.workflow is None:
        tell(report([result]).removesuffix("\n"))
        return 2
    show(draw(result.workflow, form).removesuffix("\n"))
    return 0
