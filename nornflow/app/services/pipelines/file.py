"""Pipeline files: read, and checked together with the workflows that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nornflow.app.build import Project
from nornflow.app.services.validate import validate_file
from nornflow.model.diagnostic import InvalidDocument, Severity
from nornflow.model.pipeline import Pipeline
from nornflow.model.workflow import Workflow
from nornflow.workflow.document import Document
from nornflow.workflow.loader import load
from nornflow.workflow.pipelines import check_pipeline
from nornflow.workflow.reports import FileResult, each_once


@dataclass(slots=True)
class CheckedPipeline:
    """What there is to say of a pipeline file and of the workflows that it names; the pipeline when all can be used."""

    file: FileResult
    pipeline: Pipeline | None = None
    document: Document | None = None
    workflows: dict[Path, FileResult] = field(default_factory=dict)

    @property
    def results(self) -> Sequence[FileResult]:
        """Return the files with what there is to say of each; workflows of which there is nothing are left out."""
        return [self.file, *(one for one in each_once(list(self.workflows.values())) if one.diagnostics)]


def checked_pipeline(project: Project, path: Path) -> CheckedPipeline:
    """Check a pipeline file and every workflow that it names."""
    try:
        document = load(path)
    except InvalidDocument as error:
        return CheckedPipeline(FileResult(str(path), None, error.diagnostics))
    found: dict[Path, FileResult] = {}

    def workflow(name: str) -> Workflow | str:
        file = path.parent / name
        if file not in found:
            found[file] = validate_file(file, project)[0]
        made = found[file].workflow
        if made is not None:
            return made
        first = next(one for one in found[file].diagnostics if one.severity is Severity.ERROR)
        return f"its workflow cannot be used: {first.message}"

    pipeline, diagnostics = check_pipeline(
        document, workflow, profiles=project.profiles, pools=project.settings.pools, filters=project.filters
    )
    count = len(pipeline.entries) if pipeline else 0
    entries = f"{count} entr{'y' if count == 1 else 'ies'}"
    about = f"pipeline {pipeline.name}, {pipeline.mode.value}, {entries}" if pipeline else ""
    result = FileResult(str(path), None, diagnostics, document.source, about)
    return CheckedPipeline(result, pipeline, document, found)


def usable_pipeline(project: Project, path: Path) -> Pipeline:
    """Return the pipeline of a file; InvalidDocument with every problem of it and of its workflows when there is one."""
    checked = checked_pipeline(project, path)
    if checked.pipeline is not None:
        return checked.pipeline
    found = tuple(one for result in checked.results for one in result.diagnostics)
    errors = [one for one in found if one.severity is Severity.ERROR]
    first, more = errors[0], f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    raise InvalidDocument(f"{first.location}: {first.message}{more}", diagnostics=found, hint=first.hint)
