"""Runs whose process dies, without a process: a journal that raises at its n-th entry, devices that take no line after it."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine_stage import CONFIG, Say, Stage, fates
from memory_waits import MemoryWaits
from nornflow.abc import Journal
from nornflow.engine.recovery.recovery import Earlier
from nornflow.engine.turns import Turns
from nornflow.model.event import EventKind
from nornflow.model.journal import Entry, EntryKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import RunRecord, RunState
from nornflow.model.step import OnFailure
from nornflow.testing.fakes import FakeDevice
from split_up import ShardDeaths

SAVE = "exec:write memory"


class Killed(BaseException):
    """The process is gone; nothing may catch it."""


@dataclass
class Death:
    """When the process dies: at the journal's `entry` (before or after it is kept) or when a device has got `line` lines.

    `notes` tells whether entries that nobody waited for reach the disk all the same.
    """

    entry: int = 0
    after: bool = False
    notes: bool = False
    line: int = 0
    come: bool = False

    def now(self) -> None:
        """Die."""
        self.come = True
        raise Killed

    def demand_life(self) -> None:
        """Do nothing more once dead."""
        if self.come:
            raise Killed


class Paper(Journal):
    """A journal in memory, as JSON would keep it."""

    def __init__(self, death: Death, kept: Sequence[Entry] = ()) -> None:
        self.kept = list(kept)
        self.count = 0
        self._noted: list[Entry] = []
        self._death = death
        self._lock = threading.Lock()

    def write(self, *entries: Entry) -> None:
        with self._lock:
            self._take(entries)
            self.kept += self._noted
            self._noted = []
            self._death.demand_life()
            if self._dies:
                self._death.now()

    def note(self, *entries: Entry) -> None:
        with self._lock:
            self._take(entries)
            if self._dies:
                self.write_down()
                self._death.now()

    def write_down(self) -> None:
        if self._death.notes:
            self.kept += self._noted
        self._noted = []

    _dies = False

    def _take(self, entries: Sequence[Entry]) -> None:
        self._death.demand_life()
        for entry in entries:
            self.count += 1
            if self.count == self._death.entry and not self._death.after:
                self.write_down()
                self._death.now()
            data = json.loads(json.dumps(dict(entry.data)))
            self._noted.append(Entry(EntryKind(entry.kind.value), entry.step, entry.host, data))
            self._dies = self._dies or self.count == self._death.entry


@dataclass
class Mortal(FakeDevice):
    """A device that hears nothing more from a process that is dead, also not the rest of what it was told."""

    death: Death = field(default_factory=Death)
    lines: list[str] = field(default_factory=list)

    def take(self, lines: Sequence[str]) -> None:
        self.death.demand_life()
        left = self.death.line - len(self.lines)
        part = list(lines)[:left] if 0 < left <= len(lines) else list(lines)
        try:
            super().take(part)
        finally:
            self.lines = self.received
        if 0 < left <= len(lines):
            self.death.now()


Script = Callable[[Stage], Stage]


@dataclass
class Story:
    """One change on one network, run by as many processes as it takes."""

    script: Script
    devices: dict[str, Mortal]
    say: Say = field(default_factory=Say)
    entries: list[Entry] = field(default_factory=list)
    state: RunState = RunState.PENDING
    deaths: int = 0
    counts: list[int] = field(default_factory=list)
    naps: list[float] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    again: str = ""
    turns: Turns | None = None
    processes: int = 0
    """Among how many processes each of them shares the devices; 0 is none but itself."""
    below: int = 0
    """Among how many processes each of those shares its devices."""
    shard_deaths: ShardDeaths = field(default_factory=ShardDeaths)
    waits: MemoryWaits = field(default_factory=MemoryWaits)
    asks: bool = True
    """Whether there is a human to ask."""
    recover: bool = False
    """Whether the processes after the first only take back what was not confirmed."""
    ticks: Iterator[int] = field(default_factory=itertools.count)
    end: tuple[object, ...] = ()
    """What is left when it is over, of all that must not depend on how often the process died."""

    def live(self, *deaths: Death) -> RunRecord:
        """Run the change; each process dies its death, the last one lives."""
        for death in deaths:
            record = self.process(death)
            if record is not None:
                return self._ended(record)
            self.deaths += 1
        record = self.process(Death())
        assert record is not None
        return self._ended(record)

    def _ended(self, record: RunRecord) -> RunRecord:
        self.end = seen(self, record)
        return record

    def process(self, death: Death, *, stopped: bool = False, aborted: bool = False) -> RunRecord | None:
        """Run the change in one process, or go on with it (and be stopped or aborted at once); None when it died."""
        paper = Paper(death, self.entries)
        for device in self.devices.values():
            device.death = death
        stage = self.script(Stage(dict(self.devices)))
        stage.say, stage.journal, stage.naps = self.say, paper, self.naps
        stage.processes, stage.processes_below, stage.shard_deaths = self.processes, self.below, self.shard_deaths
        stage.turns, stage.waits = self.turns, self.waits
        stage.ticks = self.ticks
        stage.question = lambda text: self.questions.append(text) is None if self.asks else None
        if self.deaths:
            stage.earlier = Earlier(self.state, self.entries, stage_start(), self.interrupted(), recover=self.recover)
        if stopped:
            stage.switch.stop()
        if aborted:
            stage.switch.abort()
        try:
            return stage.run()
        except Killed:
            return None
        finally:
            self.entries = paper.kept
            self.counts.append(paper.count)
            moves = stage.observer.of(EventKind.RUN_STATE)
            if moves:
                self.state = RunState(moves[-1].data["state"])

    def interrupted(self) -> str:
        """Return the step of the run that was begun and whose end nobody knows, if this story does it once more."""
        if not self.again:
            return ""
        begun = [(entry.step, entry.data["batch"]) for entry in self.entries if entry.kind is EntryKind.BEGUN]
        ended = [(entry.step, entry.data["batch"]) for entry in self.entries if entry.kind is EntryKind.RESULT]
        return next((key[0] for key in begun if key not in ended), "")


def stage_start() -> datetime:
    """Return when every story began."""
    return datetime(2026, 11, 21, tzinfo=UTC)


def network(count: int) -> dict[str, Mortal]:
    """Return so many devices: r1, r2 ..."""
    return {f"r{n}": Mortal(CONFIG.format(f"r{n}")) for n in range(1, count + 1)}


def growing(stage: Stage) -> Stage:
    """Growing batches; the verification fails on one device of the last batch, and everything goes back."""
    last = "r27" if len(stage.devices) == 30 else f"r{len(stage.devices)}"
    stage.workflow |= {
        "on_failure": OnFailure.ROLLBACK,
        "rollout": Rollout(batches=(Amount(1), Amount(len(stage.devices) // 3), Amount(30)), soak=5),
    }
    stage.step("tell", "fake.say", text="begin")
    stage.step("configure", "fake.configure", "tell", lines=["ntp server 192.0.2.9", "no ntp server 192.0.2.1", SAVE])
    stage.step("verify", "fake.check", "configure", condition=f"host.name != '{last}'")
    return stage.step("end", "fake.say", "verify", text="end")


def seen(story: Story, record: RunRecord) -> tuple[object, ...]:
    """Return everything that must not depend on how often the process died."""
    return (
        record.state,
        fates(record),
        {name: device.config for name, device in story.devices.items()},
        {step.step: {host: (r.state, r.changed, r.diff) for host, r in step.hosts.items()} for step in record.steps},
        {host.host: (host.batch, host.diff, host.rollback) for host in record.hosts},
        record.batches,
    )


def sent(story: Story) -> dict[str, Counter[str]]:
    """Return what each device received, without saving, which may be done twice."""
    return {name: Counter(line for line in device.received if line != SAVE) for name, device in story.devices.items()}


def undisturbed(script: Script, devices: dict[str, Mortal]) -> tuple[Story, RunRecord]:
    """Live through the change without a death."""
    story = Story(script, devices)
    return story, story.live()


def both(
    script: Script,
    devices: Callable[[], dict[str, Mortal]],
    *deaths: Death,
    processes: int = 0,
    below: int = 0,
    shards: ShardDeaths | None = None,
) -> tuple[Story, Story]:
    """Live through the change without a death and with these deaths; return the two stories, whose ends can be compared.

    The first is always that of one process.
    """
    calm, _ = undisturbed(script, devices())
    shards = shards or ShardDeaths()
    story = Story(script, devices(), again="yes", processes=processes, below=below, shard_deaths=shards)
    story.live(*deaths)
    return calm, story
