"""Checks the templates of a pipeline's entries: that they can be used, and name only what is known when an entry is begun."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nornflow.model.workflow import Workflow
from nornflow.registration import TemplateFilter
from nornflow.workflow.blocks import has_template
from nornflow.workflow.diagnostics import did_you_mean, listing, problem
from nornflow.workflow.document import Path
from nornflow.workflow.expressions import Reference
from nornflow.workflow.forms import Reader
from nornflow.workflow.syntax import ExpressionSyntax
from nornflow.workflow.templating import Renderer

GROUP = "runs"
"""The name in templates that has the runs of earlier entries, by the entries' ids."""
NAMES = frozenset(("inputs", GROUP, "pipeline"))
"""What the templates of a pipeline can name."""
RUN_KEYS = ("state", "run", "outputs", "exit_code", "error", "succeeded", "failed", "skipped")
"""What there is of the run of an earlier entry: `runs.<id>.<key>`."""
PIPELINE_KEYS = ("name", "version", "id", "user")


def renderer_of(entries: Collection[str], filters: Sequence[TemplateFilter]) -> Renderer:
    """Return the renderer of a pipeline's templates; ids of entries may hold hyphens in them."""
    return Renderer(filters, step_ids=tuple(entries), group=GROUP)


class NameChecker:
    """Checks templates against the inputs of the pipeline, its entries and what their workflows give."""

    def __init__(
        self,
        reader: Reader,
        filters: Sequence[TemplateFilter],
        inputs: frozenset[str],
        workflows: Mapping[str, Workflow | None],
    ) -> None:
        self._reader = reader
        self._renderer = renderer_of(workflows, filters)
        self._inputs = inputs
        self._workflows = workflows

    def check(self, value: Any, path: Path, entry: str, before: Collection[str]) -> None:
        """Check every template in a value of an entry; `before` are the entries that have ended when it is begun."""
        if isinstance(value, Mapping):
            for key, item in value.items():
                self.check(item, (*path, key), entry, before)
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                self.check(item, (*path, index), entry, before)
        elif isinstance(value, str) and has_template(value):
            try:
                found = self._renderer.check(value)
            except ExpressionSyntax as error:
                where = self._reader.document.inside(path, error.offset)
                made = problem(error.code, error.message, where, suggestion=error.suggestion, hint=error.hint)
                self._reader.diagnostics.append(made)
                return
            for reference in found:
                self._reference(reference, path, entry, before)

    def _reference(self, reference: Reference, path: Path, entry: str, before: Collection[str]) -> None:
        name, *rest = reference.path
        if name not in NAMES:
            near = did_you_mean(name, NAMES)
            near = f"{GROUP}.{name}" if name in self._workflows else near
            hint = "" if near else f"names here: {listing(sorted(NAMES))}"
            self._report("NF302", f"there is no `{name}` here", reference, path, name, near, hint)
        elif name == "inputs" and rest and rest[0] not in self._inputs:
            near = did_you_mean(rest[0], self._inputs)
            hint = "" if near else f"declared inputs: {listing(sorted(self._inputs)) or 'none'}"
            self._report("NF305", f"there is no input {rest[0]!r}", reference, path, rest[0], near, hint)
        elif name == GROUP and rest:
            self._run(rest, reference, path, entry, before)
        elif name == "pipeline" and rest and rest[0] not in PIPELINE_KEYS:
            near, hint = did_you_mean(rest[0], PIPELINE_KEYS), f"it has {listing(PIPELINE_KEYS)}"
            self._report("NF302", f"`pipeline` has no `{rest[0]}`", reference, path, rest[0], near, hint)

    def _run(self, rest: Sequence[str], reference: Reference, path: Path, entry: str, before: Collection[str]) -> None:
        other, *key = rest
        if other not in self._workflows:
            near = did_you_mean(other, self._workflows)
            hint = "" if near else f"entries: {listing(self._workflows)}"
            self._report("NF608", f"there is no entry {other!r}", reference, path, other, near, hint)
        elif other not in before:
            message = f"entry {other!r} need not have ended before {entry!r}"
            hint = f"write `after: [{other}]`" if other != entry else "an entry cannot name its own run"
            self._report("NF608", message, reference, path, other, "", hint)
        elif key and key[0] not in RUN_KEYS:
            near, hint = did_you_mean(key[0], RUN_KEYS), f"it has {listing(RUN_KEYS)}"
            self._report("NF608", f"the run of {other!r} has no `{key[0]}`", reference, path, key[0], near, hint)
        elif len(key) > 1 and key[0] == "outputs":
            workflow = self._workflows[other]
            if workflow is not None and key[1] not in workflow.outputs:
                near = did_you_mean(key[1], workflow.outputs)
                hint = "" if near else f"its outputs: {listing(workflow.outputs) or 'none'}"
                message = f"{workflow.name} has no output {key[1]!r}"
                self._report("NF608", message, reference, path, key[1], near, hint)

    def _report(
        self, code: str, message: str, reference: Reference, path: Path, found: str, near: str, hint: str
    ) -> None:
        if reference.optional and code != "NF608":
            return
        where = self._reader.document.inside(path, reference.offset)
        made = problem(code, message, where, found=found, suggestion=near, hint="" if near else hint)
        self._reader.diagnostics.append(made)
