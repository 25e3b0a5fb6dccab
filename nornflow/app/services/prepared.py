"""Everything of one run, made ready of a change."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from nornflow.abc import Journal, RunStore, Waits
from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.services.asking import Voices
from nornflow.app.services.authors import authors_of
from nornflow.app.services.caching import results_of
from nornflow.app.services.decided import Change
from nornflow.app.services.spec import Spec
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.journal import NoJournal
from nornflow.engine.plans.drift import Sealed
from nornflow.engine.recovery.recovery import Earlier
from nornflow.engine.run import Run
from nornflow.engine.shards.shards import Here
from nornflow.engine.shards.sharing import Sharing
from nornflow.engine.tools import Premise, Tools
from nornflow.engine.turns import Turns
from nornflow.model.history import NewRun
from nornflow.model.permission import Mode
from nornflow.model.run import RunInfo
from nornflow.model.workflow import Workflow
from nornflow.store.recorder import RunRecorder
from nornflow.store.records import RunRecords
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.templating import Renderer


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
