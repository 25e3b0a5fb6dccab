"""`nornflow approve` and `nornflow reject`: say yes or no to a sealed plan, or to what a run waits for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nornflow.app.build import Project
    from nornflow.model.approval import Answer

_PATH = click.Path(path_type=Path)
_ARGUMENTS = (
    click.argument("what", metavar="FILE_OR_RUN"),
    click.option("--comment", "-c", default="", metavar="TEXT", help="Why; it is kept with the answer."),
    click.option("--step", default="", metavar="STEP", help="Of a run: which step, when it waits for more than one."),
    click.option("--batch", type=click.IntRange(1), default=None, help="Of a run: which batch that has to be about."),
    click.option("--plan", default="", metavar="HASH", help="Of a run: how the hash of its plan has to begin."),
    click.option(
        "--verify",
        "key",
        type=_PATH,
        default=None,
        metavar="KEY",
        help="Only a plan signed by this Ed25519 public key.",
    ),
    click.option("--config", "config_file", type=_PATH, default=None, help="Another settings file."),
)


@click.command(name="approve")
def command(
    what: str, comment: str, step: str, batch: int | None, plan: str, key: Path | None, config_file: Path | None
) -> None:
    """Approve the plan in FILE, or what the run RUN waits for (the beginning of its id is enough).

    An approval of a plan holds for exactly what it says now, for as long as the profile lets it. One of a run is bound to
    the plan that the run applies: a step of the type `approval`, or the pause behind a batch.
    """
    _answer(what, comment, (step, batch or 0, plan), key, config_file, "approved")


@click.command(name="reject")
def reject(
    what: str, comment: str, step: str, batch: int | None, plan: str, key: Path | None, config_file: Path | None
) -> None:
    """Reject the plan in FILE, or what the run RUN waits for (the beginning of its id is enough).

    A rejected plan is not applied, whoever else approves, until you approve it. In a run the step fails, once and for all.
    """
    _answer(what, comment, (step, batch or 0, plan), key, config_file, "rejected")


for _argument in reversed(_ARGUMENTS):
    command, reject = _argument(command), _argument(reject)


def _answer(
    what: str, comment: str, about: tuple[str, int, str], key: Path | None, config_file: Path | None, word: str
) -> None:
    from nornflow.app.build import load_project
    from nornflow.app.services.waits.deciding import About, decide, is_run
    from nornflow.cli.output import show, tell
    from nornflow.errors import UsageError
    from nornflow.model.approval import Answer

    project = load_project(config_file=config_file)
    if not Path(what).is_file() and is_run(project, what):
        if key is not None:
            raise UsageError("--verify is for plan files; a run has opened its plan already")
        said = decide(project, what, Answer(word), comment, About(*about), lambda text: tell(f"note: {text}"))
        show(f"{word} {said.wait.about} of run {said.run} (plan {said.wait.plan[:12]}): {said.words}")
        if said.due:
            show(f"the run goes on: nornflow runs resume {said.run}, or a worker")
        return
    if any(about):
        raise UsageError(
            f"there is no run {what!r}, and --step, --batch and --plan are about one", hint="nornflow runs list"
        )
    if not Path(what).exists():
        raise UsageError(
            f"there is neither a plan file {what!r} nor a run whose id begins so",
            hint="nornflow runs list shows what runs wait for; is the path of the plan right?",
        )
    _answer_plan(project, Path(what), comment, key, Answer(word))


def _answer_plan(project: Project, file: Path, comment: str, key: Path | None, word: Answer) -> None:
    from nornflow.app.services.plans.approvals import answer
    from nornflow.app.services.plans.files import read_plan
    from nornflow.cli.output import show, tell
    from nornflow.cli.planned import warn_of_neighbours
    from nornflow.model.approval import Answer

    plan = read_plan(file, key)
    said = answer(project, plan, word, comment, lambda text: tell(f"note: {text}"))
    show(f"{word} plan {plan.short} of {plan.plan.workflow}: {said}")
    if word is Answer.APPROVED:
        warn_of_neighbours(project, plan)
