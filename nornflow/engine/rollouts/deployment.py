"""Carrying out a plan: the steps over growing batches, what failed on the way, and what must be taken back."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.engine.graph import device_phases, rescue_groups
from nornflow.engine.record import host_records
from nornflow.engine.recovery.given_up import GivenUp
from nornflow.engine.recovery.recovery import Recovered, leave_open
from nornflow.engine.rollback import Rollback
from nornflow.engine.rollouts.batches import Batching
from nornflow.engine.rollouts.confirmation import Confirmation
from nornflow.engine.rollouts.rollout import InBatches
from nornflow.engine.rollouts.thresholds import Thresholds
from nornflow.engine.stepping import Stepping, Working
from nornflow.engine.tools import Tools
from nornflow.engine.waiting import Waiting
from nornflow.model.plan import Plan
from nornflow.model.run import BAD_ENDS
from nornflow.model.step import On, OnFailure
from nornflow.model.workflow import Workflow


class Deployment:
    """One pass over the graph that changes devices; `short` says that it ended before its last batch was begun."""

    def __init__(
        self,
        workflow: Workflow,
        targets: Sequence[str],
        rules: tuple[Batching, Thresholds],
        working: Working,
        tools: Tools,
        recovered: Recovered,
        *,
        plan: Plan | None,
        plan_hash: str,
        resumed: bool,
        recover: bool = False,
    ) -> None:
        self._workflow = workflow
        self._targets = tuple(targets)
        self._progress = working.progress
        self._works = working.works
        self._ledger = working.ledger
        self._progress.batch_of = self._ledger.batch_of
        self._tools = tools
        self._recovered = recovered
        self._first, self._body, self._last = device_phases(workflow.steps)
        self._waiting = Waiting(tools, plan_hash, self._hopeless)
        self._stepping = Stepping(working, tools, self._waiting, resumed=resumed)
        self._rescuers = frozenset().union(*rescue_groups(workflow.steps).values())
        without = self._ledger.unplanned | self._ledger.left_out.keys()
        hosts = [host for host in targets if host not in without]
        self._given_up = GivenUp(self._body, working, tools)
        self._resumed, self._recover = resumed, recover
        self._confirmation: Confirmation | None = None
        if workflow.confirm is not None:
            ways = {host.host: host.confirm for host in plan.hosts} if plan is not None else {}
            parts = (working.progress, working.works, working.planned, working.ledger, tools, self._roll_back)
            self._confirmation = Confirmation(workflow.confirm, ways, *parts)
        self._batches = InBatches(
            self._body,
            hosts,
            rules,
            working,
            self._stepping,
            tools,
            recovered,
            self._roll_back,
            self._waiting,
            self._confirmation,
        )

    @property
    def short(self) -> bool:
        """Whether it ended before its last batch, now or in a process before this one."""
        return self._batches.short or bool(self._recovered.reason)

    @property
    def failed(self) -> bool:
        """Whether a step of the run failed, or more devices than the rollout bears."""
        return self._run_failed() or self._batches.beyond_thresholds() or self._recover

    def go(self) -> None:
        """Do the steps before the devices, the batches and the steps after them, and take back what must not stay.

        Of a run that is only recovered nothing is done any more but the last of these. Suspended when it waits for something.
        """
        self._given_up.end_what_was_open()
        if not self._recover:
            for check in self._workflow.checks if not self._recovered.over else ():
                self._progress.forget(check, ())  # what a process before this one found is looked at anew
            self._stepping.walk(self._first, ())
            if not self._stepping.failed_for_good() and not self._recovered.over:
                self._batches.go()
            self._progress.batch = 0
            self._come_to_an_end()
        leave_open(self._progress, self._targets)
        if self._confirmation is not None:
            before = "the run's process died" if self._resumed else "the run ended"
            self._confirmation.sweep(f"{before} before that")
        self._tell_over()
        if not self._tools.switch.aborted and not self._recover:
            self._stepping.walk(self._last, ())
        self._take_back()

    def _come_to_an_end(self) -> None:
        """Finish the step that a process before this one was at on a device, though the run is stopped by now.

        That is no new work: what is at work goes on to its end when a run is stopped, unless it is to end at once.
        """
        tools = self._tools
        if not tools.switch.finishing or tools.switch.aborted or tools.emitter.failure or self._recovered.over:
            return
        for step in self._body if not self._run_failed() else ():
            hosts = [host for host in self._targets if (step.id, host) in self._progress.past.open]
            if hosts:
                self._stepping.finish(step, hosts)

    def _hopeless(self, step: str) -> bool:
        """Tell whether the run fails whatever comes of a step; one that may rescue it is always asked about.

        What failed is no reason as long as its rescue block may mend it: that may take days, and ask people itself.
        """
        edges = self._workflow.step(step).after if step else ()
        if step in self._rescuers or any(edge.on in (On.FAILED, On.FINISHED) for edge in edges):
            return False
        if self._stepping.failed_for_good():
            return True
        return self._progress.batch > 0 and not self._stepping.being_mended() and self._batches.too_many_failed()

    def _run_failed(self) -> bool:
        return self._progress.failure(None) is not None

    def _tell_over(self) -> None:
        self._progress.over = self.failed or self._cut
        if not self._recovered.over:
            self._tools.log.over(self._tools.switch.reason if self._cut else "", stopping=self._tools.switch.stopping)

    def _take_back(self) -> None:
        """Roll back what must not stay: every changed device of a failed run, the unfinished ones of a stopped run.

        All of them, whatever `on_failure` says, when somebody wishes so, also when that comes only now.
        """
        if self._tools.emitter.failure is not None:
            return
        if self._workflow.on_failure is OnFailure.ROLLBACK:
            if self.failed:
                self._roll_back(self._targets)
            elif self._tools.switch.stopping:
                records = host_records(self._targets, self._body, self._progress, self._ledger)
                self._roll_back([record.host for record in records if record.state in BAD_ENDS])
        if self._tools.switch.undoing:
            self._roll_back(self._targets)

    def _roll_back(self, hosts: Sequence[str]) -> None:
        todo = [host for host in hosts if host not in self._ledger.rollbacks and self._touched(host)]
        todo = self._given_up.to_take_back(todo)
        self._ledger.rollbacks.update(Rollback(self._progress, self._works, self._tools).roll_back(todo))
        self._tools.log.settle()

    def _touched(self, host: str) -> bool:
        """Tell whether the device was changed; what a step took back itself is proven with the rest."""
        return self._progress.changed(host) or host in self._progress.taken_back

    @property
    def _cut(self) -> bool:
        return self.short or self._tools.switch.stopping
