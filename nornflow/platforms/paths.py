"""The lines of a change with their section paths, as profiles judge them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nornflow.platforms.load import platform_for
from nornflow.platforms.tree import SectionTracker


def paths_of(platform: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each line with its section path in full words; `exec:` commands have no section and stand for themselves."""
    tracker = SectionTracker(platform_for(platform))
    for line in lines:
        yield line, line if line.startswith("exec:") else tracker.feed(line)
