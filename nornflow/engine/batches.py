"""Cutting the targets of a rollout into growing batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nornflow.model.workflow import Rollout


def batches(hosts: Sequence[str], rollout: Rollout) -> Iterator[tuple[str, ...]]:
    """Yield the hosts in batches: each amount counts further hosts, shares are of all hosts, the last amount repeats."""
    total, start, turn = len(hosts), 0, 0
    while start < total:
        amount = rollout.batches[min(turn, len(rollout.batches) - 1)]
        size = max(1, amount.of(total))
        yield tuple(hosts[start : start + size])
        start += size
        turn += 1
