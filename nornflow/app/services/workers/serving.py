"""A worker: takes runs of its sites from their queues, one process for each, leads pipelines, and follows the dead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any

from nornflow.abc.durable import Ctx, DurableEngine, Duty, LeaveJob, Serving
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.pipelines.leaving import LeavingStarter
from nornflow.app.services.pipelines.worker import Pipelines
from nornflow.app.services.spec import kept_spec
from nornflow.app.services.waits.going_on import due
from nornflow.app.services.waits.waiting import remind
from nornflow.app.services.workers.alive import Alive, alive
from nornflow.app.services.workers.call import Call
from nornflow.app.services.workers.carrier import Carrier, Errand
from nornflow.app.services.workers.carriers import Carriers
from nornflow.app.services.workers.carrying import Came, Carried
from nornflow.app.services.workers.following import Follower
from nornflow.app.services.workers.insisting import Insisting, is_lost
from nornflow.app.services.workers.once import Once
from nornflow.app.services.workers.submitting import WORK, job_of, place_of, sites_of
from nornflow.app.sites.owning import PART
from nornflow.engine.herald import Herald
from nornflow.errors import NornFlowError, StoreError
from nornflow.model.event import Event, EventKind
from nornflow.model.job import MOST_ATTEMPTS, JobState, Waits
from nornflow.model.submission import Post, Submission, Submitted
from nornflow.store.database import StoreAway, demand_schema, told
from nornflow.store.posts import Posts
from nornflow.store.runs import SqlRunStore
from nornflow.store.submissions import Submissions
from nornflow.store.workers import Workers

LOOK = 1.0
"""Seconds between two looks at what was submitted."""
DUE = "due"
"""The signal that what a run waited for has come."""
MOST_DEATHS = 30
"""How many processes may die at a site's part of a run; single devices are given up long before."""
PAUSE = 1.0
"""Seconds before a run is tried again whose process has died."""
SELDOM = 15.0
"""Seconds between two looks for the site of a run that nobody has."""


