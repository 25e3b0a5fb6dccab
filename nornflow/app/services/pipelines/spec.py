"""What a pipeline was begun with, kept so that other processes go on with just that; and what its templates come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Any

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.asking import Request
from nornflow.app.services.spec import HERE, below
from nornflow.errors import UsageError
from nornflow.model.pipeline import BADLY, Entry, EntryRecord, EntryState, Pipeline, PipelineRecord, pipeline_of
from nornflow.record import record
from nornflow.redaction import MASK
from nornflow.workflow.pipeline_names import GROUP, renderer_of


@record
class PipelineSpec:
    """The pipeline as plain data, the values of its inputs, and where it was begun.

    `folder` is that of its file, from which workflows are named; `inventory` another one than the settings say. `yes` says
    that whoever began it answers every question of every run with yes. `settings` are those that its runs depend on.
    """

    pipeline: Mapping[str, Any]
    folder: str
    project: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    inventory: str = ""
    yes: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> PipelineSpec:
        """Return what was kept; UsageError when this NornFlow does not understand it."""
        try:
            found = cls(**kept)
            pipeline_of(found.pipeline)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(
                "it is not known here what the pipeline was begun with",
                hint="a newer NornFlow may have begun it: go on with it there",
            ) from error
        return found

    def kept(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def portable(self) -> PipelineSpec:
        """Return it with paths below the project's folder told from there: workers may have another checkout."""
        home = Path(self.project)
        return replace(self, folder=below(self.folder, home), inventory=below(self.inventory, home), project=HERE)

    def is_of(self, folder: str) -> bool:
        """Tell whether it was begun in the project of this folder, or is portable."""
        return self.project in (HERE, folder)

    def changes(self, now: Mapping[str, str]) -> list[str]:
        """Return what these settings say otherwise than those that it was begun with, in words; its runs would be others."""
        return [
            f"the {name}: it was {was} and would be {now.get(name, 'unknown')}"
            for name, was in self.settings.items()
            if was != now.get(name)
        ]

    def demand_unchanged(self, project: Project, pipeline: str) -> None:
        """Raise UsageError when its runs would be others here: under another profile, or on the devices of another inventory."""
        if changes := self.changes(settings_of(project)):
            raise UsageError(
                f"the settings are not those that pipeline {pipeline} was begun with: {'; '.join(changes)}",
                hint="workers have the settings of their project; where a process leads it give those of then (`--config FILE`)",
            )

    def at_home(self, project: Path) -> PipelineSpec:
        """Return it with the paths of a portable one in this project's folder."""
        if self.project != HERE:
            return self
        home, inventory = project.resolve(), self.inventory
        there = str(home / inventory) if inventory else ""
        return replace(self, folder=str(home / self.folder), inventory=there, project=str(home))

    @property
    def made(self) -> Pipeline:
        """Return the pipeline."""
        return pipeline_of(self.pipeline)


def settings_of(project: Project, inventory: Path | None = None) -> dict[str, str]:
    """Return which settings the runs of a pipeline depend on; with an inventory of its own, the profile alone."""
    named = project.settings.inventory
    there = below(str(project.folder / named), project.folder.resolve()) if isinstance(named, Path) else named.plugin
    return {"profile": project.settings.profile} | ({} if inventory else {"inventory": there})


def request_for(project: Project, spec: PipelineSpec, entry: Entry, names: Mapping[str, Any]) -> Request:
    """Return what the run of an entry is asked for, its templates rendered; ExpressionError when one cannot be.

    UsageError when a value holds a secret that was masked where it was kept, since a mask must not reach a device, and when
    its limit comes to nothing.
    """
    renderer = renderer_of([one["id"] for one in spec.pipeline["entries"]], project.filters)
    values = {name: renderer.render_value(value, names) for name, value in entry.inputs.items()}
    limit = _narrowed(entry, renderer.render(entry.limit, names)) if entry.limit else ""
    for name, value in {**values, "limit": limit}.items():
        if MASK in str(value):
            raise UsageError(
                f"entry {entry.id}: {name} would hold a secret, which outputs of runs do not keep",
                hint="give the secret to each workflow by a reference of its own",
            )
    return Request(
        Path(spec.folder, entry.workflow),
        limit=limit,
        profile=entry.profile,
        inventory=Path(spec.inventory) if spec.inventory else None,
        values=values,
        asked=entry.asks,
    )


def _narrowed(entry: Entry, found: Any) -> str:
    """Return what a `limit` comes to, names of a list with commas between; UsageError for nothing: that would be no limit."""
    named = found if isinstance(found, (list, tuple)) else () if found is None else (found,)
    limit = ", ".join(str(one) for one in named)
    if not limit.strip(" ,"):
        raise UsageError(
            f"entry {entry.id}: no device is targeted, its `limit` comes to nothing",
            hint="it is never run on all of them for that; look at what the template of `limit` names",
        )
    return limit


def names_for(store: RunStore, spec: PipelineSpec, record: PipelineRecord) -> dict[str, Any]:
    """Return what the templates of a pipeline can name, as it stands."""
    return {
        "inputs": spec.inputs,
        GROUP: {one.id: _run(store, one) for one in record.entries},
        "pipeline": {
            "name": record.name,
            "version": spec.pipeline["version"],
            "id": record.id,
            "user": record.user,
        },
    }


def _run(store: RunStore, entry: EntryRecord) -> dict[str, Any]:
    ran = entry.over and entry.attempts and entry.state is not EntryState.SKIPPED
    outputs: Mapping[str, Any] = {}
    if ran:
        try:
            outputs = store.record(entry.run).outputs
        except UsageError:  # it was never begun: its process said why
            outputs = {}
    return {
        "state": entry.state.value,
        "run": entry.run,
        "outputs": outputs,
        "exit_code": entry.exit_code,
        "error": entry.error,
        "succeeded": entry.state is EntryState.SUCCEEDED,
        "failed": entry.state in BADLY,
        "skipped": entry.state is EntryState.SKIPPED,
    }
