"""A small Mustache: variables, sections, inverted sections and comments over plain data.

It looks names up in mappings and lists only, never in attributes, and calls nothing: a general Mustache library does both,
which would let a template reach into Python. Nothing is escaped, because what is written here is not HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nornflow import StepError

_TAG = re.compile(r"\{\{(\{)?\s*([#^/!&>=]?)\s*(.*?)\s*(?(1)\}\}\}|\}\})", re.DOTALL)
_DEEPEST = 50
_HINT = "every {{#name}} needs one {{/name}}"
_MISSING = object()


def render(template: str, data: Mapping[str, Any], longest: int) -> str:
    """Return the template filled in; StepError for an unknown name, an open section or a text beyond `longest`."""
    pieces: list[str] = []
    _Writer(pieces, longest).write(_parse(_tokens(template)), [data])
    return "".join(pieces)


def _tokens(template: str) -> Iterator[tuple[str, str]]:
    position = 0
    for match in _TAG.finditer(template):
        kind, name = match[2], match[3]
        start, end = match.span()
        line_start = template.rfind("\n", 0, start) + 1
        line_end = template.find("\n", end)
        line_end = len(template) if line_end < 0 else line_end + 1
        alone = kind in ("#", "^", "/", "!") and not (template[line_start:start] + template[end:line_end]).strip()
        if alone and line_start >= position:  # a tag alone on its line takes the line with it
            start, end = line_start, line_end
        if start > position:
            yield "text", template[position:start]
        position = end
        if kind in (">", "="):
            raise StepError(f"mustache: {match[0]} is not supported", hint="write partials into the template itself")
        if kind != "!":
            yield kind or "&", name
    if position < len(template):
        yield "text", template[position:]


def _parse(tokens: Iterable[tuple[str, str]]) -> list[Any]:
    """Return the template as a tree: ("text", text), ("&", name) and ("#" or "^", name, children)."""
    top: list[Any] = []
    open_sections: list[tuple[str, list[Any]]] = [("", top)]
    for kind, name in tokens:
        children = open_sections[-1][1]
        if kind == "/":
            if name != open_sections[-1][0] or len(open_sections) == 1:
                raise StepError(f"mustache: {{{{/{name}}}}} closes nothing", hint=_HINT)
            open_sections.pop()
        elif kind in ("#", "^"):
            inner: list[Any] = []
            children.append((kind, name, inner))
            open_sections.append((name, inner))
            if len(open_sections) > _DEEPEST:
                raise StepError(f"mustache: sections are nested more than {_DEEPEST} deep", hint=_HINT)
        else:
            children.append((kind, name))
    if len(open_sections) > 1:
        raise StepError(f"mustache: {{{{#{open_sections[-1][0]}}}}} is not closed", hint=_HINT)
    return top


class _Writer:
    def __init__(self, pieces: list[str], longest: int) -> None:
        self._pieces = pieces
        self._left = longest

    def write(self, nodes: Sequence[Any], scopes: list[Any]) -> None:
        for node in nodes:
            if node[0] == "text":
                self._add(node[1])
            elif node[0] == "&":
                value = _find(node[1], scopes)
                if value is _MISSING:
                    raise StepError(
                        f"mustache: there is no {node[1]!r}", hint="check the name; sections may test for it"
                    )
                self._add("" if value is None else str(value))
            else:
                self._section(node, scopes)

    def _section(self, node: Any, scopes: list[Any]) -> None:
        kind, name, inner = node
        value = _find(name, scopes)
        empty = value is _MISSING or value is None or value is False or value == "" or value == [] or value == {}
        if kind == "^":
            if empty:
                self.write(inner, scopes)
        elif not empty:
            for item in value if isinstance(value, (list, tuple)) else [value]:
                self._add("")
                self.write(inner, [*scopes, item])

    def _add(self, text: str) -> None:
        self._left -= len(text) + 1  # an empty round of a section counts as well
        if self._left < 0:
            raise StepError("mustache: the text grows too long", hint="render less at a time")
        self._pieces.append(text)


def _find(name: str, scopes: list[Any]) -> Any:
    if name == ".":
        return scopes[-1]
    first, *rest = name.split(".")
    for scope in reversed(scopes):
        value = _item(scope, first)
        if value is not _MISSING:
            for part in rest:
                value = _item(value, part)
            return value
    return _MISSING


def _item(scope: Any, key: str) -> Any:
    if isinstance(scope, Mapping):
        return scope.get(key, _MISSING)
    if isinstance(scope, (list, tuple)) and key.isdigit() and int(key) < len(scope):
        return scope[int(key)]
    return _MISSING
