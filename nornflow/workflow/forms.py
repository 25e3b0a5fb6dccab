"""The forms that a key's value may have: each one reads a value with all its problems, and describes itself as JSON Schema.

One table of keys (`keys.py`) made of these forms serves the compiler and the schema, so the two cannot disagree.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from nornflow.model.confirm import UNITS, length
from nornflow.model.diagnostic import Diagnostic
from nornflow.record import record
from nornflow.workflow.diagnostics import did_you_mean, listing, problem, shown
from nornflow.workflow.document import Document, Path


class Missing:
    """The type of `MISSING`: what reading gives for a value that is absent or wrong (and then already reported)."""


MISSING: Final = Missing()


NONE_ABSENT: Mapping[str, str] = MappingProxyType({})
"""No step type that a plugin would bring is missing."""


@dataclass(slots=True)
class Reader:
    """A document while it is read, and every problem found in it so far."""

    document: Document
    absent: Mapping[str, str] = field(default_factory=lambda: NONE_ABSENT)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    what: str = "workflow"
    """What the document is, for people."""

    def report(self, code: str, message: str, path: Path, *, key: bool = False, **more: str) -> None:
        """Add a problem at the value of a path, or at its key."""
        where = self.document.key_at(path) if key else self.document.at(path)
        self.diagnostics.append(problem(code, message, where, **more))

    def wrong_type(self, value: Any, path: Path, expected: str, hint: str = "") -> Missing:
        """Report that a value has the wrong type."""
        name = name_of(path)
        self.report(
            "NF103",
            f"{name} must be {expected}, not {shown(value)}",
            path,
            found=shown(value),
            expected=expected,
            hint=hint,
        )
        return MISSING


class Form(ABC):
    """What a value may look like."""

    what: str = "a value"

    @abstractmethod
    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the value (or MISSING, after reporting why it is wrong)."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft-07) of this form."""

    def takes(self, value: Any) -> bool:
        """Tell whether a value is of this form's kind, so that a choice of forms knows which one is meant."""
        return True


@record
class Text(Form):
    """A text; `pattern` is what the whole of it must match and `example` shows it."""

    pattern: str = ""
    example: str = ""
    shortest: int = 0
    longest: int = 10_000
    numbers: bool = False
    """Whether a number (or boolean) that YAML made of an unquoted word is taken as it was written."""
    what: str = "a text"
    kind: str = ""
    """What a text must match to be meant for this form, where another form takes texts too."""

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the text, checked for its length and pattern."""
        if self.numbers and isinstance(value, int | float):
            value = reader.document.text_of(path) or str(value)
        if not isinstance(value, str):
            hint = "write the text in quotes" if isinstance(value, int | float) else ""
            return reader.wrong_type(value, path, self.what, hint)
        if not self.shortest <= len(value) <= self.longest:
            expected = f"{self.shortest} to {self.longest:,} characters"
            message = f"{name_of(path)} has {len(value):,} characters"
            reader.report("NF104", message, path, found=f"{len(value):,} characters", expected=expected)
            return MISSING
        if self.pattern and not re.fullmatch(self.pattern, value):
            expected = f"{self.what}, like {self.example}" if self.example else self.what
            message = f"{name_of(path)} is not {self.what}: {value[:80]!r}"
            reader.report("NF106", message, path, found=repr(value[:80]), expected=expected)
            return MISSING
        return value

    def takes(self, value: Any) -> bool:
        """A text takes strings (of its kind), and numbers where they may be written without quotes."""
        if isinstance(value, str) and self.kind:
            return re.fullmatch(self.kind, value) is not None
        return isinstance(value, str) or (self.numbers and isinstance(value, int | float))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        made: dict[str, Any] = {"type": ["string", "number", "boolean"] if self.numbers else "string"}
        if self.pattern:
            made["pattern"] = f"^(?:{self.pattern})$"
        if self.shortest:
            made["minLength"] = self.shortest
        return {**made, "maxLength": self.longest}


def _plainly(number: float) -> str:
    """Return a bound as people write it: 2592000, and not 2.592e+06."""
    return str(int(number)) if number == int(number) else f"{number:g}"


@record
class Number(Form):
    """A number between two bounds, both included; `unit` is only told to people."""

    least: float
    most: float
    whole: bool = False
    unit: str = ""

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the number, checked for its bounds."""
        kind = ("a whole number" if self.whole else "a number") + (f" of {self.unit}" if self.unit else "")
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return reader.wrong_type(value, path, kind)
        if not self.least <= value <= self.most:
            expected = f"{_plainly(self.least)} to {_plainly(self.most)}" + (f" {self.unit}" if self.unit else "")
            message = f"{name_of(path)} is out of range: {value}"
            reader.report("NF104", message, path, found=str(value), expected=expected)
            return MISSING
        return value

    def takes(self, value: Any) -> bool:
        """A number takes numbers, and not booleans."""
        return isinstance(value, int | float) and not isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        return {"type": "integer" if self.whole else "number", "minimum": self.least, "maximum": self.most}


