"""Reads one settings file, YAML or JSON, into plain values and the place of every key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nornflow.record import record

_LARGEST = 1_048_576  # bytes; a settings file is a few kilobytes
_KINDS = {yaml.ScalarNode: "one value", yaml.SequenceNode: "a list"}
_MOST_NODES = 50_000  # an alias counts each time it is used, so that an alias bomb is refused before it is expanded

KeyPath = tuple[str, ...]


@record
class Problem:
    """One thing that is wrong with the settings: where, what, and the way out."""

    place: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} ({self.hint})" if self.hint else text


@dataclass(slots=True)
class Document:
    """The values of a file, the place (`file:line:column`) of each key, and what is wrong with it."""

    file: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_document(path: Path) -> Document:
    """Read a settings file; whatever is wrong with it stands in `problems`, nothing is raised."""
    document = Document(str(path))
    try:
        raw = path.read_bytes()
        if len(raw) > _LARGEST:
            document.problems.append(Problem(str(path), f"the file has {len(raw)} bytes; at most {_LARGEST} are read"))
            return document
        text = raw.decode("utf-8-sig")
    except OSError as error:
        document.problems.append(Problem(str(path), f"cannot be read: {error.strerror or error}"))
        return document
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        document.problems.append(
            Problem(f"{path}:{line}", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        )
        return document
    try:
        _parse(document, text, is_json=path.suffix == ".json")
    except json.JSONDecodeError as error:
        document.problems.append(Problem(f"{path}:{error.lineno}:{error.colno}", f"is not JSON: {error.msg}"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        hint = "YAML is indented with spaces, never tabs" if "\\t" in str(error.problem) else ""
        document.problems.append(Problem(place, f"is not YAML: {error.problem or error.context}", hint))
    except yaml.YAMLError as error:
        document.problems.append(Problem(str(path), f"is not YAML: {' '.join(str(error).split())}"))
    except (RecursionError, ValueError) as error:
        told = "is nested too deeply" if isinstance(error, RecursionError) else f"holds a value that is none: {error}"
        document.problems.append(Problem(str(path), told))
    return document


_JSON_AS_YAML = {ord("\t"): " ", 0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""What YAML reads otherwise than JSON: tabs, never raw in strings, which it refuses, and characters that end its lines."""


def _parse(document: Document, text: str, *, is_json: bool) -> None:
    values: Any = json.loads(text) if is_json else None
    loader = yaml.SafeLoader(text.translate(_JSON_AS_YAML) if is_json else text)
    try:
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            document.problems.append(
                Problem(
                    _place(document, root),
                    f"expected keys and values, found {_KINDS[type(root)]}",
                    "start with: profile: standard",
                )
            )
            return
        for count, (path, key) in enumerate(_keys(document, root, ()), start=1):
            if count > _MOST_NODES:
                document.problems.append(
                    Problem(document.file, f"holds more than {_MOST_NODES} values (are there aliases?)")
                )
                return
            if path:
                document.places[path] = _place(document, key)
        document.values = values if is_json else loader.construct_document(root)
    finally:
        loader.dispose()


def _place(document: Document, node: yaml.Node) -> str:
    return f"{document.file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _keys(document: Document, node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, yaml.Node]]:
    """Yield every key with its path, and every item of a list with an empty one, so that all of them are counted."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield (), item
            yield from _keys(document, item, (*path, ""))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                document.problems.append(Problem(_place(document, key), f"the key {name} stands here a second time"))
            seen.add(name)
            yield (*path, name), key
            yield from _keys(document, value, (*path, name))
