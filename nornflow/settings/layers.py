"""Finds the layers of settings and reads them.

The order, later wins: defaults < preset of `environment` < system < user < project < file < environment < command line.
A later layer replaces a key; within `plugins`, `credentials`, `store`, `locks`, `pools` and `profiles` only the entries that it
names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nornflow.errors import ConfigurationError
from nornflow.settings.document import KeyPath, Problem, read_document
from nornflow.settings.merging import NESTED, Layer, merge
from nornflow.settings.model import ALIASES, Settings

SYSTEM = Path("/etc/nornflow")
PROJECT_FILES = ("nornflow.yaml", "nornflow.yml", "nornflow.json")
PREFIX = "NORNFLOW_"
FILE_VARIABLE = "NORNFLOW_CONFIG_FILE"

_LISTS = frozenset(
    {("allowed_domains",), ("trusted_keys",), ("plugins", "disabled"), ("plugins", "required"), ("plugins", "local")}
)
_PATHS = ("inventory", "tasks", "workspace")


def load_settings(
    start: Path,
    *,
    environ: Mapping[str, str],
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    system: Path = SYSTEM,
) -> Settings:
    """Return the settings in force in the folder `start`; dotted `overrides` (None is "not given") win over everything.

    ConfigurationError lists every problem of every layer with its place: files that cannot be read, unknown keys and
    variables with did-you-mean, wrong types and bounds.
    """
    layers, project = _layers(start.resolve(), environ, config_file, overrides or {}, system)
    settings, problems = merge(layers, project)
    if settings is None or problems:
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigurationError(
            f"the settings have {count}:\n{lines}", hint="`nornflow config template` shows every key with its meaning"
        )
    return settings


def examine_file(path: Path) -> tuple[Settings | None, tuple[Problem, ...]]:
    """Hold one file alone against the model: the settings it gives (None when it cannot be used) and its problems."""
    layer = _file_layer("file", path)
    settings, problems = merge([layer], path.resolve().parent)
    return settings, tuple(problems)


def _layers(
    start: Path, environ: Mapping[str, str], config_file: Path | None, overrides: Mapping[str, Any], system: Path
) -> tuple[list[Layer], Path]:
    home = environ.get("XDG_CONFIG_HOME") or (f"{environ['HOME']}/.config" if environ.get("HOME") else "")
    layers = [_file_layer("system", found) for found in _existing(system, ("config.yaml", "config.yml", "config.json"))]
    if home:
        user = Path(home) / "nornflow"
        layers += [
            _file_layer("user", found) for found in _existing(user, ("config.yaml", "config.yml", "config.json"))
        ]
    project = start
    for folder in (start, *start.parents):
        found = _existing(folder, PROJECT_FILES)
        if found:
            project = folder
            layers += [_file_layer("project", each) for each in found]
            if len(found) > 1:
                layers[-1].problems.append(Problem(str(found[1]), f"stands beside {found[0].name}", "keep one of them"))
            break
    named = config_file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    if named is not None:
        layers.append(_file_layer("file", start / named))
    layers.append(_environment_layer(environ, start))
    layers.append(_override_layer(overrides, start))
    return layers, project


def _existing(folder: Path, names: Sequence[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def _file_layer(name: str, path: Path) -> Layer:
    document = read_document(path)
    layer = Layer(name, path.resolve().parent, {}, document.places, document.problems)
    for key, value in document.values.items():
        known = ALIASES.get(str(key), str(key))
        if known != key:
            if known in document.values:
                layer.problems.append(
                    Problem(layer.place((key,)), f"{key} is another spelling of {known}, which is set too")
                )
            layer.places.update(
                {(known, *path[1:]): place for path, place in layer.places.items() if path[:1] == (key,)}
            )
        layer.values[known] = value
    _check_keys(layer)
    return layer


def _environment_layer(environ: Mapping[str, str], start: Path) -> Layer:
    """Read `NORNFLOW_WORKERS`, `NORNFLOW_PLUGINS__DISABLED` ...; other variables of the prefix that resemble none are let be."""
    layer = Layer("environment", start)
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and name != FILE_VARIABLE):
        path = tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))
        if path[0] not in Settings.model_fields:
            close = get_close_matches(path[0], list(Settings.model_fields), n=1, cutoff=0.75)
            if close or len(path) > 1:
                meant = (
                    f"did you mean {PREFIX}{close[0].upper()}?"
                    if close
                    else "`nornflow config template` shows every key"
                )
                layer.problems.append(Problem(variable, "is not a setting", meant))
            continue
        _set(layer, path, environ[variable], variable)
    _check_keys(layer)
    return layer


def _override_layer(overrides: Mapping[str, Any], start: Path) -> Layer:
    layer = Layer("command line", start)
    for key, value in overrides.items():
        if value is not None:
            _set(layer, tuple(key.split(".")), value, key)
    _check_keys(layer)
    return layer


def _set(layer: Layer, path: KeyPath, value: Any, place: str) -> None:
    if isinstance(value, str):
        value = _typed(layer, path, value, place)
    layer.places[path] = place
    if len(path) == 1:
        layer.values[path[0]] = value
    elif isinstance(layer.values.setdefault(path[0], {}), dict):
        layer.values[path[0]][".".join(path[1:])] = value


def _typed(layer: Layer, path: KeyPath, text: str, place: str) -> Any:
    """Turn the text of a variable or option into what its key wants: a number, a list (JSON or commas), or JSON."""
    stripped = text.strip()
    if path in set(_whole_numbers(Settings)):
        return int(stripped) if stripped.removeprefix("-").isdecimal() and len(stripped) < 20 else text
    if path in _LISTS and not stripped.startswith("["):
        return [item.strip() for item in stripped.split(",") if item.strip()]
    if path == ("environment",) and not stripped:
        return None
    if (
        path in _LISTS
        or path[0] == "profiles"
        or path[-1] in {"plugins", "credentials", "store", "locks", "pools"}
        or stripped.startswith("{")
    ):
        try:
            return json.loads(stripped)
        except (json.JSONDecodeError, RecursionError) as error:
            layer.problems.append(
                Problem(place, f"is not JSON: {error}", 'a mapping is given as JSON: \'{"key": "value"}\'')
            )
            return {} if path not in _LISTS else []
    return text


def _whole_numbers(model: type[BaseModel], above: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the keys whose values are whole numbers."""
    for name, one in model.model_fields.items():
        if one.annotation is int:
            yield (*above, name)
        elif isinstance(one.annotation, type) and issubclass(one.annotation, BaseModel):
            yield from _whole_numbers(one.annotation, (*above, name))


