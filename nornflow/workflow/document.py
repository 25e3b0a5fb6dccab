"""A document as it was read: plain data, and where each key and value of it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from nornflow.model.diagnostic import Location
from nornflow.record import record

Path = tuple[str | int, ...]
"""The way from the top of a document to a value: keys and list positions."""


@record
class Place:
    """Where a value (and its key) starts, counted from 1, and how a scalar was written."""

    line: int
    column: int
    key_line: int = 0
    key_column: int = 0
    text: str = ""
    style: str = ""
    """`plain`, `'`, `"`, `|` or `>`; empty for lists and mappings."""


@record
class Document:
    """Plain data (dict, list, str, int, float, bool, None) with the place of each of its values."""

    file: str
    data: dict[str, Any]
    places: Mapping[Path, Place] = field(default_factory=dict, repr=False)
    source: str = field(default="", repr=False)

    def at(self, path: Path) -> Location:
        """Return where the value of a path starts; for a path that is not there, where its nearest parent starts."""
        place = self.places.get(path)
        if place is None:
            return self.at(path[:-1]) if path else Location(self.file)
        return Location(self.file, place.line, place.column)

    def key_at(self, path: Path) -> Location:
        """Return where the key of a path stands; for a list item or a missing path, as `at`."""
        place = self.places.get(path)
        if place is None or not place.key_line:
            return self.at(path)
        return Location(self.file, place.key_line, place.key_column)

    def inside(self, path: Path, offset: int) -> Location:
        """Return where the character at `offset` of a text stands, or the text's start when it was written over lines."""
        place = self.places.get(path)
        if place is None or place.style not in ("plain", "'", '"') or offset <= 0:
            return self.at(path)
        start = place.column + (place.style != "plain")
        lines = self.source.split("\n", place.line)
        line = lines[place.line - 1] if len(lines) >= place.line else ""
        if not line.startswith(place.text, start - 1):
            return self.at(path)
        return Location(self.file, place.line, start + min(offset, len(place.text)))

    def text_of(self, path: Path) -> str:
        """Return how a scalar was written, e.g. `1.0` for the number 1.0; empty when the path is not there."""
        place = self.places.get(path)
        return place.text if place else ""
