"""Amounts of resources as people write them, `1Gi`, `500m`, `100Mbps`, and as numbers that are added and compared exactly.

Units of memory and storage are those of Kubernetes quantities, `k M G T P` of a thousand and `Ki Mi Gi Ti Pi` of 1024;
bandwidth is in bits per second, with prefixes of a thousand (SI). A number without a unit is what the resource is counted in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from nornflow.record import record

_WRITTEN = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?(\D{1,20})")
_PREFIXES = ("k", "M", "G", "T", "P")
_BYTES = {f"{prefix.upper()}i": 1024**power for power, prefix in enumerate(_PREFIXES, 1)} | {
    prefix: 1000**power for power, prefix in enumerate(_PREFIXES, 1)
}
_BITS = {f"{prefix}bps": 1000**power for power, prefix in enumerate(("", *_PREFIXES[:4]))}


@record
class Measure:
    """How a resource is counted: in `base`, of which each has so many smallest `parts`; `units` are told in those."""

    base: str
    parts: int = 10**6
    units: Mapping[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> str:
        """Return what can be written, in words."""
        if not self.units:
            return "a number without a unit"
        return f"a number of {self.base}, or one with its unit ({', '.join(self.units)})"


MEASURES: Mapping[str, Measure] = {
    "cpu": Measure("cores", units={"m": 1000}),
    "memory": Measure("MiB", 2**20, _BYTES),
    "bandwidth": Measure("Mbit/s", units=_BITS),
    "storage": Measure("GiB", 2**30, _BYTES),
}
"""The resources that have units; others are counted."""
_COUNT = Measure("")


def measure_of(name: str) -> Measure:
    """Return how a resource is counted."""
    return MEASURES.get(name, _COUNT)


def parts_of(name: str, amount: float) -> int:
    """Return of how many smallest parts (bytes, bits per second, millionths) an amount of a resource consists."""
    return round(amount * measure_of(name).parts)


def amount_of(name: str, parts: int) -> float:
    """Return so many smallest parts as an amount: a whole number where it is one."""
    size = measure_of(name).parts
    return parts // size if parts % size == 0 else parts / size


def read_amount(name: str, text: str) -> float:
    """Return the amount of a resource that is written with its unit.

    ValueError, saying what was meant where that is plain, when the text is none, or finer than the smallest part.
    """
    measure, found = measure_of(name), _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError
    whole, behind, unit = found[1], found[2] or "", found[3]
    if unit not in measure.units:
        meant = _meant(measure, unit)
        raise ValueError(f"did you mean {text.removesuffix(unit)}{meant}?" if meant else "")
    parts, rest = divmod(int(whole + behind) * measure.units[unit], 10 ** len(behind))
    if rest:
        raise ValueError("it is finer than what is counted")
    return amount_of(name, parts)


def _meant(measure: Measure, unit: str) -> str:
    """Return the unit that somebody may have meant: of `1GiB`, `16 GB`, `1gi`, `100 Mbit/s`."""
    bare = unit.strip()
    if "B" in bare and "bps" in measure.units:  # bytes: eight times what the nearest unit says
        return ""
    for told in (bare, re.sub(r"bit(/?s)?$", "bps", bare), re.sub(r"[bB]$", "", bare)):
        if told in measure.units:
            return told
        if same := [one for one in measure.units if one.lower() == told.lower()]:
            return same[0]
    return ""


def written(name: str, amount: float) -> str:
    """Return an amount of a resource as people write it, exactly, in the unit that makes it shortest: `16Gi` and not `16384`."""
    measure, parts = measure_of(name), parts_of(name, amount)
    if name == "cpu" or not measure.units or not parts:
        return _decimal(parts, measure.parts)
    fitting = [
        f"{_decimal(parts, size)}{unit}"
        for unit, size in measure.units.items()
        if parts >= size and parts * 1000 % size == 0
    ]
    unit, size = min(measure.units.items(), key=lambda one: one[1])
    return min(fitting, key=len, default=f"{_decimal(parts, size)}{unit}")


def _decimal(parts: int, size: int) -> str:
    """Return how many times `size` it is, as a text with at most six digits behind the point."""
    whole, rest = divmod(parts * 10**6 // size, 10**6)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")
