"""`nornflow config`: the settings in force, where each came from, and whether a file is in order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nornflow.cli.output import show, show_json

if TYPE_CHECKING:
    from nornflow.settings import Problem, Settings


@click.group()
@click.option("--config", type=click.Path(path_type=Path), help="A settings file that wins over the project's.")
@click.pass_context
def command(ctx: click.Context, config: Path | None) -> None:
    """Show, explain and check settings."""
    ctx.ensure_object(dict)["config"] = config


def _settings(ctx: click.Context) -> Settings:
    from nornflow.settings import load_settings

    return load_settings(Path.cwd(), environ=os.environ, config_file=ctx.obj["config"])


@command.command("show")
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@click.pass_context
def show_settings(ctx: click.Context, form: str) -> None:
    """Show the settings in force in this folder."""
    import yaml

    from nornflow.settings.template import shown

    values = shown(_settings(ctx))
    if form == "json":
        show_json(values)
    else:
        show(yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip())


@command.command()
@click.argument("key", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def explain(ctx: click.Context, key: str | None, form: str) -> None:
    """Tell where the value of each setting (or of KEY and what is below it) came from."""
    from nornflow.settings.template import explained

    rows = explained(_settings(ctx))
    if key:
        wanted = [row for row in rows if row[0] == key or row[0].startswith(f"{key}.")]
        if not wanted:
            raise click.BadParameter(f"{key} is not a setting; known are {', '.join(row[0] for row in rows)}")
        rows = wanted
    if form == "json":
        show_json([dict(zip(("key", "value", "origin"), row, strict=True)) for row in rows])
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        show(f"{name:<{widths[0]}}  {value:<{min(widths[1], 40)}}  {origin}")


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_context
def validate(ctx: click.Context, file: Path | None) -> None:
    """Check one settings FILE, or all settings in force here; exit code 0 when they are in order, 2 otherwise."""
    from nornflow.model.diagnostic import Severity
    from nornflow.settings import advise, examine_file

    problems: tuple[Problem, ...] = ()
    if file is None:
        settings = _settings(ctx)
    else:
        found, problems = examine_file(file)
        for problem in problems:
            show(f"error: {problem}")
        if found is None:
            ctx.exit(2)
        settings = found
    advice = advise(settings)
    for each in advice:
        show(f"{each.severity}: {each.key}: {each.message}")
    wrong = bool(problems) or any(each.severity is Severity.ERROR for each in advice)
    if not wrong:
        show(f"{file or 'the settings'}: in order")
    ctx.exit(2 if wrong else 0)


@command.command()
def template() -> None:
    """Print a settings file with every key, its default and what it does."""
    from nornflow.settings.template import template as text

    show(text().rstrip())
