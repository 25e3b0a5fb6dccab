"""A process that died while it worked on devices of a run: what it had done stands, what was open is settled by another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nornflow.engine.record import Ledger
from nornflow.engine.recovery.recovery import Recovery
from nornflow.engine.recovery.settle import LOOK
from nornflow.engine.shards.shards import Desk, Done, Round, Work
from nornflow.errors import DeviceError, NornFlowError, StepCancelled
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

    def died_of(self, host: str) -> bool:
        """Tell whether a process died while it had the device: what it had done and not told, nobody knows."""
        return self._deaths[host] > 0

    def settle(self, hosts: Sequence[str], told: Sequence[Entry]) -> tuple[Done, list[str]]:
        """Take what was told of devices of a process that died; return what is done there, and the devices to go on with.

        What another process finds open it settles by reading the device, as a resumed run does.
        """
        round, progress, ledger = self._round, self._desk.progress, Ledger()
        works = {round.step: self._desk.planned} if self._desk.planned is not None else {}
        recovery = Recovery(progress, ledger, works)
        for entry in told:
            if entry.host in hosts and entry.step in (round.step, ""):
                recovery.play_entry(entry)
        results: dict[str, StepResult] = {}
        errors: dict[str, NornFlowError] = {}
        further: list[str] = []
        known = progress.host_results.get(round.step, {}) if round.work is Work.APPLY else {}
        for host in hosts:
            self._deaths[host] += 1
            if host in known:
                results[host] = known[host]
            elif round.work is Work.ROLLBACK and host in ledger.rollbacks:
                if error := ledger.rollbacks[host]:
                    errors[host] = error
            elif self._deaths[host] < ATTEMPTS:
                further.append(host)
            else:
                given_up = self.give_up((host,))
                results |= given_up.results
                errors |= given_up.errors
        return Done(results, errors, kept=frozenset(host for host in results if host in known)), further

    def give_up(self, hosts: Sequence[str]) -> Done:
        """Return how the round ends on devices that no further process is given."""
        if self._round.of_step:
            return Done({host: self._given_up(host) for host in hosts})
        return Done(errors={host: DeviceError(self._died_of(host), hint=LOOK) for host in hosts})

    def _died_of(self, host: str) -> str:
        return f"{host}: {self._deaths[host]} processes of the run died while they worked on it"

    def _given_up(self, host: str) -> StepResult:
        open = self._desk.progress.past.open.pop((self._round.step, host), None) is not None
        if image := self._desk.progress.pre_images.get(host) if open else None:
            image.expected = ""  # nobody knows what stands there now
        return StepResult(
            HostState.UNKNOWN if open else HostState.FAILED,
            changed=open,
            error=self._died_of(host),
            reason="process-died",
            hint=LOOK if open else "see what the connection's driver does there, with runner.processes: 1",
            attempts=self._round.attempt,
        )


def refused(round: Round, hosts: Sequence[str], error: NornFlowError) -> Done:
    """Return how a round ends on devices on which an error kept it from being done."""
    if not round.of_step:
        return Done(errors=dict.fromkeys(hosts, error))
    state = HostState.CANCELLED if isinstance(error, StepCancelled) else HostState.FAILED
    result = StepResult(state, error=error.message, reason=error.reason, hint=error.hint, attempts=round.attempt)
    return Done(dict.fromkeys(hosts, result))