def _check_keys(layer: Layer) -> None:
    """Report unknown keys, and make the layer's relative paths absolute."""
    for key in list(layer.values):
        value = layer.values[key]
        known: frozenset[str] | None = frozenset(Settings.model_fields)
        if key not in Settings.model_fields:
            layer.problems.append(_unknown(layer, (key,), Settings.model_fields))
            del layer.values[key]
            continue
        known = NESTED.get(key)
        if known is not None and isinstance(value, dict):
            for inner in [each for each in value if each not in known]:
                layer.problems.append(_unknown(layer, (key, str(inner)), known))
            layer.values[key] = value = {inner: value[inner] for inner in value if inner in known}
        if key in _PATHS and isinstance(value, str) and value:
            layer.values[key] = layer.base / Path(value).expanduser()
        if key == "plugins" and isinstance(value, dict) and isinstance(value.get("local"), list):
            value["local"] = [_local(layer.base, each) for each in value["local"]]


def _unknown(layer: Layer, path: KeyPath, known: Mapping[str, Any] | frozenset[str]) -> Problem:
    if path == ("credentials", "password"):
        hint = "a password never stands in a file: name the variable that holds it with password_env"
    else:
        close = get_close_matches(path[-1], sorted(known), n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
    return Problem(layer.place(path), f"unknown key {'.'.join(path)}", hint)


def _local(base: Path, reference: Any) -> Any:
    if isinstance(reference, str) and (reference.endswith(".py") or "/" in reference):
        return str(base / Path(reference).expanduser())
    return reference
