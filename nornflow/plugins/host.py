"""The pluggy host: loads plugins one by one, so that every error has an owner and no plugin can spoil another."""

from __future__ import annotations

import sys
import traceback
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pluggy

from nornflow import hookspecs
from nornflow.abc import Gate, StepType
from nornflow.errors import NornFlowError, PluginError
from nornflow.plugins.inspection import did_you_mean, hook_problems, parameter_problems, record_problems
from nornflow.plugins.registry import KINDS, Kind, PluginInfo, PluginState, Registries
from nornflow.plugins.sources import Source, entry_point_sources, local_source, local_sources

_MOST_RECORDS = 10_000  # of one hook of one plugin: a generator that never ends must not hang the start


@dataclass(frozen=True)
class PluginHost:
    """The plugins of one process, project or test, and what they registered. Frozen; two hosts share nothing.

    `notes` are what is odd about the way plugins were asked for, and no error. `absent` are the step types that a plugin
    would bring, each with the reason why it does not.
    """

    plugins: tuple[PluginInfo, ...]
    registries: Registries
    notes: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)

    def plugin(self, name: str) -> PluginInfo:
        """Return the plugin of this name; PluginError with did-you-mean when there is none."""
        found = [each for each in self.plugins if each.name == name]
        if found:
            return next((each for each in found if each.state is PluginState.LOADED), found[0])
        names = [each.name for each in self.plugins]
        raise PluginError(
            f"there is no plugin {name}{did_you_mean(name, names)}", hint="`nornflow plugins list` shows all of them"
        )

    @property
    def failed(self) -> tuple[PluginInfo, ...]:
        """Return the plugins that should work and do not: the broken and the refused."""
        return tuple(each for each in self.plugins if each.state in (PluginState.BROKEN, PluginState.REFUSED))


@dataclass
class _Draft:
    """A plugin while it is being loaded: its source, what it brought so far and what is wrong with it."""

    source: Source
    state: PluginState = PluginState.LOADED
    description: str = ""
    problems: list[str] = field(default_factory=list)
    traceback: str = ""
    records: dict[str, list[Any]] = field(default_factory=dict)

    def fail(self, problem: str, error: BaseException | None = None) -> None:
        self.state = PluginState.BROKEN
        self.problems.append(problem)
        if error is not None and not self.traceback:
            self.traceback = "".join(traceback.format_exception(error))

    def info(self) -> PluginInfo:
        loaded = self.state is PluginState.LOADED
        names = {
            kind.registry: tuple(kind.name_of(record) for record in self.records[kind.registry])
            for kind in KINDS
            if loaded and self.records.get(kind.registry)
        }
        source = self.source
        return PluginInfo(
            name=source.name,
            origin=source.origin,
            state=self.state,
            distribution=source.distribution,
            version=source.version,
            description=self.description,
            problems=tuple(self.problems),
            traceback=self.traceback,
            brings=MappingProxyType(names),
        )


def load_plugins(
    *,
    entry_points: Iterable[EntryPoint] | None = None,
    disabled: Collection[str] = (),
    required: Collection[str] | None = (),
    local: Sequence[str] = (),
    project: Path | None = None,
) -> PluginHost:
    """Load the installed plugins (or the given entry points) and the project's local ones, and collect their records.

    A broken plugin, or one that supplies a name which another supplies too, is listed with its error and brings nothing;
    the others load. PluginError is raised when a required plugin is missing or did not load, or when a plugin that did not
    load brings a gate that says it is required; `required=None` asks for nothing, to list plugins whatever their state.
    """
    drafts = [_Draft(source) for source in [*entry_point_sources(entry_points), *local_sources(local, project)]]
    for draft in drafts:
        if draft.source.name in disabled:
            draft.state = PluginState.DISABLED
    _refuse_shared_plugin_names([draft for draft in drafts if draft.state is PluginState.LOADED])
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    with redirect_stdout(sys.stderr):  # what a plugin prints must not get into a command's answer
        for draft in drafts:
            if draft.state is PluginState.LOADED:
                _load(draft, manager)
    _refuse_shared_records([draft for draft in drafts if draft.state is PluginState.LOADED])
    host = PluginHost(
        tuple(draft.info() for draft in drafts), _registries(drafts), _notes(drafts, disabled), _absent(drafts)
    )
    if required is not None:
        _demand(host, drafts, required)
    return host


def check_plugin(reference: str, project: Path) -> PluginInfo:
    """Load one module, file or package folder as a plugin, alone, and report everything that is wrong with it."""
    draft = _Draft(local_source(reference, project))
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    with redirect_stdout(sys.stderr):
        _load(draft, manager)
    for step_type in draft.records.get("step_types", ()):
        if isinstance(step_type, StepType):
            for problem in parameter_problems(step_type):
                draft.fail(problem)
    return draft.info()


def _load(draft: _Draft, manager: pluggy.PluginManager) -> None:
    try:
        plugin = draft.source.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's import may raise anything; it is told, not lost
        draft.fail(f"its import failed: {_told(error)}", error)
        return
    draft.description = (getattr(plugin, "__doc__", None) or "").strip().partition("\n")[0]
    for problem in hook_problems(plugin):
        draft.fail(problem)
    try:
        manager.register(plugin, draft.source.name)
    except pluggy.PluginValidationError as error:
        if not draft.problems:  # a rule of pluggy's own; what we found ourselves is told better
            draft.fail(f"it cannot be registered: {error}", error)
        return
    except ValueError as error:  # the same module stands behind another plugin's name
        other = manager.get_name(plugin)
        draft.fail(f"the module behind it is already loaded as the plugin {other}; announce it once", error)
        return
    for kind in KINDS:
        caller = getattr(manager.hook, kind.hook)
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                _collect(draft, kind, implementation.function)


