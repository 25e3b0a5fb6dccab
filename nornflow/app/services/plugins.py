"""Lists plugins, shows what one of them brings, and checks a module as a plugin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from nornflow.abc import StepType
from nornflow.errors import PluginError
from nornflow.plugins.host import PluginHost, check_plugin, load_plugins
from nornflow.plugins.inspection import documentation
from nornflow.plugins.registry import KINDS, PluginInfo
from nornflow.record import record
from nornflow.settings import Settings

RUNS = {"device": "on each device", "run": "once in a run", "any": "on each device after a step on devices, else once"}
"""How often a step of each scope runs, in words."""


@record
class ParameterView:
    """One key of a step type: its type in words, whether it must be given, its default and what it does."""

    name: str
    type: str
    required: bool
    default: Any
    description: str


@record
class StepTypeView:
    """One step type as documentation shows it; `problem` says why its parameters cannot be told."""

    name: str
    scope: str
    permissions: tuple[str, ...]
    documentation: str
    parameters: tuple[ParameterView, ...]
    problem: str = ""


@record
class PluginView:
    """One plugin with everything it brings; `others` holds name and documentation of what is not a step type, by noun."""

    info: PluginInfo
    step_types: tuple[StepTypeView, ...]
    others: Mapping[str, tuple[tuple[str, str], ...]]


def open_plugins(
    settings: Settings, *, demand: bool = True, entry_points: Iterable[EntryPoint] | None = None
) -> PluginHost:
    """Load the plugins as the settings say; without `demand` a required plugin that did not load stops nothing."""
    return load_plugins(
        entry_points=entry_points,
        disabled=settings.plugins.disabled,
        required=settings.plugins.required if demand else None,
        local=settings.plugins.local,
        project=settings.project,
    )


def describe_plugin(host: PluginHost, name: str) -> PluginView:
    """Return what the plugin brings, with parameters and documentation; PluginError when there is no such plugin."""
    info = host.plugin(name)
    others: dict[str, tuple[tuple[str, str], ...]] = {}
    for kind in KINDS:
        records = getattr(host.registries, kind.registry)
        if kind.registry != "step_types" and info.brings.get(kind.registry):
            others[kind.noun] = tuple((name, _summary(records[name])) for name in info.brings[kind.registry])
    step_types = tuple(describe_step_type(host.registries.step_types[n]) for n in info.brings.get("step_types", ()))
    return PluginView(info, step_types, others)


def check_module(reference: str, folder: Path) -> PluginInfo:
    """Load a module, file or package folder as a plugin in isolation and tell everything that is wrong with it."""
    return check_plugin(reference, folder)


def _summary(record: object) -> str:
    """Return one line about a record: its own description, title or help, or the first line of its docstring."""
    for attribute in ("description", "title", "help"):
        text = getattr(record, attribute, "")
        if isinstance(text, str) and text:
            return text
    return documentation(record).partition("\n")[0]


def describe_step_type(step_type: StepType) -> StepTypeView:
    """Return a step type with its parameters, made of its pydantic model."""
    problem = ""
    parameters: tuple[ParameterView, ...] = ()
    try:
        parameters = tuple(_parameters(step_type))
    except PluginError as error:
        problem = error.message
    return StepTypeView(
        step_type.name,
        step_type.scope.value,
        tuple(sorted(step_type.permissions)),
        documentation(step_type),
        parameters,
        problem,
    )


def _parameters(step_type: StepType) -> Iterable[ParameterView]:
    from pydantic.errors import PydanticUserError

    model = step_type.Params
    try:
        schema = model.model_json_schema()
    except PydanticUserError as error:
        raise PluginError(f"its parameters have no JSON Schema: {error.message}") from error
    definitions = schema.get("$defs", {})
    for field_name, field in model.model_fields.items():
        name = field.alias or field_name
        found = schema.get("properties", {}).get(name, {})
        default = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        yield ParameterView(
            name, type_in_words(found, definitions), field.is_required(), default, field.description or ""
        )


def type_in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return a JSON Schema type in a few words, such as `list of string` or `"merge" or "replace"`."""
    if "$ref" in schema:
        target = definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
        return type_in_words(target, {}) if "$ref" not in target else "object"
    if "enum" in schema:
        return " or ".join(f'"{each}"' for each in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "anyOf" in schema:
        branches = [type_in_words(each, definitions) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(branch for branch in branches if branch != "null"))
    if schema.get("type") == "array":
        items = schema.get("items")
        return f"list of {type_in_words(items, definitions)}" if items else "list"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping of {type_in_words(schema['additionalProperties'], definitions)}"
    return str(schema.get("type", "any"))
