"""What is compared with what: each contest is one piece of work, done by several contenders."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import Measured
from projects import WORKERS

PEERS = Path(__file__).with_name("peers")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A figure that ours has to keep: of `figure` (wall, cpu), at most `most`, times that of `than` when one is named."""

    figure: str
    most: float
    than: str = ""


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the work: the command for a given number of the run, its folder, and the proof that it did it."""

    name: str
    words: Callable[[int], Sequence[str]]
    folder: Path
    proof: Callable[[Measured], str]
    """Returns what is wrong with a run, or an empty string."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One piece of work, its contenders with ours first, and what is wanted of ours."""

    name: str
    title: str
    contenders: tuple[Contender, ...]
    wanted: tuple[Wanted, ...] = ()
    notes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    """Who could not take part, and why."""


OURS, PLAIN, OLDER, BARE, SEALED, PLANNED, FLOOR, FAST, TWO, ONE = (
    *("nornflow", "plain nornir", "nornflow 1.0", "without store"),
    *("plan -o", "plan", "bare asyncssh", "nornir-scrapli", "two processes", "one process"),
)


def our_run(folder: Path, workflow: str, hosts: int, *, numbered: bool = False, name: str = OURS) -> Contender:
    """Return `nornflow run` of a workflow; the summary that it prints proves that every host was done."""

    def words(number: int) -> list[str]:
        inputs = ["-i", f"number={number}"] if numbered else []
        return [_ours(), "run", f"{workflow}.yaml", "--yes", *inputs]

    def proof(run: Measured) -> str:
        state = "changed" if numbered else "ok"
        return "" if f"devices: {hosts} {state};" in run.output else f"{hosts} {state} expected: {run.output[-200:]}"

    return Contender(name, words, folder, proof)


def our_plan(folder: Path, workflow: str, hosts: int, *, sealed: bool) -> Contender:
    """Return `nornflow plan` of a workflow, into a plan file or not; the number of devices that would change proves it."""

    def words(number: int) -> list[str]:
        into = ["-o", "change.plan"] if sealed else []
        return [_ours(), "plan", f"{workflow}.yaml", "-i", f"number={number}", *into]

    def proof(run: Measured) -> str:
        well = "  rollback: " in run.output and "not planned" not in run.output  # only the end of long output is kept
        return "" if well else f"a change of {hosts} devices was expected: {run.output[:200]}"

    return Contender(SEALED if sealed else PLANNED, words, folder, proof)


def plain_script(
    folder: Path, script: str, hosts: int, *, numbered: bool = False, name: str = PLAIN, workers: int = WORKERS
) -> Contender:
    """Return a script of the folder `peers`; it prints how many hosts it did."""

    def words(number: int) -> list[str]:
        given = [str(number)] if numbered else []
        return [sys.executable, str(PEERS / f"{script}.py"), "inventory", str(workers), *given]

    def proof(run: Measured) -> str:
        return "" if run.output.startswith(f"{hosts} ") else f"{hosts} hosts were expected: {run.output[:200]}"

    return Contender(name, words, folder, proof)


def older_run(command: str, folder: Path, workflow: str, hosts: int) -> Contender:
    """Return a run of nornflow 1.0; the summary that it prints proves that every host was done."""

    def proof(run: Measured) -> str:
        found = re.search(r"Successful:\s+(\d+)", run.output)
        good = int(found[1]) if found else 0
        return "" if good == hosts else f"{good} of {hosts} hosts are well: {run.output[-200:]}"

    return Contender(OLDER, lambda number: [command, "run", f"{workflow}.yaml"], folder, proof)


def our_version(folder: Path) -> Contender:
    """Return `nornflow --version`."""

    def proof(run: Measured) -> str:
        return "" if run.output.startswith("nornflow ") else f"no version: {run.output[:200]}"

    return Contender(OURS, lambda number: [_ours(), "--version"], folder, proof)


def _ours() -> str:
    return str(Path(sys.executable).with_name("nornflow"))
