"""Amounts of resources: a number of what each is counted in, or one with its unit."""

from __future__ import annotations

import re
from typing import Any

from nornflow.model.quantity import MEASURES, Measure, measure_of, read_amount, written
from nornflow.record import record
from nornflow.workflow.document import Path
from nornflow.workflow.forms import MISSING, Form, Number, Reader, name_of
from nornflow.workflow.shapes import MapOf

MOST = 1_000_000_000


@record
class Amount(Form):
    """How much of the resource that the key names: a number, or a text as `1Gi` where the resource has units."""

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the amount in what the resource is counted in, checked for its bounds."""
        name = str(path[-1])
        measure = measure_of(name)
        if not isinstance(value, str):
            return Number(0, MOST, unit=measure.base).read(value, path, reader)
        try:
            amount = read_amount(name, value)
        except ValueError as error:
            message = f"{name_of(path)} is not an amount of {name}: {value[:80]!r}"
            reader.report("NF106", message, path, found=repr(value[:80]), expected=measure.accepted, hint=str(error))
            return MISSING
        if amount > MOST:
            expected = f"0 to {written(name, MOST)}"
            reader.report("NF104", f"{name_of(path)} is out of range: {value}", path, found=value, expected=expected)
            return MISSING
        return amount

    def takes(self, value: Any) -> bool:
        """An amount takes numbers and texts."""
        return isinstance(value, int | float | str) and not isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what is counted; `Resources` has those of what has units."""
        return Number(0, MOST).schema()


@record
class Resources(Form):
    """How much of each resource, by its name."""

    pattern: str
    most: int = 50

    def read(self, value: Any, path: Path, reader: Reader) -> Any:
        """Return the amounts that could be read, by their names."""
        return self._mapping.read(value, path, reader)

    def takes(self, value: Any) -> bool:
        """Resources are a mapping."""
        return self._mapping.takes(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema: those with units by their names, whatever is counted by the form of its name."""
        counted = {"propertyNames": {"pattern": f"^(?:{self.pattern})$"}, "additionalProperties": Amount().schema()}
        measured = {name: _schema(measure) for name, measure in MEASURES.items()}
        return {"type": "object", "properties": measured, **counted, "maxProperties": self.most}

    @property
    def _mapping(self) -> MapOf:
        return MapOf(Amount(), self.pattern, "cpu", self.most)


def _schema(measure: Measure) -> dict[str, Any]:
    units = "|".join(re.escape(unit) for unit in measure.units)
    text = {"type": "string", "pattern": rf"^[0-9]{{1,18}}(?:\.[0-9]{{1,18}})?(?:{units})$"}
    return {"anyOf": [Number(0, MOST).schema(), text], "description": measure.accepted}
