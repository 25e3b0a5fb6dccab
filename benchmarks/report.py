"""What was measured, as a table and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contenders import Contest, Wanted
from measuring import Measured, Summary, ratios, summary

ROW = "  {:<14} {:>8} {:>8} {:>8}   {}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A wanted figure with the one that was found."""

    wanted: Wanted
    found: float

    @property
    def kept(self) -> bool:
        """Whether it is as wanted."""
        return self.found <= self.wanted.most

    def __str__(self) -> str:
        than = f" x {self.wanted.than}" if self.wanted.than else " s"
        return (
            f"{'kept' if self.kept else 'MISSED'}: {self.wanted.figure} {self.found:.2f}{than},"
            f" wanted at most {self.wanted.most:g}"
        )


class Outcome:
    """One contest with all its runs; the first contender is ours."""

    def __init__(self, contest: Contest, runs: Mapping[str, Sequence[Measured]]) -> None:
        self.contest = contest
        self._runs = runs
        self._ours = runs[contest.contenders[0].name]

    def summaries(self) -> Mapping[str, Summary]:
        """Return the medians by contender."""
        return {name: summary(runs) for name, runs in self._runs.items()}

    def ratios(self) -> Mapping[str, Mapping[str, float]]:
        """Return ours divided by each of the others, pair by pair."""
        others = [contender.name for contender in self.contest.contenders[1:]]
        return {name: ratios(self._ours, self._runs[name]) for name in others}

    def verdicts(self) -> list[Verdict]:
        """Return what is wanted with what was found; a figure against somebody who is absent is left out."""
        found = []
        for wanted in self.contest.wanted:
            if not wanted.than:
                found.append(Verdict(wanted, getattr(summary(self._ours), wanted.figure)))
            elif wanted.than in self._runs:
                found.append(Verdict(wanted, self.ratios()[wanted.than][wanted.figure]))
        return found

    def text(self) -> Iterator[str]:
        """Yield the lines of the table."""
        runs = len(self._ours)
        yield f"({self.contest.name}) {self.contest.title}; median of {runs} run{'s' if runs > 1 else ''}"
        yield ROW.format("", "wall s", "CPU s", "peak MB", "ours / theirs: wall, CPU, peak")
        against = self.ratios()
        for name, row in self.summaries().items():
            ratio = against.get(name)
            shown = " ".join(f"{ratio[figure]:.2f}" for figure in ("wall", "cpu", "peak")) if ratio else ""
            yield ROW.format(name, f"{row.wall:.2f}", f"{row.cpu:.2f}", f"{row.peak:.0f}", shown).rstrip()
        yield from (f"  {line}" for line in (*self.contest.absent, *self.contest.notes, *map(str, self.verdicts())))

    def json(self) -> dict[str, Any]:
        """Return everything as JSON values, each single run too."""
        return {
            "name": self.contest.name,
            "title": self.contest.title,
            "notes": list(self.contest.notes),
            "absent": list(self.contest.absent),
            "median": {name: asdict(row) for name, row in self.summaries().items()},
            "ratio": self.ratios(),
            "wanted": [{**asdict(item.wanted), "found": item.found, "kept": item.kept} for item in self.verdicts()],
            "runs": {
                name: [{"wall": run.wall, "cpu": run.cpu, "peak": run.peak} for run in runs]
                for name, runs in self._runs.items()
            },
        }


def machine() -> dict[str, Any]:
    """Return what the figures were taken on."""
    return {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