def _collect(draft: _Draft, kind: Kind, function: Any) -> None:
    """Call one hook implementation and take its records; the error of a generator that raises half way has its owner."""
    records = draft.records.setdefault(kind.registry, [])
    names = {kind.name_of(record) for record in records}
    try:
        answer = function()
        if answer is None or isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
            draft.fail(
                f"{kind.hook} returned {type(answer).__name__}; yield each {kind.record.__name__}, or return a list"
            )
            return
        brought = 0
        for record in islice(answer, _MOST_RECORDS + 1):
            brought += 1
            problems = record_problems(kind, record)
            for problem in problems:
                draft.fail(problem)
            if not problems and kind.name_of(record) in names:
                draft.fail(f"it brings the {kind.noun} {kind.name_of(record)} twice")
            elif not problems:
                names.add(kind.name_of(record))
                records.append(record)
        if brought > _MOST_RECORDS:
            draft.fail(f"{kind.hook} brings more than {_MOST_RECORDS} records; does its loop ever end?")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - see _load
        draft.fail(f"{kind.hook} raised {_told(error)} after {len(records)} records", error)


def _told(error: BaseException) -> str:
    if isinstance(error, NornFlowError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _refuse_shared_plugin_names(drafts: Sequence[_Draft]) -> None:
    by_name = defaultdict(list)
    for draft in drafts:
        by_name[draft.source.name].append(draft)
    for name, sharing in by_name.items():
        if len(sharing) > 1:
            suppliers = " and ".join(draft.source.supplier for draft in sharing)
            for draft in sharing:
                draft.state = PluginState.REFUSED
                draft.problems.append(
                    f"the plugin name {name} is supplied by {suppliers}; uninstall or rename one of them"
                )


def _refuse_shared_records(drafts: Sequence[_Draft]) -> None:
    """Refuse every plugin that brings a name which another brings too; nobody wins by being first."""
    for kind in KINDS:
        by_name = defaultdict(list)
        for draft in drafts:
            for record in draft.records.get(kind.registry, ()):
                by_name[kind.name_of(record)].append(draft)
        for name, sharing in by_name.items():
            if len(sharing) > 1:
                suppliers = " and ".join(f"plugin {d.source.name} ({d.source.supplier})" for d in sharing)
                for draft in sharing:
                    draft.state = PluginState.REFUSED
                    draft.problems.append(
                        f"the {kind.noun} {name} is supplied by {suppliers}; disable one of them with plugins.disabled"
                    )


def _registries(drafts: Sequence[_Draft]) -> Registries:
    collected: dict[str, dict[str, Any]] = {kind.registry: {} for kind in KINDS}
    suppliers: dict[tuple[str, str], str] = {}
    for draft in drafts:
        if draft.state is not PluginState.LOADED:
            continue
        for kind in KINDS:
            for record in draft.records.get(kind.registry, ()):
                name = kind.name_of(record)
                collected[kind.registry][name] = record
                suppliers[kind.registry, name] = draft.source.name
    return Registries(**collected, suppliers=suppliers)


def _absent(drafts: Sequence[_Draft]) -> dict[str, str]:
    """Return the step types of plugins that did not load, each with what is wrong with its plugin."""
    return {
        step_type.name: f"the plugin {draft.source.name}, which brings it, is {draft.state}: {draft.problems[0]}"
        for draft in drafts
        if draft.state in (PluginState.BROKEN, PluginState.REFUSED) and draft.problems
        for step_type in draft.records.get("step_types", ())
        if isinstance(step_type, StepType)
    }


def _notes(drafts: Sequence[_Draft], disabled: Collection[str]) -> tuple[str, ...]:
    """Tell about disabled names that no plugin has: a shared settings file may name them, or one may be mistyped."""
    names = {draft.source.name for draft in drafts}
    unknown = [name for name in disabled if name not in names]
    return tuple(
        f"plugins.disabled names {name}, which is not installed{did_you_mean(name, names)}" for name in unknown
    )


def _demand(host: PluginHost, drafts: Sequence[_Draft], required: Collection[str]) -> None:
    """Raise PluginError when something without which nothing may run did not load."""
    known = {info.name: info for info in host.plugins}
    reasons = []
    for name in sorted(required):
        info = known.get(name)
        if info is None:
            reasons.append(f"the required plugin {name} is not installed{did_you_mean(name, known)}")
        elif info.state is not PluginState.LOADED:
            reasons.append(f"the required plugin {name} is {info.state}{': ' + info.error if info.error else ''}")
    for draft in drafts:
        gates = [g for g in draft.records.get("gates", ()) if isinstance(g, Gate) and g.required]
        if gates and draft.state is not PluginState.LOADED:
            names = ", ".join(gate.name for gate in gates)
            reasons.append(
                f"the required gate {names} of the plugin {draft.source.name} did not load: {draft.info().error}"
            )
    if reasons:
        raise PluginError("; ".join(reasons), hint="`nornflow plugins list` shows every plugin with its error")
