"""A change with everything decided: from what somebody asked for, or from what a run had begun with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nornflow.abc import Devices, StepType
from nornflow.app.build import Project
from nornflow.app.services.asking import Request
from nornflow.app.services.choice import chosen_profile
from nornflow.app.services.given import given_inputs
from nornflow.app.services.own_plugins import own_plugin_files
from nornflow.app.services.plans.provenance import of_stranger
from nornflow.app.services.spec import (
    Spec,
    at_home,
    digest_of,
    fingerprints,
    kept_spec,
    named_files,
    rendered_with,
    text_of,
)
from nornflow.devices.inventory import Only
from nornflow.devices.selection import demand_known, select
from nornflow.engine.recovery.images import Left, left_by
from nornflow.engine.taking_back import TakeBack
from nornflow.errors import UsageError
from nornflow.model.device import HostView
from nornflow.model.diagnostic import Diagnostic
from nornflow.model.profile import Profile
from nornflow.model.workflow import Workflow
from nornflow.policy.lowering import with_steps
from nornflow.record import record
from nornflow.workflow.compiler import check_workflow, demanded
from nornflow.workflow.document import Document
from nornflow.workflow.excerpts import plainly
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.frames import Passing, unrolled
from nornflow.workflow.inputs import AS_WORDS, resolve_inputs
from nornflow.workflow.library import Library
from nornflow.workflow.loader import load
from nornflow.workflow.templating import Renderer

_AS_VALUES = "see `inputs` of the entry: a lone template keeps its type, and `{{ ... | string }}` makes a text of it"


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


def asked_change(project: Project, request: Request, notice: Callable[[str], object] = lambda text: None) -> Change:
    """Work out what was asked for; raises what is wrong with it. `notice` hears what may be wrong with its files."""
    document = load(request.file)
    workflow, diagnostics = checked(project, document)
    for one in diagnostics:
        notice(plainly(one))
    profile = chosen_profile(project, request.profile, workflow)
    inputs = resolve_inputs(
        workflow.inputs,
        {**given_inputs(request.inputs), **request.values},
        max_string=profile.strictness.max_string,
        base=project.folder,
        hint=_AS_VALUES if request.values else AS_WORDS,
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
        for frame in workflow.frames.values():
            demand_known(hosts, frame.targets)
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


def kept_change(project: Project, spec: Spec, only: Only = None) -> tuple[Change, Spec]:
    """Make ready what was kept of a run, and return it with how its specification would be today, `only` for some hosts."""
    types = step_types_for(project, spec)
    workflow = kept_workflow(project, spec, types)
    profile = chosen_profile(project, spec.profile, workflow)
    workflow = _unrolled(project, workflow, profile, spec.inputs, spec.variables)
    if spec.stranger:
        profile = of_stranger(project, profile)
    profile = with_steps(profile, workflow, project.profiles)
    inventory = Path(spec.inventory) if spec.inventory else None
    devices = project.devices(inventory, only) if workflow.needs_devices else None
    hosts = devices.hosts() if devices else {}
    known = [hosts[host] for host in spec.targets if host in hosts]
    # a file that only another host's step names has to be the same here too
    elsewhere = (
        {} if only is None else {name: (digest_of(Path(name)), steps) for name, (_, steps) in spec.files.items()}
    )
    today = Spec(
        text=spec.text,
        file=spec.file,
        folder=spec.folder,
        project=str(project.folder.resolve()),
        used=profile.name,
        devices=fingerprints(spec.targets, hosts, project.redactor),
        files={**elsewhere, **files_of(project, workflow, Path(spec.folder), spec.inputs, spec.variables, known)},
        called=_called(workflow, {path: text_of(Path(path)) for path in spec.called}),
    )
    return Change(workflow, profile, devices, hosts, spec, types), today


def kept_workflow(project: Project, spec: Spec, types: Mapping[str, StepType] | None = None) -> Workflow:
    """Compile what was kept of a run or a plan, with the texts that it had then of the workflows that are called.

    `types` are those of `step_types_for`, for whoever has them: for a run that takes another one back they cost an inventory.
    """
    here = at_home(spec, project.folder)
    kept = {path: text for path, (text, _) in here.called.items()}
    library = replace(project.library, folder=Path(here.folder), kept=kept)
    types = step_types_for(project, spec) if types is None else types
    return compiled(project, load(spec.file, text=spec.text), types, library)


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
    return {**project.step_types, **_taking_back(project, spec.takes_back, merge=bool(spec.inputs.get("merge")))}


def compiled(
    project: Project,
    document: Document,
    types: Mapping[str, StepType] | None = None,
    library: Library | None = None,
) -> Workflow:
    """Compile a workflow with what is installed, or with these step types; InvalidDocument with every mistake."""
    return checked(project, document, types, library)[0]


def checked(
    project: Project,
    document: Document,
    types: Mapping[str, StepType] | None = None,
    library: Library | None = None,
) -> tuple[Workflow, Sequence[Diagnostic]]:
    """Compile a workflow as `compiled` does, and return it with the warnings that there are, also of files that it calls."""
    workflow, diagnostics = check_workflow(
        document,
        project.step_types if types is None else types,
        checks=project.checks,
        profiles=project.profiles,
        filters=project.filters,
        library=library or project.library,
    )
    return demanded(workflow, diagnostics), diagnostics


@contextmanager
def origin_of(project: Project, run: str) -> Iterator[tuple[Change, Mapping[str, Left]]]:
    """Make ready the change of a run as it was kept, with what the run left on devices."""
    with closing(project.store(create=False)) as store:
        spec, entries = kept_spec(store.standing(run).spec, project.folder), list(store.entries(run))
    origin, _ = kept_change(project, spec)
    try:
        yield origin, left_by(entries, origin.workflow, origin.hosts)
    finally:
        origin.close()


def _taking_back(project: Project, run: str, *, merge: bool) -> Mapping[str, TakeBack]:
    """Return the step type that takes a run back, by its name, as a run that does so is gone on with."""
    with origin_of(project, run) as (_, left):
        return {TakeBack.name: TakeBack(run, left, merge=merge)}
