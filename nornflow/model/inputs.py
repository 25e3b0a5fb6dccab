"""What a workflow or a step takes and gives, as it is declared."""

from __future__ import annotations

from typing import Any

from nornflow.model.diagnostic import NOWHERE, Location
from nornflow.record import record


@record
class Validation:
    """What a value of an input must fulfil; `min` and `max` are bounds of the value, or of the length of strings and arrays."""

    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    enum: tuple[Any, ...] | None = None


@record
class Input:
    """A declared input: string, number, boolean, array, object, file or artifact."""

    name: str
    type: str = "string"
    description: str = ""
    required: bool = False
    default: Any = None
    validation: Validation | None = None
    multiline: bool = False
    location: Location = NOWHERE


@record
class Output:
    """A declared output of the workflow or of a step; `source` is the expression or extractor given as `from`."""

    name: str
    source: str
    type: str = "string"
    description: str = ""
    location: Location = NOWHERE