class Worker:
    """One process at its post, from `work` until it is told to end; `tell` says in a line what happens.

    Whoever calls it sees to it that `hurry` follows in time (`Call.end_in_time`); `grace` is how long that takes, for people.

    A run is carried on by a process of its own (`carrier` starts one), so that one that kills its process kills no other. One
    more process is kept ready, which has loaded what runs need before there is one for it.
    """

    def __init__(
        self,
        project: Project,
        post: Post,
        call: Call,
        carrier: Callable[[], Carrier],
        *,
        grace: float,
        tell: Callable[[str], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project, self._post, self._call = project, post, call
        self._grace, self._tell = grace, tell
        self._monotonic = monotonic
        self._tell_once = Once(tell, monotonic)
        self._asked: dict[str, float] = {}
        self._surely = Insisting(call.hurry, self._tell_once)
        self._carriers = Carriers(carrier, call, self._tell_once, monotonic)

    def work(self) -> bool:
        """Take runs until the worker shall end; False when others took it for dead. StoreError when it cannot begin."""
        strangers = tuple(self._project.plugin_host.registries.observers.values())
        patience = self._call.patience(self._project.settings.store.patience)
        with (
            closing(self._project.store(patience=patience)) as store,
            closing(
                self._project.durable(store.engine if isinstance(store, SqlRunStore) else None, patience)
            ) as engine,
            closing(Herald(strangers, self._project.redactor, self._tell_once)) as self._herald,
            alive(store, self._project) as me,
        ):
            assert isinstance(store, SqlRunStore)  # `durable` demands one
            assert me.workers is not None  # of the same store
            self._store, self._submissions, self._posts = store, Submissions(store.engine), Posts(store.engine)
            self._id = me.id
            me.tell(lambda error: self._lose(error))
            self._posts.take(me.id, self._post)
            assert me.pulse is not None  # of the same store
            me.pulse.watch(lambda: self._look_for_drain(me.id))
            self._carriers.make_spare()
            self._starter = LeavingStarter(self._carriers.another, self._is_left, self._post.concurrency)
            self._pipelines = Pipelines(self._project, store, me.workers, self._starter, self._herald, self._tell)
            duty = Duty(me.id, self._post.queues, self._post.concurrency, self._post.parts)
            self._tell(f"worker {me.id} takes runs of {', '.join(self._post.places)}")
            follower = Follower(me.workers, self._posts, engine, tell=self._tell, trouble=self._tell_away)
            with engine.serve(duty, {WORK: self._carry, PART: self._part}) as serving, follower:
                self._serve(engine, serving, me)
            if not self._call.lost.is_set():
                with suppress(
                    StoreAway
                ):  # then it is somebody else's when this worker is seen to be gone, and not at once
                    engine.recover([me.id])
        return not self._call.lost.is_set()

    def _serve(self, engine: DurableEngine, serving: Serving, me: Alive) -> None:
        while not self._call.drain.wait(LOOK):
            self._carriers.keep_spare()
            try:
                self._look_after(engine, me)
            except StoreAway as error:
                self._tell_away(error)
            except NornFlowError as error:  # of one thing that is looked after; the others are none the worse
                self._tell_once(f"{error.message}; it is looked at again")
        serving.drain()
        if not self._call.lost.is_set():
            with suppress(StoreError):  # then they are taken over when this worker is gone
                self._pipelines.release()
        with suppress(StoreError):  # it is for people who look
            self._posts.retire(me.id)
        if serving.at_work:
            self._tell(f"draining: {len(serving.at_work)} runs are at work, and have {self._grace:.0f} s")
        self._carriers.leave()
        while (serving.at_work or self._starter.busy) and not self._call.hurry.wait(LOOK / 5):
            pass
        self._carriers.kill()
        self._starter.close()

    def _look_after(self, engine: DurableEngine, me: Alive) -> None:
        assert me.workers is not None  # of the same store
        self._demand_our_schema()
        submitted = {each.run: each for each in self._submissions.open()}
        for each in submitted.values():
            if self._is_ours(each.submission):
                self._look_at(engine, me.workers, each)
        may_go_on = due(self._store, me, now())
        for run in may_go_on:
            known = submitted.get(run) or self._adopted(run)
            if known is not None and self._is_ours(known.submission) and not engine.signal(known.job, DUE):
                engine.submit(job_of(known))
        for event in remind(self._store, now()):
            self._herald.tell(event)
        self._pipelines.look(may_go_on, submitted)

    def _demand_our_schema(self) -> None:
        """End the worker when the store was upgraded under it: it could only spoil what it took."""
        try:
            with told(self._store.engine, "the schema could not be looked at"):
                demand_schema(self._store.engine)
        except StoreAway:
            raise
        except StoreError as error:
            self._lose(error)

    def _is_ours(self, submission: Submission) -> bool:
        here = submission.place in self._post.places and submission.versions == self._post.versions
        return here and not submission.parked

    def _adopted(self, run: str) -> Submitted | None:
        """Take on a run that was not left to workers, waited without a process, and may go on now; None where it is not ours.

        The inventory says whose it is. It is asked seldom: it may be long, and what it says wrong of one run is no other's.
        """
        if self._monotonic() < self._asked.get(run, float("-inf")) + SELDOM:
            return None
        self._asked[run] = self._monotonic()
        try:
            spec = kept_spec(self._store.standing(run).spec, self._project.folder)
            place = place_of(sites_of(self._project, spec))
        except StoreError:
            raise
        except NornFlowError as error:
            self._tell_once(f"run {run} may go on, and nobody can tell where: {error.message}")
            return None
        if place not in self._post.places:
            return None
        return self._submissions.adopt(run, Submission(place, self._post.versions, now()))

    def _look_at(self, engine: DurableEngine, workers: Workers, each: Submitted) -> None:
        """Bring a run's job in line with its submission, which counts: whoever submitted it may have died in between."""
        job = engine.status(each.job)
        if job is None:
            engine.submit(job_of(each))
        elif job.state is JobState.RUNNING and workers.gone(job.worker):
            engine.recover([job.worker])  # it could not give it back before it signed off: the store was away
        elif job.state is JobState.PARKED:
            self._park(each.run, f"{MOST_ATTEMPTS} workers died while they carried it out")
        elif job.ended and self._unchanged(each):
            self._park(each.run, job.error or f"its job is {job.state}")

    def _unchanged(self, each: Submitted) -> bool:
        """Tell whether a run is as it was submitted: its worker may have parked it, or ended it, in this moment."""
        now = self._submissions.of(each.run)
        same = now is not None and (now.round, now.parked) == (each.submission.round, "")
        return same and not self._store.standing(each.run).ended

    def _carry(self, ctx: Ctx, data: Mapping[str, Any]) -> Any:
        carried: dict[str, Any] = ctx.step("carry", lambda: self._carried(ctx, str(data["run"])))
        return Waits(DUE) if carried.get("waits") else carried

    def _carried(self, ctx: Ctx, run: str) -> dict[str, Any]:
        """Have a run carried on, as often as it takes and may; return ids and words alone."""
        while not self._call.hurry.is_set():
            attempt = self._surely(lambda: self._submissions.attempt(run, self._id))
            if not attempt:
                return self._had_enough(run)
            carried = self._by_process(ctx, run)
            if is_lost(ctx):
                return {"run": run, "left": True}
            if self._call.drain.is_set() and (carried is None or carried.came is Came.AGAIN):
                self._in_order(run)
                break
            if carried is None:
                self._tell(f"run {run}: its process died (attempt {attempt} of {MOST_ATTEMPTS})")
                self._call.hurry.wait(PAUSE)
                continue
            self._in_order(run)
            match carried.came:
                case Came.ENDED | Came.WAITS:
                    self._tell(f"run {run} is {carried.state}")
                    return {"run": run, "state": carried.state, "waits": carried.came is Came.WAITS}
                case Came.STUCK:
                    self._park(run, carried.text)
                    return {"run": run, "parked": True}
                case Came.AGAIN:
                    self._tell_once(f"run {run} is tried again: {carried.text}")
                    self._call.drain.wait(PAUSE)
        raise LeaveJob

    def _part(self, ctx: Ctx, data: Mapping[str, Any]) -> Any:
        return ctx.step("part", lambda: self._parted(ctx, str(data["run"]), str(data["site"])))

    def _parted(self, ctx: Ctx, run: str, site: str) -> dict[str, Any]:
        """Have a site's part of a run done; a process that dies is followed by the next, for the owner of the run counts them."""
        about, deaths = {"run": run, "site": site}, 0
        while deaths < MOST_DEATHS:
            if self._call.hurry.is_set():
                raise LeaveJob
            carried = self._by_process(ctx, run, site)
            if is_lost(ctx) or (carried is not None and carried.came is Came.ENDED):
                return about
            if self._call.drain.is_set():
                raise LeaveJob
            deaths += carried is None
            self._tell(f"run {run}: its process at {site} {f'ended: {carried.text}' if carried else 'died'}")
            self._call.hurry.wait(PAUSE)
        raise RuntimeError(f"its process died {MOST_DEATHS} times")

    def _by_process(self, ctx: Ctx, run: str, site: str = "") -> Carried | None:
        """Have one process carry a run on; None when it died. It is ended when the job is not this worker's any more."""
        with self._carriers.one() as carrier:
            carrier.take(Errand(run, site))
            if self._call.drain.is_set():
                carrier.leave()
            while not carrier.ended(LOOK / 5):
                if is_lost(ctx) or self._call.hurry.is_set():
                    carrier.kill()
            return carrier.carried

    def _is_left(self, run: str) -> bool:
        known = self._submissions.of(run)
        return known is not None and not known.parked

    def _had_enough(self, run: str) -> dict[str, Any]:
        known = self._surely(lambda: self._submissions.of(run))
        if known is not None and not known.parked and not self._surely(lambda: self._store.standing(run)).ended:
            self._park(run, f"its process died {MOST_ATTEMPTS} times")
        return {"run": run, "parked": True}

    def _in_order(self, run: str) -> None:
        self._surely(lambda: self._submissions.in_order(run))

    def _park(self, run: str, why: str) -> None:
        event = Event(EventKind.RUN_PARKED, now(), run, message=self._project.redactor.text(why))
        self._surely(lambda: self._submissions.park(run, why))
        self._surely(lambda: self._store.remark(run, event))
        self._herald.tell(event)
        self._tell(f"run {run} is parked: {why}; nornflow runs resume {run} --detach tries it again")

    def _look_for_drain(self, worker: str) -> None:
        if self._posts.drains(worker):
            self._call.drain.set()

    def _lose(self, error: StoreError) -> None:
        self._tell(error.message)
        self._call.lost.set()
        self._call.hurry.set()
        self._call.drain.set()

    def _tell_away(self, error: StoreError) -> None:
        self._tell_once(f"the store is away: {error.message}")
