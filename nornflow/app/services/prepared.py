"""Everything of one run, made ready: from what somebody asked for, or from what a run that died had begun with."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from nornflow.abc import Devices, Journal, RunStore, StepType, Waits
from nornflow.app.build import Project
from nornflow.app.services.asking import Request, Voices
from nornflow.app.services.authors import authors_of
from nornflow.app.services.caching import results_of
from nornflow.app.services.choice import chosen_profile
from nornflow.app.services.given import given_inputs
from nornflow.app.services.own_plugins import own_plugin_files
from nornflow.app.services.provenance import of_stranger
from nornflow.app.services.spec import Spec, at_home, fingerprints, named_files, rendered_with, text_of
from nornflow.devices.selection import select
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.drift import Sealed
from nornflow.engine.emit import Emitter
from nornflow.engine.journal import NoJournal
from nornflow.engine.recovery import Earlier
from nornflow.engine.run import Run
from nornflow.engine.shards import Here
from nornflow.engine.sharing import Sharing
from nornflow.engine.tools import Premise, Tools
from nornflow.engine.turns import Turns
from nornflow.errors import UsageError
from nornflow.model.device import HostView
from nornflow.model.history import NewRun
from nornflow.model.permission import Mode
from nornflow.model.profile import Profile
from nornflow.model.run import RunInfo
from nornflow.model.workflow import Workflow
from nornflow.policy.lowering import with_steps
from nornflow.record import record
from nornflow.store.recorder import RunRecorder
from nornflow.store.records import RunRecords
from nornflow.workflow.compiler import compile_workflow
from nornflow.workflow.document import Document
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.frames import Passing, unrolled
from nornflow.workflow.inputs import resolve_inputs
from nornflow.workflow.library import Library
from nornflow.workflow.loader import load
from nornflow.workflow.templating import Renderer


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def new_run_id(moment: datetime, rng: random.Random | None = None) -> str:
    """Return an id for a run that sorts by time: `20261121-093000-1f3a9c`."""
    return f"{moment:%Y%m%d-%H%M%S}-{(rng or random.SystemRandom()).getrandbits(24):06x}"


@record
class Change:
    """A change with everything decided: the compiled workflow, its inputs, its profile and the devices that it targets."""

    workflow: Workflow
    profile: Profile
    devices: Devices | None
    hosts: Mapping[str, HostView]
    spec: Spec
    step_types: Mapping[str, StepType]

    def close(self) -> None:
        """Close every device connection that is still open."""
        if self.devices is not None:
            self.devices.close()


def asked_change(project: Project, request: Request) -> Change:
    """Work out what was asked for; raises what is wrong with it."""
    document = load(request.file)
    workflow = compiled(project, document)
    profile = chosen_profile(project, request.profile, workflow)
    inputs = resolve_inputs(
        workflow.inputs,
        {**given_inputs(request.inputs), **request.values},
        max_string=profile.strictness.max_string,
        base=project.folder,
    )
    workflow = _unrolled(project, workflow, profile, inputs, request.variables)
    devices = project.devices(request.inventory) if workflow.needs_devices else None
    hosts = devices.hosts() if devices else {}
    targets: tuple[str, ...] = ()
    if devices is not None:
        of_hosts = Evaluator(missing_is_null=True)  # not every host has every key
        targets = select(hosts, workflow.targets, request.limit, of_hosts, inputs)
        if not targets:
            raise UsageError("no device is targeted", hint="look at `targets:` and --limit")
    elif request.limit:
        raise UsageError("--limit is for workflows with steps on devices; this one has none")
    folder = request.file.parent.resolve()
    asked = request.asked or workflow.asks
    spec = Spec(
        text=document.source,
        file=str(request.file),
        folder=str(folder),
        project=str(project.folder.resolve()),
        used=profile.name,
        inputs=inputs,
        variables=dict(request.variables),
        limit=request.limit,
        profile=request.profile,
        inventory=str(request.inventory.resolve()) if request.inventory else "",
        targets=targets,
        devices=fingerprints(targets, hosts, project.redactor),
        files=files_of(project, workflow, folder, inputs, request.variables, [hosts[host] for host in targets]),
        resources=asked.wants,
        priority=asked.priority,
        called=_called(workflow, workflow.called),
    )
    return Change(workflow, profile, devices, hosts, spec, project.step_types)


def kept_change(project: Project, spec: Spec) -> tuple[Change, Spec]:
    """Make ready what was kept of a run, and return it with how its specification would be today."""
    types = step_types_for(project, spec)
    workflow = kept_workflow(project, spec)
    profile = chosen_profile(project, spec.profile, workflow)
    workflow = _unrolled(project, workflow, profile, spec.inputs, spec.variables)
    if spec.stranger:
        profile = of_stranger(project, profile)
    profile = with_steps(profile, workflow, project.profiles)
    inventory = Path(spec.inventory) if spec.inventory else None
    devices = project.devices(inventory) if workflow.needs_devices else None
    hosts = devices.hosts() if devices else {}
    known = [hosts[host] for host in spec.targets if host in hosts]
    today = Spec(
        text=spec.text,
        file=spec.file,
        folder=spec.folder,
        project=str(project.folder.resolve()),
        used=profile.name,
        devices=fingerprints(spec.targets, hosts, project.redactor),
        files=files_of(project, workflow, Path(spec.folder), spec.inputs, spec.variables, known),
        called=_called(workflow, {path: text_of(Path(path)) for path in spec.called}),
    )
    return Change(workflow, profile, devices, hosts, spec, types), today


def kept_workflow(project: Project, spec: Spec) -> Workflow:
    """Compile what was kept of a run or a plan, with the texts that it had then of the workflows that are called."""
    here = at_home(spec, project.folder)
    kept = {path: text for path, (text, _) in here.called.items()}
    library = replace(project.library, folder=Path(here.folder), kept=kept)
    return compiled(project, load(spec.file, text=spec.text), step_types_for(project, spec), library)


def files_of(
    project: Project,
    workflow: Workflow,
    folder: Path,
    inputs: Mapping[str, Any],
    variables: Mapping[str, Any],
    hosts: Sequence[HostView],
) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the files that the steps of a workflow in `folder` name or are done by, as `named_files` does."""
    renderer = Renderer(filters=project.filters, step_ids=workflow.written_ids, project=project.folder)
    rendered = rendered_with(renderer, inputs, variables, workflow, hosts)
    named = named_files(workflow, (folder, project.folder), project.folder / project.settings.tasks, rendered)
    return {**named, **own_plugin_files(project, workflow)}


