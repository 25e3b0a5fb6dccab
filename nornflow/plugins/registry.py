"""What the plugins brought: frozen registries by name, and who supplied each record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from nornflow.abc import ConnectionGuard, Gate, Observer, StepType, Twin
from nornflow.record import record
from nornflow.registration import Check, Command, TemplateFilter


@record
class Kind:
    """One kind of record: the registry it goes to, the hook that brings it, its class and the attribute that names it."""

    registry: str
    hook: str
    record: type[Any]
    key: str
    noun: str

    def name_of(self, record: Any) -> Any:
        """Return the name under which a record is registered (None when it has none)."""
        return getattr(record, self.key, None)


KINDS = (
    Kind("step_types", "nornflow_step_types", StepType, "name", "step type"),
    Kind("connection_guards", "nornflow_connection_guards", ConnectionGuard, "connection", "connection guard"),
    Kind("twins", "nornflow_twins", Twin, "name", "twin"),
    Kind("gates", "nornflow_gates", Gate, "name", "gate"),
    Kind("observers", "nornflow_observers", Observer, "name", "observer"),
    Kind("filters", "nornflow_template_filters", TemplateFilter, "name", "template filter"),
    Kind("checks", "nornflow_checks", Check, "code", "check"),
    Kind("commands", "nornflow_commands", Command, "name", "command"),
)
"""Every kind of record that plugins bring, in the order of the hooks."""


@dataclass(frozen=True)
class Registries:
    """All records by kind and name; `suppliers` names the plugin behind each `(kind, name)`. Read-only."""

    step_types: Mapping[str, StepType] = field(default_factory=dict)
    connection_guards: Mapping[str, ConnectionGuard] = field(default_factory=dict)
    twins: Mapping[str, Twin] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    observers: Mapping[str, Observer] = field(default_factory=dict)
    filters: Mapping[str, TemplateFilter] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    commands: Mapping[str, Command] = field(default_factory=dict)
    suppliers: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, MappingProxyType(dict(getattr(self, each.name))))

    def supplier_of(self, kind: str, name: str) -> str:
        """Return the name of the plugin that brought a record, e.g. `("step_types", "shell")`; KeyError when none did."""
        return self.suppliers[kind, name]


class PluginState(StrEnum):
    """What became of a plugin: only a loaded one brings anything.

    broken: it could not be imported or registered something wrong; refused: it supplies a name that another plugin
    supplies too; disabled: the settings say so, and it was not imported.
    """

    LOADED = "loaded"
    BROKEN = "broken"
    DISABLED = "disabled"
    REFUSED = "refused"


@record
class PluginInfo:
    """One plugin: where it comes from, what became of it and why, and what it brings (names by kind).

    `traceback` is the Python traceback of what it raised, for `--debug`.
    """

    name: str
    origin: str
    state: PluginState
    distribution: str = ""
    version: str = ""
    description: str = ""
    problems: tuple[str, ...] = ()
    traceback: str = ""
    brings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """Return everything that is wrong with the plugin in one line; empty when it loaded."""
        return "; ".join(self.problems)

    @property
    def supplier(self) -> str:
        """Return how a message names this plugin: by name and distribution, or by its file."""
        return (
            f"{self.name} ({self.distribution} {self.version})" if self.distribution else f"{self.name} ({self.origin})"
        )
