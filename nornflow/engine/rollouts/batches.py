"""Cutting the targets of a rollout into batches: amounts of them, and those that an expression names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nornflow.errors import ExpressionError, UsageError
from nornflow.model.device import HostView
from nornflow.model.plan import Batch
from nornflow.model.rollout import Amount, Matching, Rollout
from nornflow.workflow.matching import matching

THE_REST = "the rest"
"""What names the devices that are left when the last batch of a rollout is an expression."""


class Batching:
    """The rule by which the targets of a run are cut into batches; made when the inventory is known.

    Raises UsageError, with the place in the workflow, for an expression that cannot be evaluated on the devices.
    """

    def __init__(
        self, rollout: Rollout, targets: Sequence[str], hosts: Mapping[str, HostView], inputs: Mapping[str, Any]
    ) -> None:
        self._rollout = rollout
        self._named = {
            one.expression: _named(one, targets, hosts, inputs) for one in rollout.batches if isinstance(one, Matching)
        }

    def cut(self, hosts: Sequence[str], begun: Mapping[int, Sequence[str]] | None = None) -> tuple[Batch, ...]:
        """Return the batches of these hosts, each of which is in exactly one; shares are of all of them.

        A batch that is `begun` stays as it was. Only an expression can give a batch without devices.
        """
        begun = begun or {}
        left = dict.fromkeys(hosts)
        parts: list[Batch] = []
        while left or len(parts) < max(begun, default=0):
            number = len(parts) + 1
            what = self._what(number)
            chosen = tuple(begun[number]) if number in begun else self._chosen(what, list(left), len(hosts))
            for host in chosen:
                left.pop(host, None)
            parts.append(Batch(number, str(what), chosen))
        return tuple(parts)

    def _what(self, number: int) -> Amount | Matching | str:
        batches = self._rollout.batches
        if number <= len(batches):
            return batches[number - 1]
        return batches[-1] if isinstance(batches[-1], Amount) else THE_REST

    def _chosen(self, what: Amount | Matching | str, left: Sequence[str], total: int) -> tuple[str, ...]:
        if isinstance(what, Amount):
            return tuple(left[: what.of(total)])
        if isinstance(what, Matching):
            return tuple(host for host in left if host in self._named[what.expression])
        return tuple(left)


def _named(
    batch: Matching, targets: Sequence[str], hosts: Mapping[str, HostView], inputs: Mapping[str, Any]
) -> frozenset[str]:
    try:
        found = matching([hosts[host] for host in targets], hosts, batch.expression, inputs)
    except ExpressionError as error:
        raise UsageError(f"{batch.location}: {error.message}", hint=error.hint) from None
    return frozenset(view.name for view in found)
