"""Turns a pipeline file into a frozen pipeline, or into every problem that it has, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nornflow.model.diagnostic import Diagnostic, Severity
from nornflow.model.pipeline import After, Entry, Mode, On, Pipeline
from nornflow.model.pool import Amounts, Asked
from nornflow.model.workflow import Workflow
from nornflow.registration import TemplateFilter
from nornflow.workflow.blocks import has_template
from nornflow.workflow.declared import declared_inputs
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.document import Document, Path
from nornflow.workflow.forms import Reader
from nornflow.workflow.inputs import why_unfit
from nornflow.workflow.order import circle
from nornflow.workflow.pipeline_keys import ENTRY, PIPELINE
from nornflow.workflow.pipeline_names import NameChecker
from nornflow.workflow.resources import impossible

Workflows = Callable[[str], Workflow | str]
"""Returns the compiled workflow of a file as an entry names it, or why it cannot be used."""
USUAL: Amounts = {"cpu": 1, "memory": 512, "bandwidth": 10, "storage": 1}
"""What an entry takes in the mode `resource_optimized` when neither it nor its workflow says anything."""


def check_pipeline(
    document: Document,
    workflows: Workflows,
    *,
    profiles: Collection[str] | None = None,
    pools: Amounts | None = None,
    filters: Sequence[TemplateFilter] = (),
) -> tuple[Pipeline | None, tuple[Diagnostic, ...]]:
    """Return the compiled pipeline (None when there is an error) and every diagnostic, in the order of the document.

    `profiles` are the names of those that exist and `pools` how much there is of what; None leaves them unchecked.
    """
    reader = Reader(document, what="pipeline")
    keys = PIPELINE.read(document.data, (), reader)
    drafts = _drafts(keys.get("entries", ()), workflows, reader)
    mode = Mode(keys.get("mode", Mode.DEPENDENCY_BASED))
    before = _before(drafts, mode, reader)
    inputs = declared_inputs(keys, reader)
    checker = NameChecker(reader, filters, frozenset(inputs), {one.id: one.workflow for one in drafts.values()})
    for draft in drafts.values():
        _check_inputs(draft, reader)
        _check_profile(draft, profiles, reader)
        checker.check(draft.keys.get("inputs", {}), (*draft.path, "inputs"), draft.id, before[draft.id])
        checker.check(draft.keys.get("limit", ""), (*draft.path, "limit"), draft.id, before[draft.id])
    entries = tuple(_entry(draft, mode, pools, reader) for draft in drafts.values())
    found = tuple(
        sorted(set(reader.diagnostics), key=lambda one: (one.location.line, one.location.column, one.code, one.message))
    )
    if any(one.severity is Severity.ERROR for one in found):
        return None, found
    made = Pipeline(
        keys["name"],
        entries,
        keys.get("version", ""),
        keys.get("description", ""),
        mode,
        keys.get("max_parallel", 5),
        keys.get("on_failure", "stop") == "stop",
        float(keys.get("timeout", 0)),
        inputs,
        document.file,
    )
    return made, found


@dataclass(slots=True)
class _Draft:
    """An entry that was read, with its workflow when that can be used."""

    id: str
    path: Path
    keys: dict[str, Any]
    workflow: Workflow | None
    after: tuple[After, ...] = ()


def _drafts(items: Sequence[Any], workflows: Workflows, reader: Reader) -> dict[str, _Draft]:
    drafts: dict[str, _Draft] = {}
    folded: dict[str, str] = {}
    for index, item in enumerate(items):
        path: Path = ("entries", index)
        keys = ENTRY.read(item, path, reader)
        if not isinstance(keys, dict) or "id" not in keys:
            continue
        name = keys["id"]
        other = folded.setdefault(name.replace("-", "_"), name)
        if other in drafts:
            line = reader.document.at((*drafts[other].path, "id")).line
            same = "is already that of" if other == name else f"differs only in hyphens and underscores from {other!r},"
            message = f"the id {name!r} {same} the entry in line {line}"
            reader.report("NF602", message, (*path, "id"), found=name, expected="an id of its own")
            continue
        found = workflows(keys["workflow"]) if "workflow" in keys else None
        if isinstance(found, str):
            reader.report("NF601", f"entry {name!r}: {found}", (*path, "workflow"), found=keys["workflow"])
            found = None
        drafts[name] = _Draft(name, path, keys, found)
    for draft in drafts.values():
        draft.after = tuple(_afters(draft, drafts, reader))
    return drafts


def _afters(draft: _Draft, drafts: Mapping[str, _Draft], reader: Reader) -> list[After]:
    found: list[After] = []
    path: Path = (*draft.path, "after")
    for index, read in enumerate(draft.keys.get("after", ())):
        keys = {"run": read} if isinstance(read, str) else read
        name = keys.get("run")
        if name is None:
            continue
        where = next(
            (one for one in ((*path, index, "run"), (*path, index), (*path, "run")) if _is_there(one, reader)), path
        )
        if name not in drafts or name == draft.id:
            others = [one for one in drafts if one != draft.id]
            near = did_you_mean(name, others)
            message = f"entry {draft.id!r} comes after {name!r}, " + (
                "which is itself" if name == draft.id else "which is no entry"
            )
            hint = "" if near else f"other entries: {listing(others) or 'none'}"
            reader.report("NF603", message, where, found=name, suggestion=near, hint=hint)
            continue
        found.append(After(name, On(keys.get("on", "success")), float(keys.get("within", 0))))
    return found


def _is_there(path: Path, reader: Reader) -> bool:
    return path in reader.document.places


def _before(drafts: Mapping[str, _Draft], mode: Mode, reader: Reader) -> dict[str, frozenset[str]]:
    """Return which entries have ended before each one; circles and conditions that never hold are reported."""
    order = list(drafts)
    if mode is Mode.PARALLEL:
        for draft in drafts.values():
            if draft.after:
                hint = "leave `after` out, or write `mode: dependency_based`"
                message = f"entry {draft.id!r} comes after others, and the mode begins all entries at once"
                reader.report("NF606", message, (*draft.path, "after"), key=True, hint=hint)
    if mode is Mode.SEQUENTIAL:
        for draft in drafts.values():
            for late in [one.run for one in draft.after if order.index(one.run) > order.index(draft.id)]:
                message = f"entry {draft.id!r} comes after {late!r}, which in a sequential pipeline is run later"
                hint = "write it behind, or write `mode: dependency_based`"
                reader.report("NF605", message, (*draft.path, "after"), key=True, found=late, hint=hint)
        return {name: frozenset(order[:index]) for index, name in enumerate(order)}
    waiting = {name: {one.run for one in draft.after} for name, draft in drafts.items()}
    before: dict[str, frozenset[str]] = {}
    while waiting:
        ready = next((name for name, after in waiting.items() if after <= before.keys()), None)
        if ready is None:
            found = circle(waiting, before.keys())
            named = " -> ".join((*found, found[0]))
            where = (*drafts[found[0]].path, "after")
            reader.report("NF604", f"entries come after each other in a circle: {named}", where, found=named)
            for name in found:
                before[name] = frozenset()
                del waiting[name]
            continue
        direct = waiting.pop(ready)
        before[ready] = frozenset(direct).union(*(before[one] for one in direct))
    if not any(one.code == "NF604" for one in reader.diagnostics):
        _check_conditions(drafts, reader)
    return before


def _check_conditions(drafts: Mapping[str, _Draft], reader: Reader) -> None:
    """Report entries that can never be begun: what they need contradicts itself, or what other entries need for it."""
    told: set[str] = set()
    for draft in drafts.values():
        needs: dict[str, set[On]] = {}
        todo, contradiction = list(draft.after), ""
        while todo and not contradiction:
            one = todo.pop()
            wanted = needs.setdefault(one.run, set())
            if one.on in wanted:
                continue
            wanted.add(one.on)
            if {On.SUCCESS, On.FAILURE} <= wanted:
                contradiction = one.run
            todo += drafts[one.run].after  # an entry that has ended, well or badly, was begun
        if contradiction and not told & {one.run for one in draft.after}:
            message = f"entry {draft.id!r} is never begun: for that {contradiction!r} had to end both well and badly"
            hint = "entries behind a success and behind a failure never both run; see `on: completion`"
            reader.report("NF605", message, (*draft.path, "after"), key=True, found=contradiction, hint=hint)
        if contradiction:
            told.add(draft.id)


def _check_inputs(draft: _Draft, reader: Reader) -> None:
    workflow, given = draft.workflow, draft.keys.get("inputs", {})
    if workflow is None:
        return
    path: Path = (*draft.path, "inputs")
    for name, value in given.items():
        declared = workflow.inputs.get(name)
        if declared is None:
            near = did_you_mean(name, workflow.inputs)
            hint = "" if near else f"its inputs: {listing(workflow.inputs) or 'none'}"
            message = f"{name!r} is not an input of {workflow.name}"
            reader.report("NF607", message, (*path, name), key=True, found=name, suggestion=near, hint=hint)
        elif not _rendered_later(value):
            why = why_unfit(value, declared)
            if why:
                reader.report("NF607", f"the input {name!r} of {workflow.name} {why}", (*path, name))
    for name, declared in workflow.inputs.items():
        if declared.required and declared.default is None and name not in given:
            message = f"entry {draft.id!r} does not give the input {name!r}, which {workflow.name} requires"
            where = path if _is_there(path, reader) else (*draft.path, "id")
            reader.report("NF607", message, where, expected=f"the input {name!r}")


def _rendered_later(value: Any) -> bool:
    match value:
        case str():
            return has_template(value)
        case list():
            return any(_rendered_later(one) for one in value)
        case dict():
            return any(_rendered_later(one) for one in value.values())
    return False


def _check_profile(draft: _Draft, profiles: Collection[str] | None, reader: Reader) -> None:
    name = draft.keys.get("profile")
    if name is not None and profiles is not None and name not in profiles:
        near = did_you_mean(name, profiles)
        hint = "" if near else f"profiles: {listing(sorted(profiles))}"
        where = (*draft.path, "profile")
        reader.report("NF402", f"there is no profile {name!r}", where, found=name, suggestion=near, hint=hint)


def _entry(draft: _Draft, mode: Mode, pools: Amounts | None, reader: Reader) -> Entry:
    keys, workflow = draft.keys, draft.workflow
    asks = _asks(draft, mode)
    why = impossible(asks.wants, pools) if pools is not None else None
    if why:
        where = (*draft.path, "resources")
        where = where if _is_there(where, reader) else (*draft.path, "id")
        reader.report("NF609", f"entry {draft.id!r}: {why[0]}", where, hint=why[1])
    return Entry(
        draft.id,
        keys.get("workflow", ""),
        keys.get("inputs", {}),
        keys.get("limit", ""),
        keys.get("profile", ""),
        draft.after,
        float(keys.get("timeout", 0)),
        keys.get("retries", 0),
        float(keys.get("delay", 30)),
        asks,
        workflow.digest if workflow is not None else "",
        reader.document.at((*draft.path, "id")),
    )


def _asks(draft: _Draft, mode: Mode) -> Asked:
    said = draft.workflow.asks if draft.workflow is not None else Asked({})
    wants = draft.keys.get("resources", said.wants)
    if not wants and "resources" not in draft.keys and mode is Mode.RESOURCE_OPTIMIZED:
        wants = USUAL
    return Asked(wants, draft.keys.get("priority", said.priority))
