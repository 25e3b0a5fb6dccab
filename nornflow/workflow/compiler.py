"""Turns a document into a frozen workflow, or into every problem that it has, each with its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from nornflow.abc import StepType
from nornflow.errors import ExpressionError
from nornflow.model.diagnostic import Diagnostic, InvalidDocument, Severity
from nornflow.model.permission import PERMISSIONS, covers
from nornflow.model.rollout import Amount, Matching
from nornflow.model.step import Scope as StepScope
from nornflow.model.step import Step
from nornflow.model.workflow import Workflow
from nornflow.registration import Check, TemplateFilter, Verbatim, Words
from nornflow.registration import Expression as ExpressionMark
from nornflow.workflow import build, checks, looks, order, waits
from nornflow.workflow.calls import Caller, Calls, Link
from nornflow.workflow.declared import declared_inputs
from nornflow.workflow.diagnostics import did_you_mean, listing, problem
from nornflow.workflow.document import Document, Path
from nornflow.workflow.drafts import CALL, Draft, read_steps
from nornflow.workflow.forms import NONE_ABSENT, Reader
from nornflow.workflow.functions import regex
from nornflow.workflow.keys import MAX_STEPS, WORKFLOW
from nornflow.workflow.library import Library
from nornflow.workflow.parameters import markers
from nornflow.workflow.references import ALWAYS, Checker, Scope
from nornflow.workflow.reuse import settle_caches
from nornflow.workflow.scopes import settle
from nornflow.workflow.splicing import spliced
from nornflow.workflow.templating import Renderer


def compile_workflow(
    document: Document,
    step_types: Mapping[str, StepType],
    checks: Sequence[Check] = (),
    profiles: Collection[str] | None = None,
    filters: Sequence[TemplateFilter] = (),
    absent: Mapping[str, str] = NONE_ABSENT,
    library: Library = Library(),  # noqa: B008 - it is frozen
) -> Workflow:
    """Return the compiled workflow; raises InvalidDocument with every diagnostic when one of them is an error."""
    return demanded(*check_workflow(document, step_types, checks, profiles, filters, absent, library))


def demanded(workflow: Workflow | None, diagnostics: Sequence[Diagnostic]) -> Workflow:
    """Return what `check_workflow` compiled; raises InvalidDocument with every diagnostic when one of them is an error."""
    if workflow is None:
        errors = [one for one in diagnostics if one.severity is Severity.ERROR]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        first = errors[0]
        raise InvalidDocument(
            f"{first.location}: {first.message}{more}",
            diagnostics=diagnostics,
            hint=f"did you mean {first.suggestion!r}?" if first.suggestion else first.hint,
        )
    return workflow


def check_workflow(
    document: Document,
    step_types: Mapping[str, StepType],
    checks: Sequence[Check] = (),
    profiles: Collection[str] | None = None,
    filters: Sequence[TemplateFilter] = (),
    absent: Mapping[str, str] = NONE_ABSENT,
    library: Library = Library(),  # noqa: B008 - it is frozen
) -> tuple[Workflow | None, tuple[Diagnostic, ...]]:
    """Return the compiled workflow (None when there is an error) and every diagnostic, in the order of the document.

    `profiles` are the names of the profiles that exist; None leaves profile names unchecked. `absent` says of step types
    that an installed plugin would bring why it does not. `library` has the workflows that this one calls: their steps are
    steps of the workflow that is returned.
    """
    home, file = library.home(document), document.file
    caller = Caller(library, home, (Link((home / FilePath(document.file).name).resolve()),))
    workflow, reader = _Compilation(document, step_types, profiles, filters, absent, caller).run()
    found = list(dict.fromkeys(reader.diagnostics))
    if workflow is not None:
        for check in checks:
            found.extend(_plugin_check(check, workflow, document))
    found.sort(
        key=lambda one: (one.location.file != file, one.location.file, one.location.line, one.location.column, one.code)
    )
    broken = any(one.severity is Severity.ERROR for one in found)
    return (None if broken else workflow), tuple(found)


def _plugin_check(check: Check, workflow: Workflow, document: Document) -> list[Diagnostic]:
    try:
        return list(check.function(workflow))
    except Exception as error:  # noqa: BLE001 - a plugin's check may raise anything; it must not hide the other diagnostics
        message = f"the check {check.code} ({check.title}) broke: {error!r:.200}"
        return [problem("NF501", message, document.at(()), hint="report this to whoever wrote the plugin")]


def _names(permissions: Any) -> frozenset[str]:
    """Return the permissions that a step type asks for; TypeError when they are no set of names (one text is none)."""
    if isinstance(permissions, str) or not all(isinstance(name, str) for name in permissions):
        raise TypeError(f"needs() returned {permissions!r:.80}, a set of permissions is expected")
    return frozenset(permissions)


class _Compilation:
    """One document on its way to a workflow."""

    def __init__(
        self,
        document: Document,
        step_types: Mapping[str, StepType],
        profiles: Collection[str] | None,
        filters: Sequence[TemplateFilter],
        absent: Mapping[str, str],
        caller: Caller,
    ) -> None:
        self.document = document
        self.caller = caller
        self.reader = Reader(document, absent)
        self.step_types = step_types
        self.profiles = profiles
        self.filters = filters

    def run(self) -> tuple[Workflow | None, Reader]:
        """Read, connect and check; the workflow is None when an error kept it from being built."""
        reader, data = self.reader, self.document.data
        keys = WORKFLOW.read(data, (), reader)
        drafts = read_steps(data.get("steps"), ("steps",), reader, self.step_types)
        drafts += checks.read_checks(data, reader, self.step_types)
        looking = looks.read_looks(data, reader, self.step_types)
        by_id = order.check_ids(drafts, reader)
        edges = order.connect(drafts, by_id, reader)
        ids = order.sort(edges, by_id, reader)
        inputs = declared_inputs(keys, reader)
        names = frozenset(name for name in _mapping(data.get("inputs")) if isinstance(name, str))
        calls = Calls(reader, self.caller, self._compile, keys, by_id)
        steps = settle(
            [self._step(by_id[step], edges[step], keys) for step in ids],
            {step: _expressions(draft) for step, draft in by_id.items()},
            calls.settled,
            on_devices=self.caller.on_devices,
        )
        soak, within = keys.get("rollout", {}).get("soak", 0), keys.get("confirm", {}).get("within")
        if within is not None and soak >= within:
            message = f"a batch soaks {soak:g} s and has to be confirmed within {within:g} s"
            hint = "a batch is confirmed once it has soaked: give it more time, or soak less"
            reader.report("NF413", message, ("rollout", "soak"), hint=hint)
        if "confirm" in keys and not any(step.configures for step in steps):
            reader.report("NF411", "`confirm` has nothing to confirm: no step changes a device", ("confirm",), key=True)
        once = {step.id for step in steps if step.scope is StepScope.RUN or calls.once(step.id)}
        given = {step: frozenset(called.outputs) for step, called in calls.found.items() if called is not None}
        checker = Checker(
            reader,
            Renderer(self.filters, step_ids=tuple(by_id)),
            tuple(by_id),
            {**{step: self._results(draft) for step, draft in by_id.items()}, **given},
            {step.id for step in steps if step.scope is StepScope.DEVICE and not step.once},
            given,
        )
        before = checks.with_checks(order.ancestors(ids, edges), steps)
        checks.check_places(by_id, steps, reader)
        steps = settle_caches(steps, by_id, before, reader)
        always = ALWAYS - {"vars"} if self.caller.is_called else ALWAYS  # a called workflow has its inputs alone
        for step, draft in by_id.items():
            self._check_step(draft, checker, Scope(always, names, before[step], step, step in once))
        taken = [self._look(draft, keys, checker, names) for draft in looking.values()]
        self._check_top(keys, checker, Scope(always, names, frozenset(by_id), "the end", True))
        pause, changing = (
            keys.get("rollout", {}).get("pause_after"),
            {one.id for one in steps if one.scope is StepScope.DEVICE},
        )
        if isinstance(pause, Mapping):
            ended = frozenset(changing).union(*(before[step] for step in changing))
            behind = Scope(always, names, ended, "the pause behind a batch", True)
            checker.template(pause.get("text"), ("rollout", "pause_after", "text"), behind)
        called = {step: one for step, one in calls.found.items() if one is not None}
        steps, frames = spliced(steps, called, calls.files, before)
        if not self.caller.is_called:  # whoever calls looks at all of it
            waits.check_waits(steps, self.step_types, reader, confirmed="confirm" in keys)
            waits.check_pause(keys.get("rollout", {}), reader)
        if len(steps) > MAX_STEPS:
            message = f"with those of the workflows that it calls the workflow has {len(steps):,} steps"
            reader.report(
                "NF104", message, ("steps",), key=True, found=f"{len(steps):,}", expected=f"at most {MAX_STEPS:,}"
            )
        if any(one.severity is Severity.ERROR for one in reader.diagnostics):
            return None, reader
        canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        whole = "\n".join((keys["version"], canonical, *(one.digest for one in called.values())))
        digest = hashlib.sha256(whole.encode()).hexdigest()
        made = build.workflow(keys, steps, inputs, self.document, by_id, digest)
        snapshot = looks.snapshot(keys.get("snapshot"), taken)
        return replace(made, snapshot=snapshot, frames=frames, called=calls.texts), reader

    def _compile(self, document: Document, caller: Caller) -> tuple[Workflow | None, list[Diagnostic]]:
        """Compile a workflow that this one calls."""
        types, absent = self.step_types, self.reader.absent
        workflow, reader = _Compilation(document, types, self.profiles, self.filters, absent, caller).run()
        return workflow, reader.diagnostics

    def _look(self, draft: Draft, keys: Mapping[str, Any], checker: Checker, inputs: frozenset[str]) -> Step:
        """Return a step of the snapshot; it runs before all others on a device, so it knows no results."""
        step = self._step(draft, (), keys)
        looks.check_look(draft, step.permissions, self.reader)
        self._check_step(draft, checker, Scope(ALWAYS - {"steps"}, inputs, frozenset(), draft.id))
        return replace(step, cache=None)  # what was seen once is no picture of now

    def _results(self, draft: Draft) -> frozenset[str] | None:
        keys = tuple(draft.type.result_keys)
        return frozenset((*keys, *draft.keys.get("outputs", ()))) if keys else None

    def _check_step(self, draft: Draft, checker: Checker, scope: Scope) -> None:
        path, keys = draft.path, draft.keys
        calls = draft.type.name == CALL
        names = scope.names | (set() if draft.type.scope is StepScope.RUN or (calls and scope.once) else {"host"})
        # what is looked at before the step's own values are made: once per host, whatever `for_each` says
        outer = replace(scope, names=names)
        each = replace(outer, names=names | ({"item", "index"} if "for_each" in keys else set()))
        inner = replace(each, inputs=scope.inputs | set(keys.get("inputs", {})))
        if isinstance(keys.get("for_each"), list):
            checker.template(keys["for_each"], (*path, "for_each"), outer)
        else:  # of a call its steps are planned: how many there are is known before any of them
            known = replace(outer, names=outer.names & {"inputs", "vars"}) if calls else outer
            checker.expression(keys.get("for_each"), (*path, "for_each"), known)
        checker.template(keys.get("inputs", {}), (*path, "inputs"), each)
        for key in ("when", "until"):
            checker.expression(keys.get(key), (*path, key), outer)
        for key in ("environment", "rollback", "cache"):
            checker.template(keys.get(key), (*path, key), outer)
        for name, read in keys.get("outputs", {}).items():
            self._check_source(read.get("from", ""), (*path, "outputs", name, "from"), checker)
        marked = markers(draft.type.Params)
        for key, value in draft.params.items():
            where, mark = (*path, key), marked.get(key)
            if mark is ExpressionMark:
                for inner_path, text in _texts(value, where):
                    checker.expression(text, inner_path, inner)
            elif mark is Words:
                checker.words(value, where, inner)
            elif mark is not Verbatim:
                checker.template(value, where, inner)
        self._profile(keys.get("profile"), (*path, "profile"))

    def _check_source(self, source: str, path: Path, checker: Checker) -> None:
        """Check where an output of a step comes from: `regex:` takes a pattern, what is no extractor is an expression."""
        kind, colon, rest = source.strip().partition(":")
        if colon and kind == "regex":
            try:
                regex(rest.strip())
            except ExpressionError as error:
                self.reader.report("NF107", error.message, path, found=rest.strip(), hint=error.hint)
        elif source.strip() != "." and not (colon and kind in ("json", "file")):
            checker.condition(source, path)

    def _check_top(self, keys: Mapping[str, Any], checker: Checker, scope: Scope) -> None:
        checker.template(keys.get("environment"), ("environment",), scope)
        checker.template(
            keys.get("cache"), ("cache",), Scope(scope.names | {"host", "item", "index"}, scope.inputs, scope.before)
        )
        targets = keys.get("targets")
        if isinstance(targets, str):
            checker.condition(targets, ("targets",), scope.inputs)
        for name, read in keys.get("outputs", {}).items():
            if "from" in read:
                source = build.source(read["from"], checker.step_ids)
                checker.expression(source, ("outputs", name, "from"), scope)
        self._profile(keys.get("profile"), ("profile",))
        for index, name in enumerate(keys.get("permissions", ())):
            families = {f"{one.partition('.')[0]}.*" for one in PERMISSIONS}
            if name not in PERMISSIONS and name not in families and name != "*":
                near = did_you_mean(name, PERMISSIONS)
                hint = "" if near else f"permissions: {listing(PERMISSIONS, 30)}"
                message = f"there is no permission {name!r}"
                self.reader.report("NF401", message, ("permissions", index), found=name, suggestion=near, hint=hint)
        self._batches(keys.get("rollout", {}).get("batches", ()), checker, scope.inputs)

    def _batches(self, batches: Sequence[Any], checker: Checker, inputs: frozenset[str]) -> None:
        """Check that each batch can have devices: no amount of none, no expression that is none, nothing behind 100%."""
        all_of_them = False
        for index, one in enumerate(batches):
            where, batch = ("rollout", "batches", index), build.batch(one)
            if isinstance(batch, Matching):
                checker.condition(batch.expression, where, inputs)
            elif not batch.value:
                self.reader.report(
                    "NF104", "a batch of no devices", where, found=str(one), expected="1 or more, or 1% or more"
                )
            if all_of_them:
                self.reader.report("NF407", "no device is left for this batch: the one before it has all", where)
                break
            all_of_them = batch == Amount(100, percent=True)

    def _profile(self, name: Any, path: Path) -> None:
        if isinstance(name, str) and self.profiles is not None and name not in self.profiles:
            near = did_you_mean(name, self.profiles)
            hint = "" if near else f"profiles: {listing(sorted(self.profiles))}"
            self.reader.report("NF402", f"there is no profile {name!r}", path, found=name, suggestion=near, hint=hint)

    def _step(self, draft: Draft, after: tuple[Any, ...], keys: Mapping[str, Any]) -> Step:
        try:
            permissions = _names(draft.type.needs(draft.params))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code, given values that may be wrong
            message = f"{draft.type.name} cannot say what permissions it needs: {error!r:.200}"
            self.reader.report("NF206", message, (*draft.path, "type"))
            permissions = frozenset(draft.type.permissions)
        granted = keys.get("permissions")
        if granted is not None:
            for name in sorted(one for one in permissions if not covers(granted, one)):
                message = f"step {draft.id!r} needs {name}, which the workflow's `permissions` do not grant"
                where = (*draft.path, "id")
                self.reader.report("NF403", message, where, found=name, hint=f"add {name} to `permissions`")
        made = build.step(draft, frozenset(permissions), after, keys, self.document)
        if "confirm" in keys and made.rollback is False and made.configures:
            message = f"step {draft.id!r} is never taken back, and `confirm` takes back what is not confirmed"
            where = (*draft.path, "rollback")
            self.reader.report("NF412", message, where, found="false", hint="leave one of the two out")
        return made


def _expressions(draft: Draft) -> list[Any]:
    marked = markers(draft.type.Params)
    return [value for key, value in draft.params.items() if marked.get(key) is ExpressionMark]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any, path: Path) -> list[tuple[Path, str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _texts(item, (*path, index))]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _texts(item, (*path, key))]
    return []
