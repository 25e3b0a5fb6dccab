"""Other spellings of a configuration line that a device takes for the same: ranges, `default`, leading zeros."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

SEPARATOR = " / "
MOST = 512
"""So many spellings are told; who writes a range of more interfaces is not understood any further."""

_INTERFACE = re.compile(r"((?:no |default )?int[a-z]*) (?:ra[a-z]* )?(.*\d.*)", re.IGNORECASE | re.DOTALL)
_ITEM = re.compile(r"\s*([A-Za-z][A-Za-z-]*)?\s*(\d[\d/.:]*)\s*(?:-\s*(?:[A-Za-z][A-Za-z-]*\s*)?(\d[\d/.:]*))?\s*")
_DEFAULT = re.compile(r"def[a-z]* +(?=\S)", re.IGNORECASE)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_NUMBER = re.compile(r"\d+")


def spellings(path: str) -> tuple[str, ...] | None:
    """Return a line with its section path in its other spellings, itself not among them; None when they are too many.

    `interface range Gi0/1 , Gi0/0` is each of its interfaces, `default X` is `no X` and also `X` (which of them the
    device makes of it depends on its default), and `Gi0/00` is `Gi0/0`.
    """
    if not _INTERFACE.search(path) and not _DEFAULT.search(path) and not _ZEROS.search(path):
        return ()
    choices: list[list[str]] = []
    total = 1
    for part in path.split(SEPARATOR):
        told = list(dict.fromkeys((part, *_of_part(part))))
        total *= len(told)
        if total > MOST:
            return None
        choices.append(told)
    return tuple(text for found in product(*choices) if (text := SEPARATOR.join(found)) != path)


def _of_part(part: str) -> Iterator[str]:
    for text in dict.fromkeys((part, _ZEROS.sub("", part))):
        yield text
        interface = _INTERFACE.fullmatch(text)
        if interface is not None:
            yield from (f"{interface[1]} {name}" for name in _members(interface[2]))
        reset = _DEFAULT.match(text)
        if reset is not None:
            rest = text[reset.end() :]
            yield f"no {rest}"
            yield rest


def _members(text: str) -> Iterator[str]:
    """Yield the interfaces of a range; an interface without a type has that of the one before it."""
    kind = ""
    for item in text.split(","):
        yield " ".join(item.split())
        found = _ITEM.fullmatch(item)
        if found is None:
            continue
        kind = found[1] or kind
        for number in _numbers(found[2], found[3] or ""):
            yield f"{kind}{number}"


def _numbers(first: str, last: str) -> Iterator[str]:
    """Yield `1/1 ... 1/4` for `1/1` and `4`, and every place between for `1/1` and `2/4`."""
    low = _NUMBER.findall(first)
    high = _NUMBER.findall(last)[-len(low) :]
    high = [*low[: len(low) - len(high)], *high]
    ends = [sorted((int(one), int(other))) for one, other in zip(low, high, strict=True)]
    spans = [range(start, stop + 1) for start, stop in ends]
    between = _NUMBER.split(first)
    for count, numbers in enumerate(product(*spans)):
        if count > MOST:
            return  # more than are told anyway
        yield "".join(f"{mark}{number}" for mark, number in zip(between, (*numbers, ""), strict=True))
