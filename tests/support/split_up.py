"""A run whose devices are shared among processes, without a process: all that goes there and back is pickled, and any may die."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from nornflow.abc import Cancellation, Journal
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.shards.orders_as_data import finished_data, finished_of, order_data, order_of
from nornflow.engine.shards.shard import Finished, Order, Shard
from nornflow.engine.shards.sharing import Died, Sharing
from nornflow.engine.tools import Tools
from nornflow.model.journal import Entry
from nornflow.model.plain import plain
from nornflow.model.run import RunInfo

T = TypeVar("T")


class ShardDied(BaseException):
    """One of the processes is gone; the run is not. `of` is the journal that it told, None for whichever it happens in."""

    def __init__(self, of: Journal | None = None) -> None:
        self.of = of


@dataclass
class ShardDeaths:
    """At which entries of the journal, counted over all processes, one dies: before or after it is told."""

    at: dict[int, bool] = field(default_factory=dict)
    as_json: bool = False
    """Whether what goes there and back is JSON, as over a network, and not pickled."""
    replaced: int = 1000
    """How many dead ones are replaced, until none can be any more."""
    count: int = 0
    come: int = 0

    def now(self, of: Journal | None = None) -> None:
        self.come += 1
        raise ShardDied(of)


class _Telling(Journal):
    """The run's journal, with what one process told it since it began with an order."""

    def __init__(self, journal: Journal, deaths: ShardDeaths) -> None:
        self._journal = journal
        self._deaths = deaths
        self.told: list[Entry] = []

    def write(self, *entries: Entry) -> None:
        self._take(self._journal.write, entries)

    def note(self, *entries: Entry) -> None:
        self._take(self._journal.note, entries)

    def _take(self, keep: Callable[..., None], entries: Sequence[Entry]) -> None:
        if not entries:
            keep()
        for entry in entries:
            self._deaths.count += 1
            after = self._deaths.at.get(self._deaths.count)
            if after is False:
                self._deaths.now(self)
            keep(entry)
            self.told.append(entry)
            if after:
                self._deaths.now(self)


class Apart(Sharing):
    """Each process is a shard of its own, which knows what it is told and nothing else.

    With `below` it has so many processes below it, which share its devices out once more and die with it.
    """

    def __init__(
        self, count: int, targets: Sequence[str], born: Callable[[Tools], Shard], deaths: ShardDeaths, below: int = 0
    ) -> None:
        super().__init__(count, targets)
        self._numbers = range(count)
        self._parts = [list(targets[number::count]) for number in range(count)] if below else []
        self._below = below
        self._born = born
        self._deaths = deaths
        self._shards: dict[int, Shard] = {}
        self._ends: dict[int, Finished | Died] = {}
        self._born_once = False

    def join(self, run: RunInfo, tools: Tools) -> None:
        self._run = run
        self._journal = _Telling(tools.journal, self._deaths)
        alone = StopSwitch()  # another process has none of the run's own
        self._tools = replace(tools, journal=self._journal, results=None, gates=(), twins=(), turns=None, switch=alone)
        self.replace_dead()
        self._born_once = True

    def begin(self, process: int, order: Order, cancellation: Cancellation) -> None:
        self._journal.told = []
        heard = self._sent(order, order_data, order_of)
        try:
            found = self._shards[process].do(heard, cancellation)
        except ShardDied as died:
            if died.of not in (None, self._journal):
                raise  # it is one above that is gone
            del self._shards[process]
            self._ends[order.number] = Died(self._journal.told)
        else:
            self._ends[order.number] = self._sent(found, finished_data, finished_of)

    def _sent(self, value: T, data: Callable[[T], dict[str, Any]], back: Callable[[dict[str, Any]], T]) -> T:
        if self._deaths.as_json:
            return back(json.loads(json.dumps(plain(data(value)))))
        return pickle.loads(pickle.dumps(value))  # type: ignore[no-any-return]

    def finish(self, process: int, order: Order, cancellation: Cancellation) -> Finished | Died:
        return self._ends.pop(order.number)

    def start_pass(self) -> None:
        for shard in self._shards.values():
            shard.start_pass()

    def replace_dead(self) -> bool:
        for number in self._numbers:
            if number not in self._shards:
                if self._born_once:
                    self._deaths.replaced -= 1
                if self._deaths.replaced < 0:
                    return False
                self._shards[number] = self._born(self._with_those_below(number))
        return True

    def _with_those_below(self, number: int) -> Tools:
        if not self._below:
            return self._tools
        apart = Apart(self._below, self._parts[number], self._born, self._deaths)
        apart.join(self._run, self._tools)
        return replace(self._tools, shards=apart)
