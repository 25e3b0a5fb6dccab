"""Races of processes for devices, and what the simulated routers' own logs say of them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nornflow.store.database import upgrade
from nornflow.store.opening import open_engine, store_url
from nornflow.testing import Fleet, Router

PROCESS = Path(__file__).with_name("locking_process.py")


@dataclass(frozen=True)
class Ground:
    """Where a race is run: a store, a folder for marks, and perhaps routers."""

    folder: Path
    fleet: Fleet | None = None

    @property
    def url(self) -> str:
        return store_url("", self.folder).render_as_string(hide_password=False)

    def prepare(self) -> Ground:
        engine = open_engine("", self.folder)
        upgrade(engine)
        engine.dispose()
        (self.folder / "marks").mkdir()
        if self.fleet is not None:
            self.fleet.write_inventory(self.folder / "hosts.yaml")
        return self

    @contextmanager
    def process(self, name: str, turns: Sequence[Sequence[str]], **options: Any) -> Iterator[subprocess.Popen[str]]:
        """Start a process of the race; it is killed at the end, if it has not ended."""
        given = {"url": self.url, "name": name, "turns": turns, **options}
        if self.fleet is not None:
            given["inventory"] = str(self.folder / "hosts.yaml")
        else:
            given["marks"] = str(self.folder / "marks")
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, str(PROCESS), json.dumps(given)], stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, processes: Mapping[str, Sequence[Sequence[str]]], seconds: float, **options: Any) -> dict[str, str]:
        """Run all of them at once and return what each printed; one that fails or does not end fails the test."""
        end = time.monotonic() + seconds
        running = {name: self.process(name, turns, **options) for name, turns in processes.items()}
        try:
            started = {name: one.__enter__() for name, one in running.items()}
            said = {}
            for name, process in started.items():
                out, errors = process.communicate(timeout=max(1.0, end - time.monotonic()))
                assert process.returncode == 0, f"{name}: {out}\n{errors}"
                said[name] = out
            return said
        finally:
            for one in running.values():
                one.__exit__(None, None, None)


def writers_at_once(router: Router) -> list[str]:
    """Return, from the router's own log, every line that came while another session was in the middle of a block."""
    found, inside = [], None
    for heard in list(router.log):
        if not heard.configuring and not heard.line.startswith("configure"):
            continue
        if inside is not None and heard.session != inside:
            found.append(f"{router.name}: session {heard.session} sent {heard.line!r} in a block of session {inside}")
        inside = None if heard.line == "end" and heard.session in (inside, None) else heard.session
    return found


def mixed_up(router: Router) -> list[str]:
    """Return the places where the lines of a run's block are not all there, in order, with nothing between them."""
    lines = [line for _, line in router.written() if line.startswith("description ")]
    blocks: list[list[str]] = []
    for line in lines:
        if line.endswith(" line 0"):
            blocks.append([])
        if not blocks:
            return [f"{router.name}: begins with {line!r}"]
        blocks[-1].append(line)
    runs = [block[0].removesuffix(" line 0") for block in blocks]
    found = [f"{router.name}: {block}" for block, run in zip(blocks, runs, strict=True) if any(
        line != f"{run} line {number}" for number, line in enumerate(block)
    )]  # fmt: skip
    # both blocks of a run come one after the other: the device was its own from the first line to the last
    found += [
        f"{router.name}: {first!r} was not followed by its second block, but by {second!r}"
        for first, second in zip(runs[::2], runs[1::2], strict=True)
        if second != first.replace("block 1", "block 2")
    ]
    return found


def plan_of_race(processes: int, devices: Sequence[str], turns: int, few: int = 3) -> dict[str, list[list[str]]]:
    """Return who takes what: the first takes all devices each time, the others a few of them."""
    rng = random.Random(7)
    small = {f"p{n}": [rng.sample(list(devices), few) for _ in range(turns)] for n in range(1, processes)}
    return {"p0": [list(devices)] * 2, **small}


def main(processes: int, routers: int, turns: int) -> None:
    """Run a race over SSH and say what came of it."""
    with Fleet(routers) as fleet, tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder), fleet).prepare()
        began = time.monotonic()
        said = ground.run(plan_of_race(processes, list(fleet.devices), turns), 1200)
        took = time.monotonic() - began
        bad = [line for router in fleet for line in (*writers_at_once(router), *mixed_up(router))]
        waits = [
            float(line.split()[2]) for out in said.values() for line in out.splitlines() if line.startswith("holds")
        ]
        print(f"{processes} processes, {routers} routers: {len(waits)} turns in {took:.1f} s")  # noqa: T201
        print(f"lines of configuration: {sum(len(router.written()) for router in fleet)}")  # noqa: T201
        print(f"longest wait {max(waits):.2f} s; two writers at once: {bad or 'never'}")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
