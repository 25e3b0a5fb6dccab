"""Merges the layers of settings, later ones over earlier ones, and holds the outcome against the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nornflow.settings.document import KeyPath, Problem
from nornflow.settings.model import PRESETS, Credentials, LockSettings, Origin, PluginSettings, Settings, StoreSettings

NESTED: Mapping[str, frozenset[str] | None] = {
    "plugins": frozenset(PluginSettings.model_fields),
    "credentials": frozenset(Credentials.model_fields),
    "store": frozenset(StoreSettings.model_fields),
    "locks": frozenset(LockSettings.model_fields),
    "pools": None,  # any name
    "profiles": None,
}
"""Keys whose entries are merged one by one, with the entries that they may have; None for any."""


@dataclass
class Layer:
    """One place that settings come from; `base` is the folder that its relative paths are relative to."""

    name: str
    base: Path
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: KeyPath) -> str:
        """Return where a key, or what it is in, was set; nothing where it was not."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return ""


@dataclass
class _Limit:
    """What holds `profile_limit` in place: the first layer that sets it counts, with the profiles described until then."""

    name: str = ""
    place: str = ""
    described: dict[str, Any] = field(default_factory=dict)

    def broken_by(self, path: KeyPath, value: Any, layer: Layer) -> Problem | None:
        """Return what is wrong with an entry of a later layer, None when it leaves the limit as it is."""
        hint = f"{self.place} sets the limit {self.name!r}; only there it can be changed"
        if not self.name:
            return None
        if path == ("profile_limit",) and value != self.name:
            return Problem(layer.place(path) or layer.name, "profile_limit is set already", hint)
        if path[0] == "profiles" and len(path) == 2 and self.described.get(path[1], value) != value:
            return Problem(layer.place(path) or layer.name, f"profiles.{path[1]} is described already", hint)
        return None

    def set_by(self, layer: Layer) -> None:
        """Take the limit of a layer when there is none yet."""
        if self.name:
            return
        profiles, name = layer.values.get("profiles"), layer.values.get("profile_limit")
        if isinstance(profiles, dict):
            self.described.update(profiles)
        if isinstance(name, str):
            self.name, self.place = name, layer.place(("profile_limit",)) or layer.name


def merge(layers: Sequence[Layer], project: Path) -> tuple[Settings | None, list[Problem]]:
    """Return the settings that the layers give in a project's folder, None when they cannot be used, and all problems."""
    values: dict[str, Any] = {}
    origins: dict[KeyPath, Origin] = {}
    problems = [problem for layer in layers for problem in layer.problems]
    limit = _Limit()
    for layer in layers:
        for path, value in _entries(layer.values):
            if problem := limit.broken_by(path, value, layer):
                problems.append(problem)
                continue
            if len(path) == 2 and isinstance(values.setdefault(path[0], {}), dict):
                values[path[0]][path[1]] = value
            else:
                values[path[0]] = value
            origins = {known: origin for known, origin in origins.items() if known[: len(path)] != path}
            origins[path] = Origin(layer.name, layer.place(path))
            for inner, place in layer.places.items():
                if inner[: len(path)] == path and inner != path:
                    origins[inner] = Origin(layer.name, place)
        limit.set_by(layer)
    preset = values.get("environment")
    for key, value in PRESETS.get(preset, {}).items() if isinstance(preset, str) else ():
        if key not in values:
            values[key] = value
            origins[key,] = Origin("preset", f"{preset} ({origins['environment',]})")
    for key, default in (("inventory", "inventory"), ("tasks", "tasks"), ("workspace", ".nornflow")):
        values.setdefault(key, project / default)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        return None, problems + list(_value_problems(error, values, origins))
    settings._origins, settings._project = origins, project
    return settings, problems


def _entries(values: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in values.items():
        if key in NESTED and isinstance(value, dict):
            yield from (((key, str(inner)), entry) for inner, entry in value.items())
        else:
            yield (key,), value


def _value_problems(
    error: ValidationError, values: Mapping[str, Any], origins: Mapping[KeyPath, Origin]
) -> Iterator[Problem]:
    for found in error.errors(include_url=False, include_context=False):
        location = tuple(str(part) for part in found["loc"])
        if location[0] == "inventory":  # a union: tell only about the branch that was meant
            if isinstance(values["inventory"], Mapping) is not (location[1:2] == ("InventoryPlugin",)):
                continue
            location = ("inventory", *location[2:])
        path = location
        while path and path not in origins:
            path = path[:-1]
        expected = (
            found["msg"].replace("Input should be ", "expected ").replace("Extra inputs are", "an unknown key is")
        )
        shown = "" if found["type"] in {"missing", "extra_forbidden", "amount"} else f"found {_shown(found['input'])}, "
        yield Problem(origins[path].place if path else "", f"{'.'.join(location)}: {shown}{expected}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
