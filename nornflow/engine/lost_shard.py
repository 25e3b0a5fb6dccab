"""A process that died while it worked on devices of a run: what it had done stands, what was open is settled by another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nornflow.engine.record import Ledger
from nornflow.engine.recovery import Recovery
from nornflow.engine.settle import LOOK
from nornflow.engine.shards import Desk, Done, Round
from nornflow.model.journal import Entry
from nornflow.model.run import HostState, StepResult

ATTEMPTS = 3
"""How many processes may die of one device before it is given up."""


class LostShard:
    """Counts, over one round, how often processes died of each device, and puts on the desk what they had told before."""

    def __init__(self, round: Round, desk: Desk) -> None:
        self._round = round
        self._desk = desk
        self._deaths: Counter[str] = Counter()

    def settle(self, hosts: Sequence[str], told: Sequence[Entry]) -> tuple[Done, list[str]]:
        """Take what was told of devices of a process that died; return what is done there, and the devices to go on with.

        What another process finds open it settles by reading the device, as a resumed run does.
        """
        step, progress = self._round.step, self._desk.progress
        recovery = Recovery(progress, Ledger(), {step: self._desk.planned})
        for entry in told:
            if entry.host in hosts and entry.step in (step, ""):
                recovery.play_entry(entry)
        results: dict[str, StepResult] = {}
        further: list[str] = []
        known = {} if self._round.planning else progress.host_results.get(step, {})
        for host in hosts:
            self._deaths[host] += 1
            if host in known:
                results[host] = known[host]
            elif self._deaths[host] < ATTEMPTS:
                further.append(host)
            else:
                results |= self.give_up((host,)).results
        return Done(results, kept=frozenset(host for host in results if host in known)), further

    def give_up(self, hosts: Sequence[str]) -> Done:
        """Return how the step ends on devices that no further process is given."""
        return Done({host: self._given_up(host) for host in hosts})

    def _given_up(self, host: str) -> StepResult:
        open = self._desk.progress.past.open.pop((self._round.step, host), None) is not None
        if image := self._desk.progress.pre_images.get(host) if open else None:
            image.expected = ""  # nobody knows what stands there now
        return StepResult(
            HostState.UNKNOWN if open else HostState.FAILED,
            changed=open,
            error=f"{host}: {self._deaths[host]} processes of the run died while they worked on it",
            reason="process-died",
            hint=LOOK
            if open
            else "see what the connection's driver does there: runner.processes: 1 shows it in the run's own process",
            attempts=self._round.attempt,
        )
