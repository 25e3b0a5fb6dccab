"""Changing devices in growing batches: each is changed, found good or not, and only then the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from nornflow.engine.record import check_record, few
from nornflow.engine.recovery.given_up import GivenUp
from nornflow.engine.recovery.recovery import Recovered
from nornflow.engine.rollouts.batches import Batching
from nornflow.engine.rollouts.confirmation import Confirmation
from nornflow.engine.rollouts.thresholds import Thresholds
from nornflow.engine.snapshots import Snapshots
from nornflow.engine.stepping import Stepping, Working
from nornflow.engine.tools import Tools
from nornflow.engine.waiting import Suspended, Waiting, why
from nornflow.errors import ExpressionError, RunLeft
from nornflow.model.event import EventKind
from nornflow.model.plan import Batch
from nornflow.model.run import BatchRecord
from nornflow.model.step import OnFailure, Scope, Step
from nornflow.model.wait import Awaited, WaitEnd, WaitKind


class InBatches:
    """The batches of one run; `short` says that the run ended before its last batch was begun.

    `roll_back` takes back those of some devices that were changed.
    """

    def __init__(
        self,
        body: Sequence[Step],
        hosts: Sequence[str],
        rules: tuple[Batching, Thresholds],
        working: Working,
        stepping: Stepping,
        tools: Tools,
        recovered: Recovered,
        roll_back: Callable[[Sequence[str]], None],
        waiting: Waiting,
        confirmation: Confirmation | None = None,
    ) -> None:
        self.short = False
        self._body = body
        self._hosts = hosts
        self._batching, self._thresholds = rules
        self._progress = working.progress
        self._ledger = working.ledger
        self._stepping = stepping
        self._tools = tools
        self._recovered = recovered
        self._roll_back = roll_back
        self._waiting = waiting
        self._confirmation = confirmation
        self._given_up = GivenUp(body, working, tools)
        self._snapshots = Snapshots(working.progress, working.planned, working.ledger, tools, stepping.walk)
        self._workflow = working.progress.workflow
        self._rollout = self._workflow.rollout
        self._checks = self._workflow.checks

    def go(self) -> None:
        """Do one batch after the other, until the last one, or until the run shall end or has failed.

        RunLeft when the process is to leave the run to another one.
        """
        begun = self._recovered.batches
        if not self._body or (self.too_many_failed() and not begun):
            return
        parts = self._batching.cut(self._hosts, begun)
        self.short = self._tools.switch.finishing
        for batch in () if self.short else parts:
            self._ledger.batch_of.update(dict.fromkeys(batch.hosts, batch.number))
            if batch.number in self._recovered.done:
                continue
            last = batch.number == len(parts)
            if not self._was_asked_about(batch) and (not self._do(batch, len(parts)) or last):
                return
            self._pause_after(batch, len(parts))
            if self._tools.switch.finishing:
                self.short = True
                return
            self._tools.log.batch_done(batch.number)
            if self._tools.switch.leaving:
                raise RunLeft(
                    f"left behind batch {batch.number} of {len(parts)}", hint="another process goes on with it"
                )

    def _do(self, batch: Batch, of: int) -> bool:
        """Change the devices of a batch; True when it is good and the next one may begin."""
        tools = self._tools
        if not batch.hosts:
            self._end(EventKind.BATCH_EMPTY, BatchRecord(batch.number, batch.by, good=True), of)
            return True
        self._progress.batch = batch.number
        for step in self._checks:
            self._progress.forget(step, batch.hosts)
        if batch.number not in self._recovered.batches:
            tools.log.batch(batch.number, batch.hosts)
        tools.emitter.emit(EventKind.BATCH_STARTED, batch=batch.number, of=of, by=batch.by, hosts=list(batch.hosts))
        going = self._snapshots.before(self._given_up.others(batch.hosts))
        if self._confirmation is None:
            self._change(batch, going)
            good = self._batch_is_good(batch, last=batch.number == of)
        else:
            good = self._change_on_trial(self._confirmation, batch, going, last=batch.number == of)
        self._end(EventKind.BATCH_FINISHED, self._record(batch, good), of)
        return self._may_go_on()

    def _end(self, kind: EventKind, record: BatchRecord, of: int) -> None:
        self._ledger.batches[record.number] = record
        self._tools.log.checked(record)
        self._tools.emitter.emit(kind, of=of, **record.told())

    def _change(self, batch: Batch, going: Sequence[str]) -> None:
        if going:
            try:
                self._stepping.walk(self._body, going)
            except Suspended:
                # they do not stay as they are for days, but those that a rescue is about
                self._take_back_failed(batch, but=self._stepping.being_mended())
                raise
            self._snapshots.after(going)
        self._take_back_failed(batch)

    def _change_on_trial(self, trial: Confirmation, batch: Batch, going: Sequence[str], *, last: bool) -> bool | None:
        """Arm the batch, change it, and confirm it when it is good, soak and checks included; True when it stands."""
        held = trial.begin(batch.number, going)
        try:
            with self._stepping.under(held):
                if not held.why:
                    self._change(batch, going)
                failing = trial.failing(held)
                good = False if failing else self._batch_is_good(batch, last=last, soak=held.soak)
            trial.conclude(held, good=bool(good))
        finally:
            held.stop()
        return False if good and batch.number in self._ledger.unconfirmed else good

    def _batch_is_good(self, batch: Batch, *, last: bool, soak: Callable[[float], bool] | None = None) -> bool | None:
        """Tell whether the rollout may go on behind a batch that was changed: the one place that decides it.

        It is soaked and checked; None says that the run was stopped before that was found out. `soak` waits, where the
        batch has less time than the run.
        """
        if self._may_go_on() and not (last and not self._checks):
            self._soak(batch, soak or self._tools.soak)
        if self._may_go_on() or self._was_being_checked(batch):
            self._check(batch)
            self._take_back_failed(batch)
        if self._failed_at_all():
            return False
        return None if self._tools.switch.stopping else True

    def _was_being_checked(self, batch: Batch) -> bool:
        """Tell whether a process before this one found a device of the batch not well: the others are still to be checked."""
        found = [self._progress.host_results.get(step.id, {}) for step in self._checks]
        failed = any(results[host].failed for results in found for host in batch.hosts if host in results)
        return failed and not self._tools.switch.stopping

    def _check(self, batch: Batch) -> None:
        """Do the health checks: those of devices on the ones that are well, all of them anew when the run is resumed."""
        well = [host for host in batch.hosts if not self._failed(host) and host not in self._ledger.given_up]
        checks = [step for step in self._checks if well or step.scope is Scope.RUN]
        if not checks:
            return
        names = [step.id for step in checks]
        self._tools.emitter.emit(EventKind.CHECKS_STARTED, batch=batch.number, steps=names, hosts=len(well))
        self._stepping.walk(checks, well)

    def _record(self, batch: Batch, good: bool | None) -> BatchRecord:
        failed = tuple(host for host in batch.hosts if self._failed(host))
        checks = tuple(check_record(step, batch.hosts, self._progress) for step in self._checks)
        return BatchRecord(batch.number, batch.by, len(batch.hosts), failed, good, checks)

    def _may_go_on(self) -> bool:
        return not (self._tools.switch.stopping or self._failed_at_all())

    def _failed_at_all(self) -> bool:
        return self._stepping.failed_for_good() or self.too_many_failed()

    def _soak(self, batch: Batch, soak: Callable[[float], bool]) -> None:
        rollout, tools = self._rollout, self._tools
        if rollout.soak and not tools.switch.finishing:
            tools.emitter.emit(EventKind.SOAK_STARTED, seconds=rollout.soak, batch=batch.number)
            soak(rollout.soak)

    def _pause_after(self, batch: Batch, of: int) -> None:
        """Ask a human whether to go on, where the rollout wants that; the waiting ends when the run shall.

        Suspended when there is nobody to ask here, or others than whoever is here have to say yes.
        """
        rollout = self._rollout
        if batch.number not in rollout.pause_after or self._tools.switch.finishing:
            return
        failed = [host for host in batch.hosts if self._failed(host)]
        done = "is done" if batch.hosts else f"({batch.by}) has no device"
        bad = f", and failed on {len(failed)} of {len(batch.hosts)} devices: {few(failed)}" if failed else ""
        text = f"batch {batch.number} of {of} {done}{bad}; go on?"
        elsewhere = rollout.pause is not None or self._was_asked_about(batch)
        answer = None if elsewhere else self._tools.question(text)
        if answer is None and self._waiting.possible:
            answer = self._is_approved(batch, text)
        elif answer is None:
            self._ledger.stopped = "nobody could be asked to go on: nothing is remembered here (store.url: none)"
        elif not answer:
            self._ledger.stopped = f"nobody said yes to: {text}"
        if not answer:
            self._tools.switch.finish_batch()

    def _is_approved(self, batch: Batch, text: str) -> bool:
        """Tell whether whoever has to say yes behind a batch has; `text` is what they are asked where nothing else is said."""
        try:
            wait = self._waiting.paused(batch.number, lambda: self._asked(text))
        except ExpressionError as error:
            self._ledger.stopped = f"nobody could be asked to go on: the text of `pause_after`: {error.message}"
            return False
        approved = wait.end is WaitEnd.APPROVED
        self._ledger.stopped = "" if approved else why(wait)
        return approved

    def _asked(self, text: str) -> Awaited:
        pause = self._rollout.pause or Awaited(WaitKind.APPROVAL, approvers=0)
        if pause.text:
            text = str(self._tools.renderer.render(pause.text, self._progress.names(None)))
        return replace(pause, text=text)

    def _was_asked_about(self, batch: Batch) -> bool:
        """Tell whether a process before this one had come to the pause behind the batch."""
        return batch.number in self._rollout.pause_after and self._waiting.is_paused(batch.number)

    def _take_back_failed(self, batch: Batch, but: Collection[str] = ()) -> None:
        failed = [host for host in batch.hosts if host not in but and self._failed(host)]
        if failed and self._workflow.on_failure is OnFailure.ROLLBACK and self._tools.emitter.failure is None:
            self._roll_back(failed)

    def _failed(self, host: str) -> bool:
        return self._progress.failure(host) is not None

    def too_many_failed(self) -> bool:
        """Tell whether more devices failed than the rollout bears; `on_failure: continue` bears any until the end."""
        return self._workflow.on_failure is not OnFailure.CONTINUE and self.beyond_thresholds()

    def beyond_thresholds(self) -> bool:
        """Tell whether more devices failed than the rollout bears, whatever becomes of that."""
        unconfirmed = {host for host in self._ledger.batch_of if self._ledger.unconfirmed_at(host)}
        return bool(self._thresholds.exceeded(self._progress.failed_hosts() | unconfirmed))
