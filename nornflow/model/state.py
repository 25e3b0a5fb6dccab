"""What differs between the states that a device showed before and after its change, and how each difference is explained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from nornflow.record import record

_LONGEST = 60  # characters of a value in a sentence
Path = tuple[str, ...]
"""Where a value stands: the id of the look, then keys; an item of a list by its name, or as `[2]`."""


class Explanation(StrEnum):
    """Why a state differs: the plan meant it, something else caused it, or it changes by itself."""

    INTENDED = "intended"
    COLLATERAL = "collateral"
    NOISE = "noise"


class Absent:
    """The type of `ABSENT`, which stands where one of the two states has nothing."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@record
class Difference:
    """One value that is not what it was; `before` or `after` is ABSENT where a whole part is new or gone."""

    path: Path
    before: Any
    after: Any

    @property
    def place(self) -> str:
        """The path as people and patterns write it: `neighbours.10.0.0.9.state`."""
        return ".".join(self.path)


@record
class Explained:
    """A difference with its one explanation, and in words what explains it (empty for a collateral one)."""

    difference: Difference
    explanation: Explanation
    because: str = ""

    @property
    def told(self) -> str:
        """The difference in words: `neighbours.10.0.0.9.state: 3 -> Idle`."""
        found = self.difference
        if found.before is ABSENT:
            return f"{found.place}: new"
        if found.after is ABSENT:
            return f"{found.place}: gone"
        return f"{found.place}: {_short(found.before)} -> {_short(found.after)}"

    def kept(self) -> dict[str, Any]:
        """Return it as plain data for a result: `before` and `after` are left out where there was nothing."""
        found = self.difference
        sides = {"before": found.before, "after": found.after}
        return {
            "path": found.place,
            **{name: value for name, value in sides.items() if value is not ABSENT},
            "class": self.explanation.value,
            **({"because": self.because} if self.because else {}),
        }


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def counted(found: Sequence[Explained]) -> Mapping[str, int]:
    """Return how many differences have each explanation."""
    return {each.value: sum(one.explanation is each for one in found) for each in Explanation}
