"""Writes a document as canonical YAML: keys in one order, one style, and nothing lost but comments and anchors."""

from __future__ import annotations

from typing import Any

import yaml

from nornflow.workflow.document import Document, Path
from nornflow.workflow.forms import Form, OneOf
from nornflow.workflow.keys import BLOCKS, STEP, WORKFLOW
from nornflow.workflow.scalars import plain
from nornflow.workflow.shapes import ListOf, MapOf, Record

_LEADING = ("id", "name", "description", "type", "depends_on", "when", "for_each", "until")


def export_workflow(document: Document) -> str:
    """Return the document as YAML text that loads to the same data; the version is written as the text it was."""
    data = _ordered(document.data, WORKFLOW)
    if isinstance(data.get("version"), float | int) and not isinstance(data["version"], bool):
        data["version"] = document.text_of(("version",)) or str(data["version"])
    if isinstance(data.get("environment"), dict):
        data["environment"] = _texts(data["environment"], ("environment",), document)
    if isinstance(data.get("snapshot"), dict) and isinstance(data["snapshot"].get("take"), list):
        data["snapshot"]["take"] = _steps(data["snapshot"]["take"], ("snapshot", "take"), document)
    if isinstance(data.get("rollout"), dict) and isinstance(data["rollout"].get("checks"), list):
        data["rollout"]["checks"] = _steps(data["rollout"]["checks"], ("rollout", "checks"), document)
    if isinstance(data.get("steps"), list):
        data["steps"] = _steps(data["steps"], ("steps",), document)
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=4096, indent=2
    )
    return text


def _texts(environment: dict[str, Any], path: Path, document: Document) -> dict[str, Any]:
    """Return variables with the texts that numbers were written as: a variable is a text, and 1.10 is not 1.1."""
    return {
        name: document.text_of((*path, name)) or value if isinstance(value, float) else value
        for name, value in environment.items()
    }


def _steps(items: list[Any], path: Path, document: Document) -> list[Any]:
    return [
        _step(item, (*path, index), document) if isinstance(item, dict) else item for index, item in enumerate(items)
    ]


def _step(step: dict[str, Any], path: Path, document: Document) -> dict[str, Any]:
    own = [name for name in step if name not in STEP.keys]
    following = [name for name in STEP.keys if name not in (*_LEADING, *BLOCKS)]
    names = [name for name in (*_LEADING, *own, *following, *BLOCKS) if name in step]
    made: dict[str, Any] = {}
    for name in names:
        value = step[name]
        if name in BLOCKS and isinstance(value, list):
            made[name] = _steps(value, (*path, name), document)
        elif name == "environment" and isinstance(value, dict):
            made[name] = _texts(value, (*path, name), document)
        else:
            made[name] = _ordered(value, STEP.keys[name].form) if name in STEP.keys else value
    return made


def _ordered(value: Any, form: Form) -> Any:
    """Return a value with the keys of its records in the order of the table; keys that are not in it stay, at the end."""
    match form:
        case OneOf(forms=forms):
            fitting = next((one for one in forms if one.takes(value)), None)
            return value if fitting is None else _ordered(value, fitting)
        case ListOf(item=item) if isinstance(value, list):
            return [_ordered(one, item) for one in value]
        case MapOf(value=inner) if isinstance(value, dict):
            return {name: _ordered(one, inner) for name, one in value.items()}
        case Record(keys=keys) if isinstance(value, dict):
            names = [name for name in keys if name in value] + [name for name in value if name not in keys]
            return {name: _ordered(value[name], keys[name].form) if name in keys else value[name] for name in names}
    return value


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper with indented lists and no anchors, and texts that our own reading keeps as texts."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value out each time it is used."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if any(not char.isprintable() and char != "\n" for char in text):
        style = '"'
    elif "\n" in text:
        style = "|" if text.strip("\n ") else '"'
    elif not isinstance(_read(text), str):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _read(text: str) -> Any:
    try:
        return plain(text)
    except ValueError:
        return None


_Dumper.add_representer(str, _text)
