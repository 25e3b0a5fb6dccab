"""Interface ranges: `interface range gi1 - 3 , gi5` names several interfaces at once."""

from __future__ import annotations

import re

from nornflow.testing.routers.arguments import BadArgument, interface_name
from nornflow.testing.routers.grammar import Invalid

_RANGE = re.compile(r"\s*int\w*\s+range\s+(?=\S)", re.IGNORECASE)
_PART = re.compile(r"\s*([A-Za-z-]+\s*[\d/.]*?)(\d+)(?:\s*-\s*(\d+))?\s*\Z")


def interface_range(line: str) -> list[str] | None:
    """Return the names of an interface range in full, or None when the line is none; raises Invalid."""
    start = _RANGE.match(line)
    if start is None:
        return None
    names: list[str] = []
    column = start.end()
    for part in line[column:].split(","):
        found = _PART.match(part)
        try:
            if found is None:
                raise BadArgument(part)
            first, last = int(found[2]), int(found[3] or found[2])
            names += [interface_name(f"{found[1].replace(' ', '')}{number}") for number in range(first, last + 1)]
        except BadArgument as error:
            raise Invalid(column + len(part) - len(part.lstrip())) from error
        column += len(part) + 1
    return names
