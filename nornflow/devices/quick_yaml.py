"""YAML of an inventory, read quickly: values are made of libyaml's events, without the tree of nodes in between.

That tree has a node with two marks for each text of the file: 700 MB and most of the time for 100,000 hosts. What needs it
(anchors, tags, merged keys) and what is wrong goes the long way, through PyYAML's SafeLoader, whose errors name the place.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

import yaml
from yaml.constructor import ConstructorError

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100
_PLAIN = "tag:yaml.org,2002:"
_SCALARS = frozenset(_PLAIN + name for name in ("str", "int", "float", "bool", "null", "timestamp"))


class _Strict(_BASE):  # type: ignore[misc]
    """Refuses a key that stands twice: the first device of that name would vanish without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            seen: set[Any] = set()
            for key, _ in node.value:
                name = self.construct_object(key, deep=True)
                if name in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise ConstructorError(
                        None, None, f"the name {name!r} stands here for the second time", key.start_mark
                    )
                seen.add(name)
        return mapping


class _Unusual(Exception):
    """Something that takes the long way."""


def read_yaml(text: str) -> Any:
    """Return the value of a document as PyYAML's SafeLoader makes it; yaml.YAMLError when it is wrong, or has a key twice."""
    with suppress(_Unusual, yaml.YAMLError, ValueError), closing(_Quick(text)) as quick:
        return quick.document()
    _demand_shallow(text)
    return yaml.load(text, Loader=_Strict)


def _demand_shallow(text: str) -> None:
    """Raise a YAMLError when a document is nested so deep that libyaml's recursion would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_BASE):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            mark: Any = event.start_mark
            raise ConstructorError(None, None, "it is nested too deep", mark)


class _Quick:
    """Makes the value of one document. Texts that stand in many places are one object, which saves memory besides."""

    def __init__(self, text: str) -> None:
        self._loader = _BASE(text)
        self._next = self._loader.get_event
        self._known: dict[str, Any] = {}

    def close(self) -> None:
        self._loader.dispose()

    def document(self) -> Any:
        """Return the value of the only document; None for an empty file."""
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        found = self._value(self._next(), 0)
        self._next()  # the document's end
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise _Unusual
        return found

    def _value(self, event: Any, depth: int) -> Any:
        if event.anchor is not None or isinstance(event, yaml.AliasEvent) or event.tag is not None or depth > _DEEPEST:
            raise _Unusual
        if isinstance(event, yaml.ScalarEvent):
            text: str = event.value
            if not event.implicit[0]:
                return text
            return self._known[text] if text in self._known else self._plain(text)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return items
        mapping: dict[Any, Any] = {}
        entries = 0
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _Unusual
            mapping[self._value(event, depth)] = self._value(self._next(), depth + 1)
            entries += 1
        if len(mapping) != entries:
            raise _Unusual
        return mapping

    def _plain(self, text: str) -> Any:
        tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))
        if tag not in _SCALARS:
            raise _Unusual
        made = self._loader.construct_object(yaml.ScalarNode(tag, text)) if tag != f"{_PLAIN}str" else text
        self._known[text] = made
        return made
