"""Figures that are no race: scripts of this folder that measure one thing and print it as JSON, and what is wanted of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from measuring import Failed


@dataclass(frozen=True, slots=True)
class Figures:
    """A script with its words; it ends with an error when what it measures was not done."""

    name: str
    title: str
    words: Sequence[str]
    most: Mapping[str, float] = field(default_factory=dict)
    """What is wanted, by the name of a figure: at most so much."""

    def found(self, environment: Mapping[str, str]) -> dict[str, float]:
        """Run the script and return its figures; Failed when it did not do its work."""
        words = [sys.executable, str(Path(__file__).with_name(f"{self.name}.py")), *self.words]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{self.name}: {done.stderr[-400:]}")
        found: dict[str, float] = json.loads(done.stdout)
        return found

    def text(self, found: Mapping[str, float]) -> Iterator[str]:
        """Yield the lines of the figures."""
        yield f"({self.name}) {self.title}"
        for name, value in found.items():
            most = self.most.get(name)
            wanted = f"   {'kept' if value <= most else 'MISSED'}: wanted at most {most:g}" if most else ""
            yield f"  {name:<18} {value:>8.2f}{wanted}"


def figures(counts: tuple[int, int], runs: int) -> list[Figures]:
    """Return all of them, for so many routers and hosts; `runs` turns count."""
    few, lots = counts
    return [
        Figures(
            "storing",
            f"{lots} devices with nothing to do, journalled; ten steps on them, on disk and listed; a plan of 1,000",
            (str(lots),),
            {"journalled s": 4.0, "on disk MB": 60.0, "listed ms": 50.0, "plan MB": 5.0, "plan opened s": 1.0},
        ),
        Figures(
            "workers",
            f"5 lines on {few} routers over SQLite, left to a worker or run here; medians of {runs}",
            ("--routers", str(few), "--runs", str(runs)),
            {"inline: ratio": 1.3, "dbos: ratio": 1.3},
        ),
        Figures(
            "sites",
            f"a task that does nothing on {lots} hosts of two sites, two workers, PostgreSQL; medians of {runs}",
            ("--hosts", str(lots), "--runs", str(runs)),
            {"inline s": 15.0, "dbos s": 15.0},
        ),
    ]
