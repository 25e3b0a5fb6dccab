"""Builds plain data out of YAML events: counts before it expands, and remembers where everything stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from nornflow.model.diagnostic import Diagnostic, Location
from nornflow.workflow.diagnostics import problem
from nornflow.workflow.document import Path, Place
from nornflow.workflow.scalars import plain

MAX_DEPTH = 50
MAX_NODES = 100_000
_MAX_PROBLEMS = 50
_PREFIX = "tag:yaml.org,2002:"


class TooMuch(Exception):
    """Reading stops here: going on would cost more than a document may."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class Node:
    """One value: a scalar, a dict of nodes or a list of nodes; `weight` is how many values it expands to."""

    value: Any
    line: int
    column: int
    text: str = ""
    style: str = ""
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    weight: int = 1
    depth: int = 1


@dataclass(slots=True)
class _Open:
    """A list or mapping that is still being read."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_mark: tuple[int, int] = (0, 0)
    skip: bool = False
    wants_key: bool = True


class TreeBuilder:
    """Takes the events of one document, in order; `root` is the tree and `diagnostics` what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.root: Node | None = None
        self.diagnostics: list[Diagnostic] = []
        self._file = file
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0

    def feed(self, event: yaml.Event) -> None:
        """Take the next event; raises TooMuch when the document is too deep, too large or not the only one."""
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise TooMuch(self._problem("NF009", "a second document starts here", line, column, "one document"))
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line, column)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._start(event, line, column)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = self._stack.pop()
            if closed.anchor:
                self._anchors[closed.anchor] = closed.node
            self._add(closed.node)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event, line, column)

    def plain(self) -> tuple[Any, dict[Path, Place]]:
        """Return the data without positions, and the place of every path in it."""
        places: dict[Path, Place] = {}
        assert self.root is not None

        def walk(node: Node, path: Path, key: tuple[int, int]) -> Any:
            places[path] = Place(node.line, node.column, *key, node.text, node.style)
            if isinstance(node.value, dict):
                return {name: walk(child, (*path, name), node.keys[name]) for name, child in node.value.items()}
            if isinstance(node.value, list):
                return [walk(child, (*path, index), (0, 0)) for index, child in enumerate(node.value)]
            return node.value

        return walk(self.root, (), (0, 0)), places

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int, column: int) -> None:
        mapping = isinstance(event, yaml.MappingStartEvent)
        if len(self._stack) >= MAX_DEPTH:
            raise TooMuch(self._problem("NF007", "nested too deeply", line, column, f"at most {MAX_DEPTH} levels"))
        if event.tag not in (None, "!", _PREFIX + ("map" if mapping else "seq")):
            self._unsupported(f"the tag {event.tag!r}", line, column, "only plain data can be written here")
        if mapping and self._stack and self._at_key():
            self._unsupported("a mapping as a key", line, column, "keys are text")
        elif self._stack and self._at_key():
            self._unsupported("a list as a key", line, column, "keys are text")
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(Node({} if mapping else [], line, column), event.anchor))

    def _scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> None:
        if self._stack and self._at_key():
            self._key(event.value, line, column, plain_style=event.implicit[0])
            return
        style = event.style or "plain"
        value: Any = event.value
        if event.tag not in (None, "!", f"{_PREFIX}str"):
            self._unsupported(f"the tag {event.tag!r}", line, column, "only plain data can be written here")
        elif event.implicit[0]:
            style = "plain"
            try:
                value = plain(event.value)
            except ValueError as error:
                self.diagnostics.append(self._problem("NF012", str(error), line, column, "a finite number"))
        node = Node(value, line, column, event.value, style)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _alias(self, event: yaml.AliasEvent, line: int, column: int) -> None:
        if event.anchor not in self._anchors:
            raise TooMuch(
                self._problem("NF004", f"not YAML: the alias *{event.anchor} has no anchor", line, column, "an anchor")
            )
        node = self._anchors[event.anchor]
        if node is None:
            raise TooMuch(
                self._problem("NF011", f"the alias *{event.anchor} is inside of what it names", line, column, "a tree")
            )
        if self._stack and self._at_key():
            self._unsupported("an alias as a key", line, column, "write the key out")
            self._key(f"*{event.anchor}", line, column, plain_style=False)
            return
        if len(self._stack) + node.depth > MAX_DEPTH + 1:
            raise TooMuch(self._problem("NF007", "nested too deeply", line, column, f"at most {MAX_DEPTH} levels"))
        self._add(node)

    def _at_key(self) -> bool:
        top = self._stack[-1]
        return isinstance(top.node.value, dict) and top.wants_key

    def _key(self, text: str, line: int, column: int, *, plain_style: bool) -> None:
        top = self._stack[-1]
        top.wants_key = False
        top.key, top.key_mark, top.skip = text, (line, column), False
        if text == "<<" and plain_style:
            self._unsupported(
                "the merge key `<<`", line, column, "write the keys out, or use an alias for the whole value"
            )
            top.skip = True
        elif text in top.node.value:
            first = top.node.keys[text][0]
            self._report("NF006", f"the key {text!r} already stands in line {first}", line, column, "each key once")
            top.skip = True

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if isinstance(top.node.value, list):
            top.node.value.append(node)
        elif top.wants_key:  # a list or mapping as key: already reported, its value takes its place
            top.wants_key, top.skip = False, True
            return
        else:
            top.wants_key = True
            if not top.skip and top.key is not None:
                top.node.value[top.key] = node
                top.node.keys[top.key] = top.key_mark
        top.node.weight += node.weight
        top.node.depth = max(top.node.depth, node.depth + 1)
        if top.node.weight > MAX_NODES:
            raise TooMuch(
                self._problem(
                    "NF008",
                    "the document expands to too many values",
                    node.line,
                    node.column,
                    f"at most {MAX_NODES:,} values, aliases expanded",
                )
            )

    def _unsupported(self, what: str, line: int, column: int, hint: str) -> None:
        self._report("NF011", f"{what} is not supported", line, column, "plain keys and values", hint)

    def _report(self, code: str, message: str, line: int, column: int, expected: str, hint: str = "") -> None:
        self.diagnostics.append(self._problem(code, message, line, column, expected, hint))
        if len(self.diagnostics) > _MAX_PROBLEMS:
            raise TooMuch(self.diagnostics.pop())

    def _problem(self, code: str, message: str, line: int, column: int, expected: str, hint: str = "") -> Diagnostic:
        return problem(code, message, Location(self._file, line, column), expected=expected, hint=hint)
