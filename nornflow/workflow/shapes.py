"""Forms that hold other forms: lists, mappings with free keys, and records with named keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from nornflow.record import record
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.document import Path
from nornflow.workflow.forms import MISSING, Form, Reader, name_of


@record
class ListOf(Form):
    """A list of one form; with `alone`, a single value may stand without its list."""

    item: Form
    least: int = 0
    most: int = 1000
    alone: bool = False

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the list of what could be read of its items."""
        if self.alone and not isinstance(value, list) and self.item.takes(value):
            one = self.item.read(value, path, reader)
            return MISSING if one is MISSING else [one]
        if not isinstance(value, list):
            return reader.wrong_type(value, path, "a list")
        if not self.least <= len(value) <= self.most:
            message = f"{name_of(path)} has {len(value)} items"
            expected = f"{self.least} to {self.most} items"
            reader.report("NF104", message, path, found=f"{len(value)} items", expected=expected)
            return MISSING
        read = [self.item.read(one, (*path, index), reader) for index, one in enumerate(value)]
        return [one for one in read if one is not MISSING]

    def takes(self, value: Any) -> bool:
        """A list takes lists, and a single item where it may stand alone."""
        return isinstance(value, list) or (self.alone and self.item.takes(value))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        made = {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}
        return {"anyOf": [self.item.schema(), made]} if self.alone else made


@record
class MapOf(Form):
    """A mapping whose keys follow a pattern and whose values have one form."""

    value: Form
    pattern: str = r"[A-Za-z_][A-Za-z0-9_-]*"
    example: str = "my_name"
    most: int = 1000

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the mapping of what could be read of its values."""
        if not isinstance(value, dict):
            return reader.wrong_type(value, path, "a mapping")
        if len(value) > self.most:
            message = f"{name_of(path)} has {len(value)} keys"
            reader.report("NF104", message, path, found=f"{len(value)} keys", expected=f"at most {self.most} keys")
            return MISSING
        made = {}
        for name, item in value.items():
            where = (*path, name)
            if not re.fullmatch(self.pattern, name):
                expected = f"a name like {self.example} (`{self.pattern}`)"
                message = f"{name[:80]!r} is not a name that {name_of(path)} can have"
                reader.report("NF106", message, where, key=True, found=repr(name[:80]), expected=expected)
                continue
            read = self.value.read(item, where, reader)
            if read is not MISSING:
                made[name] = read
        return made

    def takes(self, value: Any) -> bool:
        """A mapping takes mappings."""
        return isinstance(value, dict)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        return {
            "type": "object",
            "patternProperties": {f"^(?:{self.pattern})$": self.value.schema()},
            "additionalProperties": False,
            "maxProperties": self.most,
        }


@record
class Key:
    """One key of a record: its form, whether it must be there, and one sentence of documentation."""

    form: Form
    doc: str
    required: bool = False
    default: Any = None


@record
class Record(Form):
    """A mapping with named keys; `instead` says what to write for keys that other tools have."""

    keys: Mapping[str, Key]
    instead: Mapping[str, str] = field(default_factory=dict)
    what: str = "a mapping"

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the keys that could be read; unknown and missing ones are reported."""
        if not isinstance(value, dict):
            return reader.wrong_type(value, path, self.what, f"its keys are {listing(self.keys)}")
        for name in value:
            if name not in self.keys:
                unknown_key(reader, name, path, self.keys, self.instead)
        return self.read_known(value, path, reader)

    def read_known(self, value: dict[str, Any], path: Path, reader: Reader) -> dict[str, Any]:
        """Return the keys of this record that could be read, whatever else stands beside them."""
        made = {}
        for name, key in self.keys.items():
            if name in value:
                read = key.form.read(value[name], (*path, name), reader)
                if read is not MISSING:
                    made[name] = read
            elif key.required:
                message = f"{name_of(path)} has no `{name}`" if path else f"the {reader.what} has no `{name}`"
                reader.report("NF102", message, path, expected=f"the key `{name}`: {key.doc}")
        return made

    def takes(self, value: Any) -> bool:
        """A record takes mappings."""
        return isinstance(value, dict)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        return {
            "type": "object",
            "properties": {name: described(key) for name, key in self.keys.items()},
            "required": [name for name, key in self.keys.items() if key.required],
            "additionalProperties": False,
        }


def described(key: Key) -> dict[str, Any]:
    """Return the JSON Schema of a key with its documentation and default."""
    made = {**key.form.schema(), "description": key.doc}
    return made if key.default is None else {**made, "default": key.default}


def unknown_key(reader: Reader, name: str, path: Path, known: Mapping[str, Any], instead: Mapping[str, str]) -> None:
    """Report a key that is not known, with the known key it looks like or what to write instead."""
    suggestion = "" if name in instead else did_you_mean(name, known)
    hint = instead.get(name, "") or ("" if suggestion else f"known keys: {listing(known, 30)}")
    where = f" of {name_of(path)}" if path else ""
    message = f"unknown key {name[:80]!r}{where}"
    reader.report("NF101", message, (*path, name), key=True, found=name, suggestion=suggestion, hint=hint)
