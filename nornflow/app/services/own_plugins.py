"""Plugins of the project itself: they have no version, so what they are made of tells whether one is the same."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.app.build import Project
from nornflow.app.services.spec import digest_of
from nornflow.model.workflow import Workflow
from nornflow.plugins.sources import modules_of


def own_plugin_files(project: Project, workflow: Workflow) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the files below the project's folder that do steps of a workflow: each with its SHA-256 and these steps."""
    host, home = project.plugin_host, project.folder.resolve()
    steps: dict[str, list[str]] = {}
    for step in workflow.steps:
        supplier = host.registries.suppliers.get(("step_types", step.type))  # none brings the engine's own
        plugin = host.plugin(supplier) if supplier else None
        if plugin is not None and not plugin.distribution:
            steps.setdefault(plugin.origin, []).append(step.id)
    files = {file.resolve(): done for origin, done in steps.items() for file in modules_of(origin)}
    return {str(file): (digest_of(file), tuple(done)) for file, done in files.items() if file.is_relative_to(home)}
