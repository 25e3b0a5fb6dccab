"""`kill -9` at any entry of the journal of a change on thirty routers: resumed, it ends as if nothing had happened.

Here at some entries of each kind; `make killed` does it at every single one, before and after it is durable.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from killed import BAD, COUNT, CutRouter, End, Scene, points, routers

pytestmark = [pytest.mark.faults, pytest.mark.e2e, pytest.mark.timeout(0 if os.environ.get("EVERY_ENTRY") else 300)]

EVERY = bool(os.environ.get("EVERY_ENTRY"))
PARTS = range(16 if EVERY else 3)


def scenes(folder: Path, max_failures: int) -> Iterator[Scene]:
    """Yield one scene after the other: new routers, an empty project."""
    number = 0
    while True:
        number += 1
        with routers() as fleet:
            yield Scene.made(folder / str(number), fleet, max_failures)


@pytest.mark.parametrize("part", PARTS if EVERY else [0])
def test_a_killed_change_that_is_rolled_back_everywhere(tmp_path: Path, part: int) -> None:
    made = scenes(tmp_path, 0)
    expected, kinds = undisturbed(next(made))
    assert expected.state == "rolled_back"
    for where, found in killed_and_resumed(made, kinds, slice(part, None, len(PARTS))):
        assert found.lines == expected.lines, where
        assert found == expected, where


@pytest.mark.parametrize("part", PARTS if EVERY else [1])
def test_a_killed_change_that_is_rolled_back_on_one_device(tmp_path: Path, part: int) -> None:
    made = scenes(tmp_path, 1)
    expected, kinds = undisturbed(next(made))
    assert expected.state == "succeeded"
    for where, found in killed_and_resumed(made, kinds, slice(part, None, len(PARTS))):
        assert found.lines == expected.lines, where
        assert found == expected, where


def undisturbed(calm: Scene) -> tuple[End, list[str]]:
    """Run the change once; return how it ends and the kinds of the entries of its journal."""
    calm.nornflow("run", "ntp.yaml", "--yes")
    expected, kinds = calm.end(), calm.counts.read_text().split()
    assert len(expected.fates) == COUNT
    assert expected.fates[BAD][0] == "rolled_back"
    assert len(kinds) > 100
    return expected, kinds


def killed_and_resumed(made: Iterator[Scene], kinds: list[str], chosen: slice) -> Iterator[tuple[str, End]]:
    """Run the change once for each of the chosen entries, killed there and resumed: yield where, and how it ends."""
    for entry, after in list(points(kinds, EVERY))[chosen]:
        scene = next(made)
        scene.resume(scene.killed_run(entry, after=after))
        yield f"{'after' if after else 'before'} entry {entry} of {len(kinds)} ({kinds[entry - 1]})", scene.end()


@pytest.mark.parametrize("lines", [1, 2, 3, 4] if EVERY else [3])
def test_a_process_that_is_killed_between_two_lines_goes_on_with_the_next(tmp_path: Path, lines: int) -> None:
    with routers() as fleet:
        calm = Scene.made(tmp_path / "calm", fleet)
        calm.nornflow("run", "ntp.yaml", "--yes")
        expected = calm.end()
    with routers() as fleet:
        scene = Scene.made(tmp_path / "cut", fleet)
        cut = CutRouter(fleet["r1"], lines)
        with scene.start("run", "ntp.yaml", "--yes") as process:
            cut.pid = process.pid
            assert process.wait(60) == -signal.SIGKILL
        (run,) = scene.ask("runs", "list", "--format", "json")
        assert scene.resume(run["id"]) == 0
        found = scene.end()
        assert found.lines == expected.lines
        assert found == expected
