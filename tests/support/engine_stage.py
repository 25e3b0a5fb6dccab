"""A small network in memory and the words to run a workflow on it, for the tests of the engine."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nornflow.abc import EventSink, Gate, Journal, StepContext, StepType, Twin, Waits
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.journal import NoJournal
from nornflow.engine.plans.drift import Sealed
from nornflow.engine.recovery.recovery import Earlier
from nornflow.engine.run import Run
from nornflow.engine.shards.shard import Shard
from nornflow.engine.tools import Results, Tools
from nornflow.engine.turns import Turns
from nornflow.errors import ConnectionLost, StepError
from nornflow.model.decision import Decision, GateRequest, Verdict
from nornflow.model.plan import Plan
from nornflow.model.rollout import Targets
from nornflow.model.run import HostState, RunInfo, RunRecord, StepResult
from nornflow.model.step import Edge, Scope, Step
from nornflow.model.wait import Awaited
from nornflow.model.workflow import Workflow
from nornflow.policy.profiles import load_profiles
from nornflow.testing.fakes import FakeDevice, FakeDevices, FakeSandbox, RememberingObserver
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.templating import Renderer
from nornflow_builtins.calls import CallStep
from nornflow_builtins.checks import ConditionalStep
from split_up import Apart, ShardDeaths

CONFIG = "hostname {0}\n!\ninterface Loopback0\n description router id\n!\nntp server 192.0.2.1\nend\n"
CONFIGURES = frozenset({"device.read", "device.configure"})


class Configure(StepType):
    """Sends configuration lines."""

    name = "fake.configure"
    permissions = CONFIGURES

    class Params(BaseModel):
        lines: list[str]

    def apply(self, context: StepContext, params: Params) -> StepResult:
        context.connection("fake").send_config_set(params.lines)
        return StepResult(outputs={"sent": len(params.lines)})


class Check(StepType):
    """Evaluates a condition."""

    name = "fake.check"
    verifies = True

    class Params(BaseModel):
        condition: Any

    def apply(self, context: StepContext, params: Params) -> StepResult:
        if not context.evaluate(params.condition):
            raise StepError(f"not true: {params.condition}")
        return StepResult()


class Look(StepType):
    """Reads the state that a device answers with, and its NTP servers out of its configuration."""

    name = "fake.look"
    permissions = frozenset({"device.read"})

    class Params(BaseModel):
        """None."""

    def apply(self, context: StepContext, params: Params) -> StepResult:
        connection = context.connection("fake")
        config = connection.send_command("show running-config").splitlines()
        servers = [{"server": line.split()[-1]} for line in config if line.startswith("ntp server")]
        return StepResult(outputs={"parsed": {"ntp": servers, **json.loads(connection.send_command("show state"))}})


class Say(StepType):
    """Runs once and says something."""

    name = "fake.say"
    scope = Scope.RUN

    class Params(BaseModel):
        text: str = ""
        fail: int = 0

    def __init__(self) -> None:
        self.said: list[str] = []

    def apply(self, context: StepContext, params: Params) -> StepResult:
        self.said.append(params.text)
        if len(self.said) <= params.fail:
            raise StepError("not yet")
        return StepResult(stdout=params.text + "\n", outputs={"text": params.text}, exit_code=0)


class Api(StepType):
    """Changes a device otherwise than by lines, and says itself what it would change."""

    name = "fake.api"
    permissions = CONFIGURES

    class Params(BaseModel):
        """None."""

    def __init__(self) -> None:
        self.resource = "old"
        self.sent = 0

    def plan(self, context: StepContext, params: Params) -> StepResult:
        return StepResult(HostState.PLANNED, diff=f"-{self.resource}\n+new\n")

    def apply(self, context: StepContext, params: Params) -> StepResult:
        self.sent += 1
        return StepResult(HostState.CHANGED, changed=True, diff=f"-{self.resource}\n+new\n")


class Careless(StepType):
    """Swallows whatever its connection says, as third-party tasks do."""

    name = "fake.careless"
    permissions = CONFIGURES

    class Params(BaseModel):
        line: str

    def apply(self, context: StepContext, params: Params) -> StepResult:
        line = params.line if context.mode == "plan" else "something else"
        try:
            context.connection("fake").send_config_set([line])
        except Exception:  # noqa: BLE001
            return StepResult()
        return StepResult()


class Await(StepType):
    """Waits for what it is told, and says what came of it."""

    name = "fake.await"
    scope = Scope.RUN

    class Params(BaseModel):
        awaited: Any

    def awaits(self, context: StepContext, params: Params) -> Awaited | None:
        made: Awaited | None = params.awaited(context.clock()) if callable(params.awaited) else params.awaited
        return made

    def apply(self, context: StepContext, params: Params) -> StepResult:
        wait = context.wait
        return StepResult(outputs={"by": list(wait.approved_by), "data": wait.data} if wait is not None else {})


class OneFirst(Gate):
    """Demands that one device is changed first, as a profile with `canary` does."""

    name = "one-first"

    def check(self, request: GateRequest) -> list[Decision]:
        first = next(len(batch.hosts) for batch in request.batches if batch.hosts)
        return [Decision(Verdict.DENY, f"{first} devices would be first")] if first > 1 else []


@dataclass
class LosesOnce(FakeDevice):
    """Takes the lines and drops the session before it answers, the first time."""

    def take(self, lines: Sequence[str]) -> None:
        first = not self.received
        super().take(lines)
        if first:
            raise ConnectionLost("the session was dropped")


@dataclass
class Stage:
    """A small network and the words to run a workflow on it."""

    devices: dict[str, FakeDevice]
    steps: list[Step] = field(default_factory=list)
    gates: tuple[Gate, ...] = ()
    approve: Callable[[Plan, bool], bool] = lambda plan, held: True
    question: Callable[[str], bool | None] = lambda text: True
    profile: str = "standard"
    workflow: dict[str, Any] = field(default_factory=dict)
    compiled: Workflow | None = None
    """What is run in place of the steps."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    naps: list[float] = field(default_factory=list)
    say: Say = field(default_factory=Say)
    api: Api = field(default_factory=Api)
    switch: StopSwitch = field(default_factory=StopSwitch)
    observer: RememberingObserver = field(default_factory=RememberingObserver)
    sink: EventSink | None = None
    journal: Journal = field(default_factory=NoJournal)
    earlier: Earlier | None = None
    turns: Turns | None = None
    twins: tuple[Twin, ...] = ()
    sealed: Sealed | None = None
    results: Results | None = None
    waits: Waits | None = None
    clock: Callable[[], datetime] | None = None
    ticks: Iterator[int] = field(default_factory=itertools.count)
    """Seconds since the story began: each look at the clock takes one."""
    processes: int = 0
    """Among how many processes the devices are shared; 0 is none but the run's own."""
    processes_below: int = 0
    """Among how many each of these shares its own ones; 0 is none."""
    shard_deaths: ShardDeaths = field(default_factory=ShardDeaths)

    def step(self, name: str, kind: str, *after: str | Edge, **keys: Any) -> Stage:
        scope = Scope.RUN if kind in ("fake.say", "fake.await") else Scope.DEVICE
        edges = tuple(edge if isinstance(edge, Edge) else Edge(edge) for edge in after)
        permissions = CONFIGURES if kind in ("fake.configure", "fake.careless", "fake.api") else frozenset()
        own = {
            key: keys.pop(key) for key in list(keys) if key in ("lines", "condition", "text", "fail", "line", "awaited")
        }
        self.steps.append(Step(name, kind, scope, permissions, after=edges, params=own, **keys))
        return self

    def prepare(self) -> Run:
        ticks = self.ticks
        clock = self.clock or (lambda: datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=next(ticks)))
        profiles = load_profiles()
        made = Workflow("test", "1.0", tuple(self.steps), targets=Targets(), **self.workflow)
        workflow = self.compiled or made
        ids = workflow.written_ids
        fleet = self.fleet = FakeDevices(self.devices)
        types: list[StepType] = [Configure(), Check(), self.say, self.api, Careless(), Look(), Await()]
        types += [CallStep(), ConditionalStep()]
        tools = Tools(
            step_types={kind.name: kind for kind in types},
            profiles=profiles,
            gates=self.gates,
            devices=fleet,
            evaluator=Evaluator(step_ids=ids),
            renderer=Renderer(step_ids=ids),
            sandbox=lambda profile, permissions, step, emit: FakeSandbox(),
            emitter=Emitter("run-1", [self.observer], clock, sink=self.sink, lost=lambda: self.switch.stop("store")),
            switch=self.switch,
            results=self.results,
            clock=clock,
            monotonic=lambda: float(next(ticks)),
            sleep=lambda seconds: bool(self.naps.append(seconds)),
            soak=lambda seconds: bool(self.naps.append(seconds)),
            approve=self.approve,
            question=self.question,
            journal=self.journal,
            turns=self.turns,
            twins=self.twins,
            waits=self.waits,
        )
        profile = replace(
            profiles[self.profile], sealed_only=self.sealed is not None or profiles[self.profile].sealed_only
        )
        info = RunInfo("run-1", "test", "1.0", "ada", profile, Path("/nowhere"), Path("/nowhere"))
        if self.processes:

            def born(tools: Tools) -> Shard:
                return Shard(workflow, fleet.hosts(), info, self.inputs, {}, tools)

            apart = Apart(self.processes, list(self.devices), born, self.shard_deaths, self.processes_below)
            apart.join(info, tools)
            tools = replace(tools, shards=apart)
        known = {"hosts": fleet.hosts(), "earlier": self.earlier, "sealed": self.sealed}
        return Run(workflow, list(self.devices), self.inputs, info, tools, **known)

    def run(self) -> RunRecord:
        return self.prepare().execute()


def network(count: int = 3, **faults: FakeDevice) -> Stage:
    devices = {f"r{n}": FakeDevice(CONFIG.format(f"r{n}")) for n in range(1, count + 1)}
    return Stage({**devices, **faults})


def fates(record: RunRecord) -> dict[str, str]:
    return {host.host: host.state.value for host in record.hosts}


def changing(stage: Stage, **keys: Any) -> Stage:
    return stage.step("configure", "fake.configure", lines=["ntp server 192.0.2.9"], **keys)
