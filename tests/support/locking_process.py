"""A process that takes devices and writes to them, for races between processes: `python locking_process.py '{...}'`.

It does nothing but what a run does on its way to its devices: a worker with its pulse, a turn, and leases behind the
fence. `turns` lists the devices of each turn; `marks` is a folder in which whoever holds a device makes a file that must
not be there yet. With an `inventory` it writes `lines` to each device over SSH; `pause` says where it waits for a line of
standard input. It prints what it does, a word and the device or the turn at a time.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nornflow.abc import Devices, DeviceSession
from nornflow.engine.emit import Emitter
from nornflow.engine.locking import Turn
from nornflow.engine.turns import Turns
from nornflow.errors import LockLost, NornFlowError
from nornflow.model.permission import Grant, Mode
from nornflow.model.profile import Profile
from nornflow.model.run import RunInfo
from nornflow.store.locks import SqlDeviceLocks
from nornflow.store.opening import open_engine
from nornflow.store.pulse import Pulse
from nornflow.store.slots import SqlSlots
from nornflow.store.workers import Workers

WRITES = frozenset({"device.read", "device.configure"})


@dataclass
class Racer:
    """One process of a race."""

    url: str
    name: str
    turns: list[list[str]]
    inventory: str = ""
    lines: int = 3
    pause: str = ""
    marks: str = ""
    until: str = ""
    """A file: turns begin again from the first one until it is there."""
    hold: float = 0.0
    devices: Devices | None = field(default=None, init=False)

    def run(self) -> int:
        engine = open_engine(self.url, Path.cwd())
        workers = Workers(engine)
        workers.register()
        self.devices = _devices(self.inventory) if self.inventory else None
        locks, slots = SqlDeviceLocks(engine, workers), SqlSlots(engine, workers)
        turns = Turns(locks, slots, rng=random.Random(self.name))
        lost: list[str] = []
        with Pulse(workers, lost=lambda: lost.append("lost")):
            for number, devices in self._all_turns():
                self._turn(f"{self.name}-{number}", devices, turns)
        workers.leave()
        if self.devices is not None:
            self.devices.close()
        engine.dispose()
        return 0

    def _all_turns(self) -> Iterator[tuple[int, list[str]]]:
        number = 0
        while True:
            for devices in self.turns:
                number += 1
                yield number, devices
            if not self.until or Path(self.until).exists():
                return

    def _turn(self, run: str, devices: list[str], turns: Turns) -> None:
        tools: Any = SimpleNamespace(
            turns=turns,
            devices=self.devices,
            sleep=time.sleep,
            emitter=Emitter(run, [], lambda: datetime.now(UTC)),
        )
        info = RunInfo(run, "race", "1", "racer", Profile("race", max_concurrent_workflows=99), Path(), Path())
        turn = Turn(info, tools, lambda: None)
        began = time.monotonic()
        assert turn.lock(devices) == {}
        say("holds", run, f"{time.monotonic() - began:.3f}")
        if self.marks:
            self._mark(devices)
        if self.devices is not None:
            answers = self.devices.run("write", devices, lambda session: self._write(session, run))
            for error in answers.values():
                if isinstance(error, NornFlowError):
                    raise error
        turn.close()

    def _mark(self, devices: list[str]) -> None:
        files = [Path(self.marks) / device for device in devices]
        for file in files:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL))  # FileExistsError: somebody else is here
        time.sleep(self.hold)
        for file in files:
            file.unlink()

    def _write(self, session: DeviceSession, run: str) -> None:
        for block in (1, 2):
            lines = ["interface Loopback0"]
            lines += [f"description {run} block {block} line {number}" for number in range(self.lines)]
            grant = Grant(session.host.name, "write", Mode.APPLY, WRITES, sealed=tuple(lines))
            session.configure("netmiko", lines, grant)
            say("wrote", session.host.name, str(block))
            if self.pause == "between blocks" and block == 1:
                sys.stdin.readline()


def _devices(inventory: str) -> Devices:
    from nornflow.devices.fleet import NornirDevices
    from nornflow.redaction import Redactor
    from nornflow_netmiko.guard import NetmikoGuard

    guards = {NetmikoGuard.connection: NetmikoGuard()}
    return NornirDevices(Path(inventory), guards, workers=20, redactor=Redactor(), tasks=Path("tasks"))


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main(run: Callable[[], int]) -> int:
    try:
        return run()
    except LockLost as error:
        say("LockLost", error.message)
        return 3


if __name__ == "__main__":
    sys.exit(main(Racer(**json.loads(sys.argv[1])).run))
