"""How a run ends that did not come to its end: the state that an error leads to, and the words that the record has for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.progress import Progress
from nornflow.engine.record import BY_HAND, Ledger, few
from nornflow.engine.recovery.recovery import Earlier
from nornflow.engine.rollouts.thresholds import Thresholds
from nornflow.engine.tools import Tools
from nornflow.errors import (
    ApprovalRequired,
    DevicesHeld,
    NornFlowError,
    PolicyDenied,
    RunLeft,
    StepCancelled,
    StepError,
)
from nornflow.model.event import EventKind
from nornflow.model.run import HostState, RunState
from nornflow.model.wish import Wish


class WishTeller:
    """Tells the record and the observers who wants the run to end early, from a thread of its own.

    Whoever hears a wish must not wait for the record: a store that is away would keep a second Ctrl-C from being heard.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._untold: deque[Wish] = deque()
        self._telling = threading.Lock()

    def hear(self, wish: Wish) -> None:
        """Have the wish told soon."""
        self._untold.append(wish)
        threading.Thread(target=self.tell, name="wishes", daemon=True).start()

    def tell(self) -> None:
        """Tell what is not told yet, in order; when this returns all of it is."""
        with self._telling:
            while self._untold:
                wish = self._untold.popleft()
                details = {"level": wish.level.value, "user": wish.by, "asked": wish.at.isoformat(), "via": wish.via}
                self._emitter.emit(EventKind.RUN_STOPPING, str(wish), **details)


@contextmanager
def within(limit: float, switch: StopSwitch, emitter: Emitter) -> Iterator[None]:
    """Let what is done in the `with` end after so many seconds, and tell who wishes that it ends earlier."""
    deadline = threading.Timer(limit, switch.abort, ("timeout",))
    deadline.daemon = True
    deadline.start()
    teller = WishTeller(emitter)
    unwish = switch.on_wish(teller.hear)
    try:
        yield
    finally:
        deadline.cancel()
        unwish()
        teller.tell()


def end_for(error: NornFlowError) -> RunState:
    """Return the state in which an error of the run itself ends it."""
    if isinstance(error, PolicyDenied):
        return RunState.DENIED
    if isinstance(error, (ApprovalRequired, StepCancelled)):
        return RunState.CANCELLED
    return RunState.FAILED


def cut_state(tools: Tools) -> RunState:
    """Return the state of a run that ends early: its record could not be kept, its time is over, or somebody ended it."""
    if tools.emitter.failure is not None:
        return RunState.FAILED
    return RunState.TIMED_OUT if tools.switch.reason == "timeout" else RunState.CANCELLED


def end_state(rollbacks: Mapping[str, NornFlowError | None], cut: RunState | None, *, failed: bool) -> RunState:
    """Return how a run has ended that was carried out: `cut` is the state of one that ended early."""
    if any(error is not None for error in rollbacks.values()):
        return RunState.ROLLBACK_FAILED
    if cut is not None:
        return cut
    if not failed:
        return RunState.SUCCEEDED
    return RunState.ROLLED_BACK if rollbacks else RunState.FAILED


def keeps_open(error: NornFlowError, earlier: Earlier | None) -> bool:
    """Tell whether a run that another process began stays as it is after an error: it is not allowed now, or has no turn."""
    if earlier is None:
        return False
    denied = isinstance(error, (PolicyDenied, ApprovalRequired)) and earlier.applying
    return denied or (isinstance(error, DevicesHeld) and earlier.state is RunState.WAITING)


def left_as_it_is(error: NornFlowError, run: str, emitter: Emitter) -> NornFlowError:
    """Tell that a run was not gone on with, and return the error that says so too."""
    emitter.emit(EventKind.RUN_LEFT, error.message)
    if isinstance(error, RunLeft):
        return error
    error.message = f"run {run} was not gone on with, and stays as it is: {error.message}"
    error.hint = f"{error.hint + '; ' if error.hint else ''}then: nornflow runs resume {run}"
    return error


def too_many_stale(ledger: Ledger, progress: Progress, thresholds: Thresholds) -> NornFlowError | None:
    """Return the error of a run that did all it could where more devices were stale than it bears; the rest stays."""
    stale = {host for host, result in ledger.left_out.items() if result.state is HostState.STALE}
    beyond = thresholds.exceeded(stale | progress.failed_hosts())
    if not stale or not beyond:
        return None
    return StepError(
        f"{len(stale)} devices were stale and nothing was sent to them: {few(sorted(stale))}; what was applied to the "
        f"others stays ({beyond})",
        hint="plan again for these (nornflow apply FILE --replan-stale), and have that approved",
    )


def why_it_ended(
    state: RunState, hosts: Sequence[str], progress: Progress, ledger: Ledger, thresholds: Thresholds, wish: Wish | None
) -> tuple[str, str]:
    """Return the record's error and what to do about it: its time, what somebody wished for, or what failed first."""
    if state is RunState.SUCCEEDED:
        return "", ""
    failure = progress.failure(None)
    if failure is not None:
        about, error = f"step {failure[0].id}", failure[1].error
        return error if error.startswith((f"{about} ", f"{about}:")) else f"{about}: {error}", failure[1].hint
    if state is RunState.ROLLBACK_FAILED:
        left = [host for host, error in ledger.rollbacks.items() if error is not None]
        return f"not back at their pre-image: {few(left)}", BY_HAND
    if state is RunState.TIMED_OUT:
        return "the time of the whole run was over", "raise `timeout` of the workflow, as far as the profile lets it"
    if wish is not None:
        so_far = "" if ledger.batch_of else "; nothing had been sent to a device"
        return f"{wish}{so_far}", "run the change again: it is planned anew"
    if ledger.stopped:
        return ledger.stopped, "what was changed stays; run the change again for the rest"
    if ledger.unconfirmed:
        number, why = next(iter(ledger.unconfirmed.items()))
        return f"batch {number} was not confirmed: {why}", "its devices were taken back; run the change again"
    failures = [(host, found) for host in hosts if (found := progress.failure(host))]
    if not failures or state is RunState.CANCELLED:
        return "", ""
    host, (step, first) = failures[0]
    beyond = thresholds.exceeded(progress.failed_hosts())
    beyond = beyond or f"{len(failures)} of {len(hosts)} devices failed"
    return f"{beyond}; {host} at {step.id}: {first.error}".partition("\n")[0], first.hint
