"""Steps of type `workflow`: the workflows that they call are found, compiled and held against how they are called."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.diagnostic import Diagnostic, InvalidDocument, Location, Severity
from nornflow.model.permission import covers
from nornflow.model.step import Scope, Step
from nornflow.model.workflow import Workflow
from nornflow.record import record
from nornflow.workflow.blocks import has_template
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.document import Document
from nornflow.workflow.document import Path as Place
from nornflow.workflow.drafts import CALL, Draft
from nornflow.workflow.forms import Reader
from nornflow.workflow.inputs import why_unfit
from nornflow.workflow.library import Library
from nornflow.workflow.templating import Renderer

_OF_ITS_OWN = frozenset(("until", "retry", "cache", "read_only", "once", "rollback", "outputs"))
"""Keys of a step that say nothing about a call: each step of the called workflow has its own."""
_OF_THE_RUN = {
    **dict.fromkeys(("rollout", "confirm", "snapshot", "timeout", "resources")),
    **{"on_failure": "stop", "priority": 0},
}
"""Keys at the top of a workflow that are about the run, of which there is one, with what they mean when they are left out."""


@record
class Link:
    """One workflow of a chain of calls: its file, and where it calls the next one."""

    path: Path
    place: Location | None = None


@record
class Caller:
    """From where a document is compiled: the workflows that it may call, those that it was called through, and how.

    `on_devices` says that its first steps come after steps on devices, or are told of a device by their inputs.
    """

    library: Library = field(default_factory=Library)
    home: Path = Path()
    chain: tuple[Link, ...] = ()
    on_devices: bool = False

    @property
    def is_called(self) -> bool:
        """Tell whether this is a workflow that another one calls."""
        return len(self.chain) > 1


Compile = Callable[[Document, Caller], tuple[Workflow | None, Sequence[Diagnostic]]]


@dataclass(slots=True)
class Calls:
    """The calls of one document; `found` has what each step calls, None where that has an error."""

    reader: Reader
    caller: Caller
    compile: Compile
    top: Mapping[str, Any]
    drafts: Mapping[str, Draft]
    found: dict[str, Workflow | None] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    def settled(self, step: Step, on_devices: bool) -> Step:
        """Return a step that calls with what that comes to: it runs on devices when a step that it calls does."""
        draft = self.drafts[step.id]
        self._check_keys(draft)
        on_devices = on_devices or _speaks_of_host(draft)
        called = self.found[step.id] = self._called(draft, on_devices)
        if called is None:
            return replace(step, scope=Scope.DEVICE if on_devices else Scope.RUN)
        self._check_inputs(draft, called)
        needed = frozenset(name for one in called.steps for name in one.permissions)
        granted = self.top.get("permissions")
        for name in sorted(one for one in needed if granted is not None and not covers(granted, one)):
            message = f"step {step.id!r} calls {called.name}, which needs {name}; the workflow's `permissions` do not grant it"
            self.reader.report("NF403", message, (*draft.path, "id"), found=name, hint=f"add {name} to `permissions`")
        return replace(step, scope=Scope.DEVICE if called.needs_devices else Scope.RUN, permissions=needed)

    def once(self, step: str) -> bool:
        """Tell whether what a call is given is also looked at once for the whole run: a step that it calls runs once."""
        called = self.found.get(step)
        return called is not None and any(one.scope is Scope.RUN for one in called.steps)

    def _check_keys(self, draft: Draft) -> None:
        for key in draft.keys:
            if key in _OF_ITS_OWN:
                message = f"`{key}` says nothing on a step that calls a workflow"
                hint = "give it to the steps of the called workflow"
                if key in ("retry", "until"):
                    hint += "; to try all of it again make it an entry of a pipeline, with `retries`"
                self.reader.report("NF225", message, (*draft.path, key), key=True, found=key, hint=hint)
        if draft.check:
            message = "a check of the rollout cannot call a workflow"
            self.reader.report("NF225", message, (*draft.path, "type"), found=CALL, hint="write the check itself")

    def _called(self, draft: Draft, on_devices: bool) -> Workflow | None:
        key = "file" if "file" in draft.params else "workflow"
        written = draft.params.get(key)
        if not isinstance(written, str) or not written or len(draft.params) != 1:
            return None  # reported where the step's keys are checked
        place: Place = (*draft.path, key)
        path = self._path(written, place, by_name=key == "workflow")
        if path is None or not self._may_call(path, place):
            return None
        shown = self._shown(path)
        try:
            document = self.caller.library.read(path, shown)
        except InvalidDocument as error:
            self._broken(shown, error.diagnostics, place)
            return None
        here = self.reader.document.at(place)
        chain = (*self.caller.chain[:-1], replace(self.caller.chain[-1], place=here), Link(path))
        workflow, diagnostics = self.compile(document, replace(self.caller, chain=chain, on_devices=on_devices))
        if workflow is None:
            self._broken(shown, diagnostics, place)
            return None
        self.reader.diagnostics += diagnostics  # warnings, each with its own file
        self.texts |= {str(path): document.source, **workflow.called}
        self.files[draft.id] = path
        return workflow if self._fits(document, place) else None

    def _path(self, written: str, place: Place, *, by_name: bool) -> Path | None:
        folder = self.caller.chain[-1].path.parent
        kind = "workflow" if by_name else "file"
        try:
            path = self.caller.library.find(written, folder, self.caller.home, by_name=by_name)
        except PermissionError as error:
            message = f"the {kind} {written!r} lies outside of the project: {error}"
            self.reader.report("NF221", message, place, found=written, hint="keep what is called in the project")
            return None
        if path is None:
            where = f"beside {self.reader.document.file}, nor in the project"
            where += "'s folder `workflows`" if by_name else ""
            hint = (
                "a name stands for NAME.yaml; `file:` takes a path" if by_name else "paths begin at this file's folder"
            )
            message = f"there is no {kind} {written!r} {where}"
            self.reader.report("NF221", message, place, found=written, hint=hint)
        return path

    def _may_call(self, path: Path, place: Place) -> bool:
        """Report a circle with every call of it, or calls that go too deep."""
        chain, here = self.caller.chain, self.reader.document.at(place)
        paths = [link.path for link in chain]
        if path in paths:
            links = [*chain[paths.index(path) : -1], replace(chain[-1], place=here)]
            following = [*(link.path for link in links[1:]), path]
            told = ", ".join(f"{link.place} calls {to.name}" for link, to in zip(links, following, strict=True))
            self.reader.report("NF222", f"workflows call each other in a circle: {told}", place, found=path.name)
            return False
        if len(chain) > self.caller.library.depth:
            names = " -> ".join((*(each.name for each in paths), path.name))
            message = f"workflows call each other {len(chain)} deep: {names}"
            expected = f"at most {self.caller.library.depth} (setting `workflow_depth`)"
            self.reader.report("NF223", message, place, found=str(len(chain)), expected=expected)
            return False
        return True

    def _shown(self, path: Path) -> str:
        """Return a file's path as people are told it: as the file that calls it was named, from the same folder."""
        caller = self.reader.document.file
        if os.path.isabs(caller):
            return str(path)
        return os.path.normpath(
            os.path.join(os.path.dirname(caller), os.path.relpath(path, self.caller.chain[-1].path.parent))
        )

    def _broken(self, shown: str, diagnostics: Sequence[Diagnostic], place: Place) -> None:
        errors = [one for one in diagnostics if one.severity is Severity.ERROR]
        deeper = {"NF222", "NF223", "NF224"}
        inner = next((one for one in errors if one.code in deeper), None)
        if inner is not None and inner.code != "NF224":
            self.reader.report(inner.code, inner.message, place, found=inner.found, expected=inner.expected)
            return
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        told = f"{errors[0].location}: {errors[0].message}{more}"
        self.reader.report("NF224", f"{shown} has errors: {told}", place, hint=f"see: nornflow validate {shown}")

    def _fits(self, document: Document, place: Place) -> bool:
        """Report what the called workflow says of the run and the calling one does not say: there is one run."""
        fits = True
        for key, default in _OF_THE_RUN.items():
            if document.data.get(key, default) not in (default, self.reader.document.data.get(key, default)):
                message = f"{document.at((key,))}: the called workflow has `{key}` of its own, and there is one run"
                hint = f"leave `{key}` out there, or say the same here"
                self.reader.report("NF227", message, place, found=key, hint=hint)
                fits = False
        return fits

    def _check_inputs(self, draft: Draft, called: Workflow) -> None:
        given, path = draft.keys.get("inputs", {}), (*draft.path, "inputs")
        for name, value in given.items():
            declared = called.inputs.get(name)
            if declared is None:
                near = did_you_mean(name, called.inputs)
                hint = "" if near else f"its inputs: {listing(called.inputs) or 'none'}"
                message = f"{called.name} has no input {name!r}"
                self.reader.report("NF226", message, (*path, name), key=True, found=name, suggestion=near, hint=hint)
            elif not _templated(value) and (why := why_unfit(value, declared)):
                message = f"input {name!r} of {called.name} {why}"
                self.reader.report("NF226", message, (*path, name), found=str(value)[:80])
        for name, declared in called.inputs.items():
            if declared.required and declared.default is None and name not in given:
                purpose = f": {declared.description}" if declared.description else ""
                message = f"{called.name} needs the input {name!r}{purpose}"
                self.reader.report("NF226", message, (*draft.path, "id"), expected=f"`{name}` under `inputs`")


def _templated(value: Any) -> bool:
    return any(has_template(text) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _speaks_of_host(draft: Draft) -> bool:
    """Tell whether what a call is given, or its condition, is about a device."""
    renderer = Renderer()
    texts = [*_texts(draft.keys.get("inputs", {})), *_texts(draft.keys.get("for_each"))]
    if isinstance(draft.keys.get("when"), str):
        texts.append("{{ (" + draft.keys["when"] + ") }}")
    for text in texts:
        try:
            if has_template(text) and any(one.path[0] == "host" for one in renderer.check(text)):
                return True
        except ExpressionError:  # told as a diagnostic of its own
            continue
    return False
