"""`nornflow approve` and `nornflow reject`: say yes or no to a sealed plan."""

from __future__ import annotations

from pathlib import Path

import click

_ARGUMENTS = (
    click.argument("file", type=click.Path(path_type=Path)),
    click.option("--comment", "-c", default="", metavar="TEXT", help="Why; it is kept with the answer."),
    click.option(
        "--verify",
        "key",
        type=click.Path(path_type=Path),
        default=None,
        metavar="KEY",
        help="Only a plan signed by this Ed25519 public key.",
    ),
    click.option(
        "--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file."
    ),
)


@click.command(name="approve")
def command(file: Path, comment: str, key: Path | None, config_file: Path | None) -> None:
    """Approve the plan in FILE: the approval holds for exactly what it says now, for as long as the profile lets it."""
    _answer(file, comment, key, config_file, "approved")


@click.command(name="reject")
def reject(file: Path, comment: str, key: Path | None, config_file: Path | None) -> None:
    """Reject the plan in FILE: it is not applied, whoever else approves, until you approve it."""
    _answer(file, comment, key, config_file, "rejected")


for _argument in reversed(_ARGUMENTS):
    command, reject = _argument(command), _argument(reject)


def _answer(file: Path, comment: str, key: Path | None, config_file: Path | None, word: str) -> None:
    from nornflow.app.build import load_project
    from nornflow.app.services.approvals import answer
    from nornflow.app.services.plan_files import read_plan
    from nornflow.cli.output import show
    from nornflow.cli.planned import warn_of_neighbours
    from nornflow.model.approval import Answer

    plan = read_plan(file, key)
    project = load_project(config_file=config_file)
    said = answer(project, plan, Answer(word), comment)
    show(f"{word} plan {plan.short} of {plan.plan.workflow}: {said}")
    if word == Answer.APPROVED.value:
        warn_of_neighbours(project, plan)
