"""Planning one step on one device: what it would send, and what that would make of the configuration."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace

from nornflow.abc import DeviceSession
from nornflow.engine.graph import ancestors
from nornflow.engine.plans.plan_notes import PlanNotes, StepPlan
from nornflow.engine.progress import Progress
from nornflow.engine.taking_back import TakeBack
from nornflow.engine.tools import Premise
from nornflow.engine.work import StepWork
from nornflow.errors import DeviceError, ExpressionError, GuardDenied, NornFlowError, PlanStale, PolicyDenied
from nornflow.model.decision import Verdict
from nornflow.model.event import EventKind
from nornflow.model.permission import Mode
from nornflow.model.plan import Method, PlannedStep, Risk
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Step
from nornflow.planning.planner import Planner
from nornflow.platforms.load import platform_for
from nornflow.policy.lockout import lockout_verdict


class PlannedWork(StepPlan):
    """The plan of one step: made in the planning phase, or just before it is applied."""

    def __init__(
        self,
        work: StepWork,
        progress: Progress,
        planners: dict[str, Planner],
        keyed: Callable[[str], str] = lambda line: "",
        premise: Premise | None = None,
    ) -> None:
        self._keyed = keyed
        self._premise = premise
        self._work = work
        self._progress = progress
        self._planners = planners
        self._results: dict[str, StepResult] = {}
        self._hashes: dict[str, str] = {}
        self.planned: dict[str, PlannedStep] = {}
        self.risks: dict[str, tuple[Risk, ...]] = {}

    def take_over(self, earlier: PlannedWork) -> None:
        """Keep what an earlier pass planned, so that exactly that is applied."""
        self.planned.update(earlier.planned)
        self.risks.update(earlier.risks)
        self._results.update(earlier._results)

    def recall(self, results: Mapping[str, StepResult], hashes: Mapping[str, str]) -> None:
        """Know again what another process planned: results, and the hash of each device's configuration then."""
        self._results.update(results)
        self._hashes.update(hashes)

    def notes(self, host: str, *, planner: bool) -> PlanNotes:
        """Return what is planned on a device, for another process."""
        known = self._planners.get(host) if planner else None
        return PlanNotes(
            self.planned.get(host), self._results.get(host), self.risks.get(host), self.read_hash(host), known
        )

    def put_notes(self, host: str, notes: PlanNotes) -> None:
        """Know of a device what another process planned."""
        if notes.planned is not None:
            self.planned[host] = notes.planned
        if notes.result is not None:
            self._results[host] = notes.result
        if notes.risks is not None:
            self.risks[host] = notes.risks
        if notes.digest and host not in self._planners:
            self._hashes[host] = notes.digest
        if notes.planner is not None:
            self._planners[host] = notes.planner

    def plan(self, session: DeviceSession, *, afresh: bool = False) -> StepResult:
        """Plan the step on a device; reads go to it, configuration is captured, nothing is written.

        `afresh` plans on the configuration that the device has now, not on what the steps before should have left.
        """
        host = session.host.name
        if isinstance(self._work.step_type, TakeBack):
            way = self._work.step_type.way(session)
            return self._planned_as(session, StepResult(), way.connection, way.lines, afresh=afresh)
        grant = self._work.grant(host, Mode.PLAN)
        error: NornFlowError | None = None
        result = StepResult()
        with session.lease(grant) as report:
            try:
                result = self._work.act(Mode.PLAN, session)
            except NornFlowError as raised:
                error = raised
        if report.denials and not isinstance(error, GuardDenied):
            raise GuardDenied(report.denials[0], hint="see: nornflow policy explain")
        if error is not None:
            raise error
        if result.failed or not self._work.step.configures:
            return result  # a step type that could not plan its step may say so without raising
        connection = report.connections[-1] if report.connections else ""
        return self._planned_as(
            session, result, connection, tuple(report.captured), native_diff=report.native_diff, afresh=afresh
        )

    def _planned_as(
        self,
        session: DeviceSession,
        result: StepResult,
        connection: str,
        lines: tuple[str, ...],
        *,
        native_diff: str | None = None,
        afresh: bool,
    ) -> StepResult:
        """Keep what a step would do on a device by the lines that it would send, and return it as a planned result."""
        host = session.host.name
        if lines:
            planner = self._planner(session, connection, afresh=afresh)
            if native_diff is not None and not afresh and planner.native is None and not planner.supposed:
                self._rehearse_natively(session, planner, connection)
            planned = planner.plan(self._work.step.id, lines, connection=connection, native_diff=native_diff)
            self.risks[host] = planner.risks[self._work.step.id]
        else:  # a step that sends no lines says itself what it would change (`StepResult.diff` of a planned result)
            self._demand_no_premise(session, connection)
            own = result.diff if result.state is HostState.PLANNED else ""
            # compared with the device's own candidate and then nothing committed: the device itself says "no change"
            method = Method.MODEL if native_diff is None else Method.NATIVE
            if own:
                why = "it changes the device otherwise than by lines: whether the way in stays cannot be told"
                self.risks[host] = (Risk(self._work.step.id, "", why, certain=False),)
            planned = PlannedStep(self._work.step.id, host, connection=connection, diff=own, method=method)
        self.planned[host] = planned
        self._results[host] = replace(result, state=HostState.OK, changed=False, diff="", reason="no-change")
        return replace(result, state=HostState.PLANNED, changed=planned.changes, diff=planned.diff)

    def _planner(self, session: DeviceSession, connection: str, *, afresh: bool = False) -> Planner:
        """Return who plans the steps of a device: one of its own, that has read it, when there is none or `afresh`."""
        host = session.host.name
        planner = None if afresh else self._planners.get(host)
        if planner is None:
            platform, running = platform_for(session.host.nos), session.read_config(connection)
            supposed = self._premise(host, running) if self._premise is not None else None
            text, why = (running, "") if supposed is None else (supposed.text, supposed.why)
            planner = Planner(host, text, platform, session.way(connection), supposed=why)
            self._planners.setdefault(host, planner)
        return planner

    def _demand_no_premise(self, session: DeviceSession, connection: str) -> None:
        """Raise PlanStale for a step that looks at the device itself, where something else is supposed of that."""
        if self._premise is not None and connection and self._planner(session, connection).supposed:
            raise PlanStale(
                f"{session.host.name}: step {self._work.step.id} looks at the device itself and cannot be planned on what it "
                "will have",
                hint="apply the plan that comes first, then plan again",
            )

    def _rehearse_natively(self, session: DeviceSession, planner: Planner, connection: str) -> None:
        """Ask a device that holds candidates whether it would take its configuration of now back as a whole."""
        try:
            planner.native = session.compare_replace(connection, planner.pre)
        except DeviceError as error:
            planner.native = error.message

    def for_apply(self, session: DeviceSession) -> PlannedStep:
        """Return the approved plan for this device, or make one now when the step could not be planned before.

        Raises PolicyDenied when the profile applies approved plans only, and for lines that could lock the controller out.
        """
        host = session.host.name
        if host in self.planned:
            planned = self.planned[host]
            if any(planned.digests):
                planned = self.planned[host] = self._with_secrets(session, planned)
            return planned
        if self._work.profile.sealed_only:
            raise PolicyDenied(
                f"step {self._work.step.id} has no approved plan for {host}",
                hint=f"profile {self._work.profile.name} applies approved plans only: make the step independent of results "
                "that are not known while planning",
            )
        self.plan(session, afresh=True)
        for risk in self.risks.get(host, ()):
            self._late(host, risk)
        return self.planned[host]

    def _late(self, host: str, risk: Risk) -> None:
        """Judge a risk of lines that nobody saw when the plan was approved: there is nobody to ask any more.

        What nobody can tell goes on, and is said: whoever approved the plan knew that it does not tell what the step does.
        """
        verdict = lockout_verdict(self._work.profile, risk)
        if risk.certain and verdict is not Verdict.ALLOW:
            raise PolicyDenied(
                f"{host}: step {self._work.step.id} plans {risk.line!r} only now, and it locks the controller out: {risk.why}",
                hint="make the step independent of results that are not known while planning, so that it can be approved",
            )
        said = f"{host}: {risk.line!r} may lock the controller out: {risk.why}"
        facts = {"gate": "lockout", "verdict": Verdict.ALLOW.value, "rule": f"lockout: {self._work.profile.lockout}"}
        self._work.tell(EventKind.GATE_DECIDED, said, host=host, **facts)

    def _with_secrets(self, session: DeviceSession, approved: PlannedStep) -> PlannedStep:
        """Return a sealed step with the secrets in its lines; PlanStale when they are not those that were approved."""
        self.plan(session, afresh=True)
        now, self.planned[approved.host] = self.planned[approved.host], approved
        same = len(now.lines) == len(approved.lines) and all(
            hmac.compare_digest(self._keyed(line), digest) if digest else line == sealed
            for line, sealed, digest in zip(now.lines, approved.lines, approved.digests, strict=True)
        )
        if not same:
            raise PlanStale(
                f"{approved.host}: step {approved.step} would send another secret, or other lines, than were approved",
                hint="a password was changed since, or the plan was sealed in another workspace: plan again",
            )
        return replace(approved, lines=now.lines, digests=())

    def still_holds(self, session: DeviceSession, approved: PlannedStep) -> None:
        """Plan a step that sends no lines once more; PlanStale when it would not do now what was approved."""
        self.plan(session, afresh=True)
        now, self.planned[approved.host] = self.planned[approved.host], approved
        if now.diff != approved.diff:
            raise PlanStale(
                f"{approved.host}: step {approved.step} would not do any more what was planned",
                hint="the device was changed meanwhile: plan again",
            )

    def read_hash(self, host: str) -> str:
        """Return the hash of the configuration that the device had when its plan was begun, or an empty string."""
        planner = self._planners.get(host)
        return planner.pre_hash if planner is not None else self._hashes.get(host, "")

    def result(self, host: str) -> StepResult:
        """Return the result of a device on which the step has nothing to change."""
        return self._results.get(host, StepResult(reason="no-change"))


def is_unplannable(error: NornFlowError, progress: Progress, step: Step) -> bool:
    """Tell whether a step could not be planned only because a step before it has no result while planning."""
    if not isinstance(error, ExpressionError):
        return False
    return any(progress.is_unplanned(earlier) for earlier in ancestors(progress.workflow.steps, [step.id]))
