"""Why a state differs: every difference is noise, intended or collateral, and exactly one of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from nornflow.model.state import ABSENT, Difference, Explained, Explanation, Path
from nornflow.planning.naming import Named
from nornflow.planning.state import leaves


class Patterns:
    """Patterns of paths: `*` is any text, `?` one character; capitals do not count.

    A pattern names a value, or everything below a place: `interfaces.Vlan10` and `interfaces.Vlan10.*` are the same.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(dict.fromkeys(patterns))
        self._any = _compiled(self._patterns) if self._patterns else None

    def covering(self, place: str) -> str:
        """Return the first pattern that covers a place, or an empty string."""
        if self._any is None or not self._any.fullmatch(place):
            return ""
        return next(pattern for pattern in self._patterns if _compiled((pattern,)).fullmatch(place))


@lru_cache(maxsize=2048)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    each = (
        re.escape(pattern.removesuffix(".*")).replace(r"\*", ".*").replace(r"\?", ".") + r"(?:\..*)?"
        for pattern in patterns
    )
    return re.compile("|".join(f"(?:{one})" for one in each), re.IGNORECASE | re.DOTALL)


def explain(
    found: Sequence[Difference], *, noise: Patterns, learned: Collection[Path], intended: Patterns, named: Named
) -> tuple[Explained, ...]:
    """Return each difference with its one explanation, in their order.

    Noise is what a pattern says, or what lies at or below a path that is `learned`; a part that is new or gone as a whole
    is noise only when all in it is. Intended is what a pattern says, or what a changed line of the plan names.
    """
    return tuple(_explained(each, noise, frozenset(learned), intended, named) for each in found)


def _explained(
    each: Difference, noise: Patterns, learned: frozenset[Path], intended: Patterns, named: Named
) -> Explained:
    if any(each.path[:length] in learned for length in range(1, len(each.path) + 1)):
        return Explained(each, Explanation.NOISE, "it changed between two looks before the change")
    if pattern := noise.covering(each.place) or _all_noise(each, noise):
        return Explained(each, Explanation.NOISE, pattern)
    if pattern := intended.covering(each.place):
        return Explained(each, Explanation.INTENDED, pattern)
    if line := named.line_for(each.path, *_sides(each)):
        return Explained(each, Explanation.INTENDED, line)
    return Explained(each, Explanation.COLLATERAL)


def _all_noise(each: Difference, noise: Patterns) -> str:
    patterns = [noise.covering(".".join(path)) for side in _sides(each) for path, _ in leaves(side, each.path)]
    return patterns[0] if patterns and all(patterns) else ""


def _sides(each: Difference) -> list[Any]:
    return [side for side in (each.before, each.after) if side is not ABSENT]
