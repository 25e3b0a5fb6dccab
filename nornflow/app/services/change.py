"""Planning and running a change: from a file and the words of a command line to a plan or a record."""

from __future__ import annotations

import getpass
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nornflow.abc import Devices, Observer
from nornflow.app.build import Project
from nornflow.app.services.choice import chosen_profile
from nornflow.app.services.given import given_inputs
from nornflow.devices.selection import select
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.run import Run
from nornflow.engine.tools import Tools
from nornflow.errors import UsageError
from nornflow.model.decision import Decision
from nornflow.model.permission import Mode
from nornflow.model.plan import Plan
from nornflow.model.run import RunInfo, RunRecord
from nornflow.model.workflow import Workflow
from nornflow.store.cache import FileCache
from nornflow.store.records import RunRecords
from nornflow.store.slots import run_slot
from nornflow.workflow.compiler import compile_workflow
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.inputs import resolve_inputs
from nornflow.workflow.loader import load
from nornflow.workflow.templating import Renderer


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for: the workflow's file, inputs (`key=value` or `@file.yaml`), and how to narrow it."""

    file: Path
    inputs: Sequence[str] = ()
    limit: str = ""
    profile: str = ""
    inventory: Path | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Voices:
    """How a run talks to the outside: observers, the question before a change, and the switch that stops it."""

    observers: Sequence[Observer] = ()
    approve: Callable[[Plan, bool], bool] = lambda plan, held: False
    question: Callable[[str], bool] = lambda text: False
    switch: StopSwitch = field(default_factory=StopSwitch)


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A plan with what the gates said of it."""

    plan: Plan
    decisions: tuple[Decision, ...]
    workflow: Workflow


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def new_run_id(moment: datetime, rng: random.Random | None = None) -> str:
    """Return an id for a run that sorts by time: `20261121-093000-1f3a9c`."""
    return f"{moment:%Y%m%d-%H%M%S}-{(rng or random.SystemRandom()).getrandbits(24):06x}"


def plan_change(project: Project, request: Request, voices: Voices) -> PlannedChange:
    """Plan a change: devices are read, nothing is written. Raises what `nornflow plan` shows as an error."""
    prepared = _Prepared(project, request, voices, Mode.PLAN)
    try:
        plan, decisions = prepared.run.plan()
    finally:
        prepared.close()
    return PlannedChange(plan, decisions, prepared.workflow)


def run_change(project: Project, request: Request, voices: Voices) -> RunRecord:
    """Run a change and write its record into the workspace; the record says how it ended."""
    prepared = _Prepared(project, request, voices, Mode.APPLY)
    profile = prepared.info.profile
    records = RunRecords(project.workspace, project.redactor)
    try:
        with run_slot(project.workspace, profile.name, profile.max_concurrent_workflows):
            record = prepared.run.execute()
            records.write(record)  # at once: closing sessions may take as long as devices let it
    finally:
        prepared.close()
    return record


class _Prepared:
    """Everything of one run, made ready; nothing has been done yet."""

    def __init__(self, project: Project, request: Request, voices: Voices, mode: Mode) -> None:
        self.workflow = compile_workflow(
            load(request.file),
            project.step_types,
            checks=project.checks,
            profiles=project.profiles,
            filters=project.filters,
            absent=project.absent,
        )
        profile = chosen_profile(project, request.profile, self.workflow)
        workspace = RunRecords(project.workspace).folder(run_id := new_run_id(now())) / "files"
        inputs = resolve_inputs(
            self.workflow.inputs,
            given_inputs(request.inputs),
            max_string=profile.strictness.max_string,
            base=project.folder,
        )
        self.info = RunInfo(
            run_id, self.workflow.name, self.workflow.version, _user(), profile, workspace, project.folder
        )
        ids = tuple(step.id for step in self.workflow.steps)
        evaluator = Evaluator(step_ids=ids)
        self._devices: Devices | None = None
        targets: tuple[str, ...] = ()
        if self.workflow.needs_devices:
            self._devices = project.devices(request.inventory)
            of_hosts = Evaluator(missing_is_null=True)  # not every host has every key
            targets = select(self._devices.hosts(), self.workflow.targets, request.limit, of_hosts, inputs)
            if not targets:
                raise UsageError("no device is targeted", hint="look at `targets:` and --limit")
        elif request.limit:
            raise UsageError("--limit is for workflows with steps on devices; this one has none")
        observers = [*voices.observers, *project.plugin_host.registries.observers.values()]
        tools = Tools(
            step_types=project.step_types,
            profiles=project.profiles,
            gates=project.gates(mode),
            devices=self._devices,
            evaluator=evaluator,
            renderer=Renderer(filters=project.filters, step_ids=ids, project=project.folder),
            sandbox=project.sandboxes(workspace, request.file.parent.resolve(), voices.switch),
            emitter=Emitter(run_id, observers, now, project.redactor),
            switch=voices.switch,
            cache=FileCache(project.workspace, redactor=project.redactor),
            clock=now,
            sleep=voices.switch.wait,
            approve=voices.approve,
            question=voices.question,
            default_timeout=float(project.settings.default_timeout),
        )
        hosts = self._devices.hosts() if self._devices else {}
        self.run = Run(self.workflow, targets, inputs, self.info, tools, hosts=hosts, variables=request.variables)

    def close(self) -> None:
        """Close every device connection that is still open."""
        if self._devices is not None:
            self._devices.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry for this uid, as in many containers
        return "unknown"
