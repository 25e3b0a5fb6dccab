"""Which devices a workflow is for, in which batches they are changed, and how many may fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from nornflow.model.diagnostic import NOWHERE, Location
from nornflow.model.wait import Awaited
from nornflow.record import record


@record
class Targets:
    """Which devices a workflow is for: an expression over host data, or names, groups and a filter; all empty is every host."""

    expression: str = ""
    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    filter: Mapping[str, Any] = field(default_factory=dict)
    location: Location = NOWHERE


@record
class Amount:
    """A count of devices (`1`) or a share of them (`10%`)."""

    value: float
    percent: bool = False

    def of(self, total: int) -> int:
        """Return how many of `total` devices a batch of this amount has: never none.

        A share is rounded down, but to no less than one device: only 100% (or a single device) is all of them.
        """
        return max(1, total * self._thousandths // 100_000 if self.percent else int(self.value))

    def exceeded_by(self, count: int, total: int) -> bool:
        """Tell whether `count` of `total` devices is more than this; a share is exact: one of four is more than 2%."""
        return count * 100_000 > total * self._thousandths if self.percent else count > self.value

    @property
    def _thousandths(self) -> int:
        """The share in thousandths of a percent, which is as fine as it can be written: whole numbers do not err."""
        return round(self.value * 1000)

    def __str__(self) -> str:
        return f"{self.value:g}{'%' if self.percent else ''}"


@record
class Matching:
    """The devices for which an expression over their data is true, as in `targets`."""

    expression: str
    location: Location = NOWHERE

    def __str__(self) -> str:
        return self.expression


@record
class Rollout:
    """In which batches devices are changed, how many may fail, and how long is waited after each batch (`soak`, seconds).

    `host_timeout` is how many seconds may be worked on one device, all its steps together; 0 is no limit.
    Batches grow: each amount is the number of further devices, a share is of all targets, and an expression takes all
    that are left of those it names. A last amount repeats until no device is left; behind a last expression the rest is
    one batch. `pause_after` are the batches (from 1) after which a human is asked to go on, `pause` who has to say yes then
    when it is not whoever runs it.
    `max_failures` is how many devices may fail in all, `group_failures` how many of a group of the inventory, by its name,
    and `each_failures` how many of those that have the same value of a key, by the key (`{"site": Amount(1)}`).
    """

    batches: tuple[Amount | Matching, ...] = (Amount(100, percent=True),)
    max_failures: Amount = Amount(0)
    soak: float = 0.0
    pause_after: frozenset[int] = frozenset()
    host_timeout: float = 0.0
    group_failures: Mapping[str, Amount] = field(default_factory=dict)
    each_failures: Mapping[str, Amount] = field(default_factory=dict)
    pause: Awaited | None = None
    location: Location = NOWHERE


@record
class Confirm:
    """That a batch stands only when it is verified and confirmed `within` so many seconds; it is taken back otherwise."""

    within: float
