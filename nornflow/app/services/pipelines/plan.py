"""Planning a pipeline: each workflow on the devices as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nornflow.app.build import Project
from nornflow.app.services.asking import Voices
from nornflow.app.services.change import PlannedChange, plan_change
from nornflow.app.services.given import given_inputs
from nornflow.app.services.pipelines.file import usable_pipeline
from nornflow.app.services.pipelines.lead import PipelineRequest
from nornflow.app.services.pipelines.spec import PipelineSpec, request_for
from nornflow.errors import ExpressionError
from nornflow.model.pipeline import kept_pipeline
from nornflow.policy.profiles import profile_named
from nornflow.record import record
from nornflow.store.processes import user
from nornflow.workflow.inputs import resolve_inputs


@record
class PlannedEntry:
    """The plan of one entry, or why there is none yet."""

    entry: str
    workflow: str
    planned: PlannedChange | None = None
    why: str = ""


def plan_pipeline(project: Project, request: PipelineRequest, voices: Voices) -> Iterator[PlannedEntry]:
    """Yield the plan of each entry, in order; what an earlier one will change is not in the plan of a later one.

    Raises what planning a change raises.
    """
    pipeline = usable_pipeline(project, request.file)
    profile = profile_named(project.profiles, project.settings.profile)
    inputs = resolve_inputs(
        pipeline.inputs, given_inputs(request.inputs), max_string=profile.strictness.max_string, base=project.folder
    )
    inventory = str(request.inventory.resolve()) if request.inventory else ""
    spec = PipelineSpec(kept_pipeline(pipeline), str(request.file.parent.resolve()), "", inputs, inventory)
    about = {"name": pipeline.name, "version": pipeline.version, "id": "", "user": user()}
    names: dict[str, Any] = {"inputs": inputs, "runs": {}, "pipeline": about}
    for entry in pipeline.entries:
        try:
            wanted = request_for(project, spec, entry, names)
        except ExpressionError as error:
            why = "its inputs come from runs that have not been" if "runs." in str(entry.inputs) else error.message
            yield PlannedEntry(entry.id, Path(entry.workflow).name, why=why)
            continue
        yield PlannedEntry(entry.id, Path(entry.workflow).name, plan_change(project, wanted, voices))
