"""What is wrong with a plugin: its hook functions against the hookspecs, its records against what they must be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from nornflow import hookspecs
from nornflow.abc import StepType
from nornflow.hookspecs import PROJECT
from nornflow.model.permission import PERMISSIONS
from nornflow.model.step import Scope
from nornflow.plugins.registry import KINDS, Kind

_NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*\Z")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CODE = re.compile(r"[A-Z]{2,}[0-9]{2,}\Z")
_STEP_KEYS = frozenset(
    (
        "id",
        "name",
        "description",
        "type",
        "depends_on",
        "when",
        "for_each",
        "until",
        "timeout",
        "retry",
        "cache",
        "read_only",
        "on_failure",
        "environment",
        "profile",
        "once",
        "rollback",
        "inputs",
        "outputs",
        "then_steps",
        "else_steps",
        "rescue",
        "always",
    )
)
"""The keys that every step has (workflow.keys), which a step type can therefore not have for itself."""
_PATTERNS = {"filters": (_IDENTIFIER, "an identifier"), "checks": (_CODE, "capitals and digits such as ACME001")}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean X?)` when a known word is close, and nothing otherwise."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def hook_problems(plugin: object) -> list[str]:
    """Return what is wrong with a plugin's hook functions: unknown hooks, wrong arguments, a forgotten `@hookimpl`."""
    specs = {kind.hook: inspect.signature(getattr(hookspecs, kind.hook)) for kind in KINDS}
    problems = []
    implemented = 0
    for attribute in dir(plugin):
        function = inspect.getattr_static(plugin, attribute)
        function = getattr(function, "__func__", function)
        options = getattr(function, f"{PROJECT}_impl", None)
        if not isinstance(options, dict):
            if attribute in specs and inspect.isfunction(function):
                problems.append(f"{attribute} is not marked with @hookimpl, so it would never be called")
            continue
        implemented += 1
        name = options.get("specname") or attribute
        if name not in specs:
            problems.append(f"{name} is not a hook{did_you_mean(name, specs)}")
            continue
        if options.get("hookwrapper") or options.get("wrapper"):
            problems.append(f"{name} is a wrapper; hooks only register records, there is nothing to wrap")
        accepted = set(specs[name].parameters)
        for parameter in _own_parameters(function, plugin):
            if parameter not in accepted:
                takes = f"it takes {', '.join(sorted(accepted))}" if accepted else "it takes none"
                problems.append(
                    f"{name} has the unknown argument {parameter!r}; {takes}{did_you_mean(parameter, accepted)}"
                )
    if not implemented and not problems:
        problems.append("it implements no hook; mark a function such as nornflow_step_types with @hookimpl")
    return problems


def _own_parameters(function: Any, plugin: object) -> list[str]:
    parameters = list(inspect.signature(function).parameters.values())
    if not inspect.ismodule(plugin) and parameters and parameters[0].name in {"self", "cls"}:
        parameters = parameters[1:]
    return [each.name for each in parameters if each.default is each.empty]


def record_problems(kind: Kind, record: object) -> list[str]:
    """Return what is wrong with one record that a hook brought; an empty list when it may be registered."""
    if not isinstance(record, kind.record):
        if isinstance(record, type) and issubclass(record, kind.record):
            return [f"{kind.hook} brought the class {record.__name__}; bring an object: {record.__name__}()"]
        return [f"{kind.hook} brought {_shown(record)}; expected a {kind.record.__name__}"]
    name = kind.name_of(record)
    pattern, wanted = _PATTERNS.get(kind.registry, (_NAME, "lower-case words with dots, such as acme.set_banner"))
    if not isinstance(name, str) or not pattern.match(name):
        label = f"{kind.noun} {type(record).__name__}"
        return [f"{label} has the {kind.key} {name!r}; expected {wanted}"]
    problems = []
    if isinstance(record, StepType):
        problems += [f"{kind.noun} {name}: {problem}" for problem in _step_type_problems(record)]
    if kind.registry in {"filters", "checks"} and not callable(getattr(record, "function", None)):
        problems.append(f"{kind.noun} {name}: its function cannot be called")
    if kind.registry == "commands" and not callable(getattr(record, "load", None)):
        problems.append(f"{kind.noun} {name}: load cannot be called")
    return problems


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def documentation(record: object) -> str:
    """Return the docstring of a record: its own or its class's, never that of the interface it implements."""
    own = getattr(record, "__dict__", {}).get("__doc__")
    if own:
        return inspect.cleandoc(own)
    for each in type(record).__mro__:
        if each.__module__ in {"nornflow.abc", "nornflow.registration", "builtins"}:
            break
        if each.__doc__:
            return inspect.cleandoc(each.__doc__)
    return ""


def _step_type_problems(record: Any) -> Iterable[str]:
    if not documentation(record):
        yield "it has no documentation; write a docstring, its first line is what `nornflow plugins show` tells"
    if not isinstance(record.scope, Scope):
        yield f"its scope is {record.scope!r}; expected Scope.DEVICE or Scope.RUN"
    if isinstance(record.permissions, str) or not isinstance(record.permissions, Iterable):
        yield f"its permissions are {record.permissions!r}; expected a set of names"
        return
    for permission in sorted(map(str, record.permissions)):
        if permission not in PERMISSIONS:
            yield f"it needs the unknown permission {permission!r}{did_you_mean(permission, PERMISSIONS)}"


def parameter_problems(step_type: StepType) -> list[str]:
    """Return why a step type's parameter model cannot be used; imports pydantic, so it is asked only by a thorough check."""
    from pydantic import BaseModel

    try:
        model: object = step_type.Params
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return [f"step type {step_type.name}: Params is {_shown(model)}; expected a pydantic model"]
        model.model_json_schema()
    except Exception as error:  # noqa: BLE001 - third-party code: whatever it raises is the finding
        return [f"step type {step_type.name}: its parameters cannot be used: {error}"]
    hidden = sorted(_STEP_KEYS & {field.alias or name for name, field in model.model_fields.items()})
    return [f"step type {step_type.name}: its parameter {one!r} is a key of every step; rename it" for one in hidden]
