"""Saying that a run was left to workers, and refusing what cannot be left to them."""

from __future__ import annotations

from nornflow.app.services.workers.submitting import Left
from nornflow.cli.output import show, show_json, tell
from nornflow.errors import UsageError
from nornflow.model.plain import plain


def _demand_form(form: str) -> None:
    """Raise UsageError for a form that tells of a run which has ended."""
    if form not in ("text", "json"):
        raise UsageError(
            f"--format {form} tells how a run ended, and --detach does not wait for that",
            hint="with --detach there are text and json; when it has ended: nornflow runs show RUN",
        )


def demand_here(workers: int | None, form: str, *, replan_stale: bool = False, after: bool = False) -> None:
    """Raise UsageError for an option that is about this process, or the end of the run."""
    _demand_form(form)
    if workers is not None:
        raise UsageError("--workers is about this process, and the run is left to another", hint="set `workers` there")
    if after:
        raise UsageError("--after waits in this process, and the run is left to another", hint="say one of them")
    if replan_stale:
        raise UsageError("--replan-stale waits for the end of the run, and --detach does not", hint="say one of them")


def demand_whole(hosts: str | None, step: str, form: str) -> None:
    """Raise UsageError when only a part of a run is to be done again, or its end is to be shown."""
    _demand_form(form)
    if hosts or step:
        raise UsageError("--detach goes on with the run as it is", hint="leave --hosts and --from out")


def show_left(left: Left, form: str) -> None:
    """Print the id of the run, and nothing else, on standard output."""
    if left.notice:
        tell(f"note: {left.notice}", colour="yellow")
    if form == "json":
        show_json(plain(left))
        return
    show(left.run)
    tell(f"left to workers of {left.place}: nornflow runs logs {left.run} --follow")
