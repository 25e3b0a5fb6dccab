"""The options that commands about changes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def named(ctx: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse an empty name: a variable that is not set must not quietly mean another profile."""
    if not value and option.name and ctx.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE:
        raise click.BadParameter("the name of a profile is empty", ctx, option)
    return value


def devices(ctx: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse an empty choice of devices: a variable that is not set must not quietly mean all of them."""
    given = option.name and ctx.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE
    if given and not value.strip(" ,"):
        raise click.BadParameter("it names no device; leave it out where all are meant", ctx, option)
    return value


LOCKED = click.option(
    "--locked",
    type=click.Choice(["wait", "fail", "skip"]),
    default=None,
    help="About devices that another run holds: wait for them, fail, or leave them out (default: locks.when_held).",
)
DETACH = click.option(
    "--detach", is_flag=True, help="Leave it to a worker (nornflow worker), and say only the id of the run."
)
FORM = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit", "markdown"]),
    default="text",
    help="How to show the result.",
)
_OPTIONS = (
    click.argument("workflow", type=click.Path(path_type=Path)),
    click.option(
        "-i", "--input", "inputs", multiple=True, metavar="KEY=VALUE|@FILE", help="An input, or a YAML file of inputs."
    ),
    click.option(
        "--limit",
        default="",
        callback=devices,
        metavar="EXPR",
        help="Narrow the targets: names, shell patterns or an expression.",
    ),
    click.option(
        "--profile",
        default="",
        callback=named,
        metavar="NAME",
        help="The security profile (default: the workflow's, then the settings').",
    ),
    click.option(
        "--inventory", type=click.Path(path_type=Path), default=None, help="Another inventory folder or hosts file."
    ),
    click.option(
        "--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file."
    ),
    click.option(
        "--workers", type=click.IntRange(1, 1000), default=None, help="On how many devices at once a step works."
    ),
)


def change_options(function: F) -> F:
    """Add the options of a change to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def overrides(workers: int | None) -> dict[str, Any]:
    """Return the settings that the command line sets."""
    return {} if workers is None else {"workers": workers}