def _unrolled(
    project: Project, workflow: Workflow, profile: Profile, inputs: Mapping[str, Any], variables: Mapping[str, Any]
) -> Workflow:
    """Return the workflow with each workflow that it calls as often as its inputs say."""
    if not workflow.frames:
        return workflow
    ids = workflow.written_ids
    renderer = Renderer(filters=project.filters, step_ids=ids, project=project.folder)
    passing = Passing(renderer, profile.strictness.max_string, project.folder)
    return unrolled(workflow, inputs, variables, Evaluator(step_ids=ids), passing)


def _called(workflow: Workflow, texts: Mapping[str, str]) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the text of each workflow that is called, by its path, with the steps that it has."""
    steps: dict[str, list[str]] = {path: [] for path in texts}
    for step in workflow.steps:
        frame = workflow.frames.get(step.frame)
        if frame is not None:
            steps.setdefault(frame.path, []).append(step.id)
    return {path: (text, tuple(steps[path])) for path, text in texts.items()}


def step_types_for(project: Project, spec: Spec) -> Mapping[str, StepType]:
    """Return what is installed, and the step type that takes a run back where that is what the specification is of."""
    if not spec.takes_back:
        return project.step_types
    from nornflow.app.services.rolling_back import step_type_for

    return {**project.step_types, **step_type_for(project, spec.takes_back, merge=bool(spec.inputs.get("merge")))}


def compiled(
    project: Project,
    document: Document,
    types: Mapping[str, StepType] | None = None,
    library: Library | None = None,
) -> Workflow:
    """Compile a workflow with what is installed, or with these step types; InvalidDocument with every mistake."""
    return compile_workflow(
        document,
        project.step_types if types is None else types,
        checks=project.checks,
        profiles=project.profiles,
        filters=project.filters,
        library=library or project.library,
    )


def run_info(project: Project, change: Change, run: str, user: str) -> RunInfo:
    """Return what the steps of a run are told of it."""
    workflow, profile = change.workflow, change.profile
    if change.spec.sealed:  # whatever the profile says else: nothing but what was sealed may be sent
        profile = replace(profile, sealed_only=True)
    workspace = RunRecords(project.workspace).folder(run) / "files"
    return RunInfo(run, workflow.name, workflow.version, user, profile, workspace, project.folder)


def tools_for(
    project: Project, change: Change, info: RunInfo, *, emitter: Emitter, switch: StopSwitch, journal: Journal
) -> Tools:
    """Return what steps of a change are done with, in whichever process; it asks nobody, and nothing is remembered."""
    ids = change.workflow.written_ids
    return Tools(
        step_types=change.step_types,
        profiles=project.profiles,
        gates=(),
        devices=change.devices,
        evaluator=Evaluator(step_ids=ids),
        renderer=Renderer(filters=project.filters, step_ids=ids, project=project.folder),
        sandbox=project.sandboxes(info.workspace, _homes(change.workflow, change.spec), switch),
        emitter=emitter,
        switch=switch,
        results=None,
        clock=now,
        sleep=switch.wait,
        soak=switch.rest,
        approve=lambda plan, held: False,
        question=lambda text: False,
        default_timeout=float(project.settings.default_timeout),
        journal=journal,
        keyed=project.vault.digest,
    )


def _homes(workflow: Workflow, spec: Spec) -> dict[str, Path]:
    """Return the folder of each step's workflow: it names its files from there."""
    return {step.id: Path(workflow.folder_of(step, spec.folder)) for step in workflow.every_step}


