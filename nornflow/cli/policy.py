"""`nornflow policy`: what a profile allows a workflow, and which rule says so."""

from __future__ import annotations

from pathlib import Path

import click

from nornflow.cli.change_options import named


@click.group(name="policy")
def command() -> None:
    """Explain what a profile allows a workflow."""


@command.command("explain")
@click.argument("workflow", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    default="",
    callback=named,
    metavar="NAME",
    help="The profile (default: the workflow's, then the settings').",
)
@click.option("-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE|@FILE", help="Inputs to check as well.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
@click.pass_context
def explain(
    ctx: click.Context, workflow: Path, profile: str, inputs: tuple[str, ...], form: str, config_file: Path | None
) -> None:
    """Tell for each step of WORKFLOW what it needs, whether it is allowed, and which rule decided.

    Exit code 0 when everything is allowed, 3 otherwise.
    """
    from dataclasses import asdict

    from nornflow.app.build import load_project
    from nornflow.app.services.explain import explain_policy
    from nornflow.cli.output import show, show_json

    explained = explain_policy(load_project(config_file=config_file), workflow, profile, inputs)
    if form == "json":
        show_json({**asdict(explained), "allowed": explained.allowed})
    else:
        verdict = "is allowed" if explained.allowed else "is denied"
        show(f"{explained.workflow} {verdict} under profile {explained.profile}")
        for row in explained.rows:
            place = f"  [{row.where}]" if row.where else ""
            show(f"  {'allow' if row.allowed else 'deny '}  {row.step or '(the run)'}: {row.needs}: {row.rule}{place}")
            if row.hint and not row.allowed:
                show(f"         {row.hint}")
        for note in explained.later:
            show(f"  later  {note}")
    ctx.exit(0 if explained.allowed else 3)
