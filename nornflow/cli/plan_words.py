"""`nornflow plan show|diff|conflicts|rebase|verify`: what is done with plan files."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(path_type=Path)
_CONFIG = click.option("--config", "config_file", type=_FILE, default=None, help="Another settings file.")
KEY = click.option(
    "--verify", "key", type=_FILE, default=None, metavar="KEY", help="Only a plan signed by this Ed25519 public key."
)


@click.command(name="show")
@click.argument("file", type=_FILE)
@KEY
@_CONFIG
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", help="How to show the plan."
)
def show_plan(file: Path, key: Path | None, config_file: Path | None, form: str) -> None:
    """Show what the plan in FILE would do, who made it of what, what the gates said, and who approved it."""
    from nornflow.app.build import load_project
    from nornflow.app.services.plans.inspecting import inspected
    from nornflow.cli.output import show_diff, show_json
    from nornflow.cli.sealed_view import sealed_json, sealed_lines

    found = inspected(load_project(config_file=config_file), file, key)
    if form == "json":
        show_json(sealed_json(found))
        return
    for line in sealed_lines(found, markdown=form == "markdown"):
        show_diff(line, coloured=form == "text")


@click.command(name="diff")
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
def diff_plans(a: Path, b: Path) -> int:
    """Tell what plan B would do otherwise than plan A; ends with 1 when there is a difference."""
    from nornflow.app.services.plans.files import read_plan
    from nornflow.app.services.plans.inspecting import differences_of
    from nornflow.cli.output import show, show_diff

    lines = list(differences_of(read_plan(a), read_plan(b)))
    for line in lines:
        show_diff(line, coloured=True)
    if not lines:
        show("the same would be done")
    return 1 if lines else 0


@click.command(name="conflicts")
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
@_CONFIG
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show them.")
def plan_conflicts(a: Path, b: Path, config_file: Path | None, form: str) -> int:
    """Tell where plans A and B are in each other's way; ends with 1 when they are, no device is asked.

    They are where both change the same lines, where it counts which one comes first, where taking one back would undo the
    other, and where nobody can tell.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.plans.conflicting import conflicts_of
    from nornflow.app.services.plans.files import read_plan
    from nornflow.cli.conflicts_view import conflicts_json, conflicts_text
    from nornflow.cli.output import show_diff, show_json

    project = load_project(config_file=config_file)
    found = conflicts_of(project, read_plan(a), read_plan(b))
    if form == "json":
        show_json(project.redactor.value(conflicts_json(found)))
    else:
        for line in conflicts_text(found):
            show_diff(project.redactor.text(line), coloured=False)
    return 1 if found.conflict else 0


@click.command(name="rebase")
@click.argument("b", type=_FILE)
@click.option("--after", "a", type=_FILE, required=True, metavar="A", help="The plan that comes first.")
@click.option("-o", "--output", type=_FILE, required=True, help="Seal the new plan into this file.")
@click.option("--sign", "key", type=_FILE, default=None, metavar="KEY", help="Sign it with this Ed25519 private key.")
@click.option("--workers", type=click.IntRange(1, 1000), default=None, help="On how many devices at once a step works.")
@_CONFIG
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", help="How to show the plan."
)
def rebase_plan_file(
    b: Path, a: Path, output: Path, key: Path | None, workers: int | None, config_file: Path | None, form: str
) -> int:
    """Plan the change of plan B anew, as it comes after plan A; devices are read, never written.

    Where A is applied the new plan is made on what is there, elsewhere on what A will have left: it is applied after A then,
    and with approvals of its own. Devices that are neither as A found them nor as it leaves them are not planned.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.plans.files import read_plan
    from nornflow.app.services.plans.rebasing import rebase_plan
    from nornflow.cli.change_options import overrides
    from nornflow.cli.interrupt import stopping_on_interrupt
    from nornflow.cli.output import tell
    from nornflow.cli.plan import show_plan
    from nornflow.cli.planned import tell_sealed
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.cli.screen import screen_for

    project = load_project(config_file=config_file, overrides=overrides(workers))
    warn_of_plugins(project.plugin_host)
    plan, first = read_plan(b), read_plan(a)
    with screen_for(answer=False, mask=project.redactor.text) as screen, stopping_on_interrupt() as switch:
        change, made = rebase_plan(project, plan, first, screen.voices(switch), output, key)
    code = show_plan(change, form, project.redactor)
    tell_sealed(project, made, output)
    tell("it needs approvals of its own: nornflow plan show, nornflow approve")
    return code


@click.command(name="verify")
@click.argument("file", type=_FILE)
@KEY
@_CONFIG
def verify_plan(file: Path, key: Path | None, config_file: Path | None) -> int:
    """Check that FILE is what was sealed, by whom it is signed, and whether it could be applied now; no device is asked."""
    from nornflow.app.build import load_project
    from nornflow.app.services.plans.inspecting import verified
    from nornflow.cli.output import show

    code, lines = verified(load_project(config_file=config_file), file, key)
    for line in lines:
        show(line)
    return code