class Prepared:
    """One run, ready to go; nothing has been done yet."""

    def __init__(
        self,
        project: Project,
        change: Change,
        voices: Voices,
        *,
        run: str,
        user: str,
        recorder: RunRecorder | None = None,
        remember: RunStore | None = None,
        turns: Turns | None = None,
        earlier: Earlier | None = None,
        sealed: Sealed | None = None,
        sealing: bool = False,
        premise: Premise | None = None,
        shards: Sharing | None = None,
        waits: Waits | None = None,
    ) -> None:
        mode = Mode.APPLY if recorder is not None or sealing else Mode.PLAN
        workflow, spec = change.workflow, change.spec
        self.info = run_info(project, change, run, user)
        homes = _homes(workflow, spec).values()
        folders = tuple(dict.fromkeys((self.info.workspace, Path(spec.folder), project.folder, *homes)))
        self._change = change
        emitter = Emitter(
            run,
            voices.observers,
            now,
            project.redactor,
            strangers=tuple(project.plugin_host.registries.observers.values()),
            sink=recorder,
            lost=partial(voices.switch.stop, "store"),
        )
        journal = recorder or NoJournal()
        self.tools = replace(
            tools_for(project, change, self.info, emitter=emitter, switch=voices.switch, journal=journal),
            gates=project.gates(mode),
            results=None if remember is None else results_of(remember, project, folders),
            approve=voices.approve,
            question=voices.question,
            twins=project.twins,
            turns=turns,
            premise=premise,
            shards=shards or Here(),
            waits=waits,
        )
        if shards is not None:
            shards.join(self.info, self.tools)
        self.run = Run(
            workflow,
            spec.targets,
            spec.inputs,
            self.info,
            self.tools,
            hosts=change.hosts,
            variables=spec.variables,
            earlier=earlier,
            sealed=sealed,
        )

    def new(self, worker: str) -> NewRun:
        """Return the run as the store is told of it when it begins."""
        change, info = self._change, self.info
        hosts = {host: change.hosts[host].platform or "" for host in change.spec.targets}
        return NewRun(
            info.id,
            info.workflow,
            info.version,
            info.user,
            info.profile.name,
            now(),
            change.spec.inputs,
            hosts,
            change.workflow.file,
            worker,
            replace(change.spec, authors=(*change.spec.authors, *authors_of(change))).kept(),
        )

    def close(self) -> None:
        """Close every device connection that is still open, and the threads of observers."""
        self._change.close()
        self.tools.emitter.close()