@record
class Duration(Form):
    """A length of time between two bounds in seconds, both included: a number of seconds, or `30s`, `5m`, `1h`.

    With `days` it may be written in days as well: `2d`.
    """

    least: float
    most: float
    days: bool = False

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the length in seconds, checked for its bounds."""
        seconds = self._seconds(value)
        if seconds is None:
            return reader.wrong_type(value, path, "a length of time", "write seconds, or a number with its unit: 5m")
        if not self.least <= seconds <= self.most:
            expected = " to ".join(self.bounds)
            message = f"{name_of(path)} is out of range: {value}"
            reader.report("NF104", message, path, found=str(value), expected=expected)
            return MISSING
        return seconds

    def takes(self, value: Any) -> bool:
        """A length of time takes numbers and texts like `5m`."""
        return self._seconds(value) is not None

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        number = {"type": "number", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": f"^(?:{self._form.pattern})$"}]}

    @property
    def bounds(self) -> tuple[str, str]:
        """The bounds as they are written, each in its largest whole unit."""
        return length(self.least), length(self.most)

    @property
    def _form(self) -> re.Pattern[str]:
        return _LENGTH_IN_DAYS if self.days else _LENGTH

    def _seconds(self, value: Any) -> float | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        found = self._form.fullmatch(value) if isinstance(value, str) else None
        return None if found is None else float(int(found[1]) * _UNITS[found[2]])


_LENGTH = re.compile(r"([0-9]{1,6})([smh])")
_LENGTH_IN_DAYS = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {**UNITS, "d": 86_400}


@record
class Boolean(Form):
    """true or false; the words yes and no are texts here, as in YAML 1.2."""

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the boolean."""
        if isinstance(value, bool):
            return value
        words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
        word = words.get(value.lower(), "") if isinstance(value, str) else ""
        return reader.wrong_type(value, path, "true or false", f"write {word}" if word else "")

    def takes(self, value: Any) -> bool:
        """A boolean takes booleans."""
        return isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        return {"type": "boolean"}


@record
class Choice(Form):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the word when it is one of them."""
        if not isinstance(value, str):
            return reader.wrong_type(value, path, f"one of {listing(self.words)}")
        if value in self.words:
            return value
        reader.report(
            "NF105",
            f"{name_of(path)} cannot be {value[:80]!r}",
            path,
            found=repr(value[:80]),
            expected=listing(self.words),
            suggestion=did_you_mean(value, self.words),
        )
        return MISSING

    def takes(self, value: Any) -> bool:
        """A choice takes strings."""
        return isinstance(value, str)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        return {"enum": list(self.words)}


@record
class OneOf(Form):
    """One of several forms, told apart by the kind of the value."""

    forms: tuple[Form, ...]
    what: str = "a value"
    hint: str = ""

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return what the first form that takes the value makes of it."""
        for form in self.forms:
            if form.takes(value):
                return form.read(value, path, reader)
        return reader.wrong_type(value, path, self.what, self.hint)

    def takes(self, value: Any) -> bool:
        """A choice of forms takes what one of them takes."""
        return any(form.takes(value) for form in self.forms)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        return {"anyOf": [form.schema() for form in self.forms]}


@record
class Anything(Form):
    """Any plain value at all."""

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the value as it is."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this form."""
        return {}


def name_of(path: Path) -> str:
    """Return a path as people write it: `steps[2].retry.delay`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return f"`{text.lstrip('.')[:120]}`" if text else "the document"
