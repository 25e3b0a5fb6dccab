"""Trying on the text how a device comes back from a change: the lines that do it, and what would be left over."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.model.plan import Method
from nornflow.planning.diff import unified
from nornflow.planning.predict import predict
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.platform import Platform
from nornflow.record import record


@record
class Return:
    """The lines of a way back, and what they leave to be done: a diff, or the words why nobody knows; empty when nothing."""

    lines: tuple[str, ...]
    remaining: str = ""


def way_back(post: str, pre: str, platform: Platform, own: Sequence[str] = ()) -> Return:
    """Play on the text how a configuration becomes again what it was: line for line, in the same order.

    `own` are lines that are typed before those that the model works out.
    """
    reached = predict(post, own, platform)
    if reached.method is Method.IMPOSSIBLE:
        return Return((), "; ".join(reached.notes))
    lines = (*own, *rollback_lines(reached.text, pre, platform))
    back = predict(post, lines, platform)
    if back.method is Method.IMPOSSIBLE:
        return Return((), "; ".join(back.notes))
    return Return(lines, unified(back.text, pre, platform))
