"""`make bench`: the same work done by NornFlow, a plain Nornir script and nornflow 1.0, side by side on one machine."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from contenders import (
    BARE,
    FAST,
    FLOOR,
    OLDER,
    ONE,
    PLAIN,
    PLANNED,
    TWO,
    Contest,
    Wanted,
    older_run,
    our_plan,
    our_run,
    our_version,
    plain_script,
)
from figures import figures
from measuring import Failed, Measured, measure
from older import NotInstalled, older_command
from projects import BARE as BARE_FILES
from projects import OLDER as OLDER_FILES
from projects import ONE as ONE_FILES
from projects import OURS as OUR_FILES
from projects import TWO as TWO_FILES
from projects import WORKERS, add_empty_groups, write_many_hosts, write_project, write_tenfold
from report import Outcome, machine

LATENCY = 20
"""Milliseconds that a simulated router takes for each answer."""

PLANS_FIRST = "ours also reads and plans first, judges every line, reads back and proves what changed; the script sends"


@contextmanager
def fleet(folder: Path, count: int) -> Iterator[Path]:
    """Serve simulated routers in a process of their own and give the folder of their inventory."""
    inventory = folder / "inventory"
    inventory.mkdir(parents=True)
    words = [sys.executable, "-m", "nornflow.testing.routers", "--count", str(count), "--latency", str(LATENCY)]
    process = subprocess.Popen(
        [*words, "--inventory", str(inventory / "hosts.yaml")], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise Failed("the simulated routers did not start")
        add_empty_groups(inventory)
        yield inventory
    finally:
        process.terminate()
        process.wait(10)


def contests(base: Path, routers: Path, many: Path, counts: tuple[int, int], only: Sequence[str]) -> list[Contest]:
    """Return every contest; nornflow 1.0 takes part where it can be installed and is needed."""
    few, lots = counts
    ours, ours_many = (write_project(base / f"ours-{i.name}", OUR_FILES, i) for i in (routers, many))
    plain, plain_many = (write_project(base / f"plain-{i.name}", {}, i) for i in (routers, many))
    bare, bare_many = (write_project(base / f"bare-{i.name}", BARE_FILES, i) for i in (routers, many))
    two, one = (write_project(base / name, files, routers) for name, files in (("two", TWO_FILES), ("one", ONE_FILES)))
    tenfold = write_project(base / "tenfold", OUR_FILES, write_tenfold(base / "tenfold-lab", routers))
    # theirs remember nothing, so ours do not either; what remembering costs is measured by itself below
    show = [our_run(bare, "show-version", few, name=BARE), plain_script(plain, "plain_command", few)]
    noop = [our_run(bare_many, "noop", lots, name=BARE), plain_script(plain_many, "plain_noop", lots)]
    absent: tuple[str, ...] = ()
    try:
        if only and not {"command", "noop"} & set(only):
            raise NotInstalled("it is not needed")
        command = older_command()
    except NotInstalled as error:
        absent = (f"{OLDER} could not be installed: {error}",)
    else:
        older, older_many = (write_project(base / f"older-{i.name}", OLDER_FILES, i) for i in (routers, many))
        show.append(older_run(command, older, "show-version", few))
        noop.append(older_run(command, older_many, "noop", lots))
    change = (our_run(ours, "configure", few, numbered=True), plain_script(plain, "plain_config", few, numbered=True))
    network = f"{few} routers, {LATENCY} ms per command, {WORKERS} threads"
    return [
        Contest(
            "command",
            f"connect and `show version`: {network}",
            tuple(show),
            (Wanted("wall", 1.15, PLAIN), Wanted("cpu", 1.15, PLAIN)),
            absent=absent,
        ),
        Contest(
            "scrapli",
            f"connect and `show version` over scrapli (libssh2), the script over netmiko: {network}",
            (
                our_run(bare, "show-version-scrapli", few, name=BARE),
                plain_script(plain, "plain_command", few),
                plain_script(plain, "scrapli_command", few, name=FAST),
                plain_script(plain, "bare_command", few, name=FLOOR),
            ),
            (Wanted("wall", 0.5, PLAIN),),
        ),
        Contest(
            "processes",
            f"connect and `show version` in two processes: {few} routers, {LATENCY} ms per command, {2 * WORKERS} threads",
            (
                our_run(two, "show-version", few, name=TWO),
                our_run(one, "show-version", few, name=ONE),
                plain_script(plain, "plain_command", few, workers=2 * WORKERS),
                plain_script(plain, "bare_command", few, name=FLOOR, workers=2 * WORKERS),
            ),
            (Wanted("wall", 1 / 1.6, PLAIN),),
        ),
        Contest("config", f"connect, 5 lines, `show running-config`: {network}", change, notes=(PLANS_FIRST,)),
        Contest(
            "noop",
            f"a task that does nothing on {lots} hosts of a YAML inventory, {WORKERS} threads",
            tuple(noop),
            (Wanted("wall", 0.5, OLDER), Wanted("cpu", 0.5, OLDER)),
            absent=absent,
        ),
        Contest(
            "store",
            f"`show version`, remembered in SQLite or not at all: {network}",
            (our_run(ours, "show-version", few), our_run(bare, "show-version", few, name=BARE)),
            (Wanted("wall", 1.2, BARE), Wanted("cpu", 1.2, BARE)),
        ),
        Contest(
            "store-config",
            f"5 lines, remembered or not: {network}",
            (
                our_run(ours, "configure", few, numbered=True),
                our_run(bare, "configure", few, numbered=True, name=BARE),
            ),
            (Wanted("wall", 1.2, BARE), Wanted("cpu", 1.2, BARE)),
        ),
        Contest(
            "store-noop",
            f"a task that does nothing on {lots} hosts, remembered or not",
            (our_run(ours_many, "noop", lots), our_run(bare_many, "noop", lots, name=BARE)),
        ),
        Contest(
            "seal",
            f"a plan of 5 lines for {few * 10} devices, sealed into a file with what it was made on, or only shown: {network}",
            (
                our_plan(tenfold, "configure", few * 10, sealed=True),
                our_plan(tenfold, "configure", few * 10, sealed=False),
            ),
            (Wanted("wall", 1.1, PLANNED),),
        ),
        Contest("version", "`nornflow --version`", (our_version(ours),), (Wanted("cpu", 0.2),)),
    ]


def hold(contest: Contest, runs: int, environment: dict[str, str], numbers: Iterator[int]) -> Outcome:
    """Let the contenders do the work in turns (A B A B ...) after a first turn that does not count."""
    found: dict[str, list[Measured]] = {contender.name: [] for contender in contest.contenders}
    for turn in range(runs + 1):
        for contender in contest.contenders:
            run = measure(contender.words(next(numbers)), contender.folder, environment)
            wrong = contender.proof(run) if run.exit_code == 0 else run.output[-400:]
            if wrong:
                raise Failed(f"{contest.name}: {contender.name}: exit code {run.exit_code}: {wrong}")
            if turn:
                found[contender.name].append(run)
    return Outcome(contest, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold the contests and print the table; 1 when a contender failed, 0 otherwise, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each contender does the work; default 5")
    parser.add_argument("--quick", action="store_true", help="2 runs with 20 routers and 1,000 hosts, for a first look")
    parser.add_argument("--only", action="append", metavar="NAME", help="the word before a table; repeatable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to a file as well")
    chosen = parser.parse_args(arguments)
    runs, counts = (2, (20, 1000)) if chosen.quick else (chosen.runs, (100, 10_000))
    # what is set around us (a profile, NO_COLOR, a proxy of NornFlow) must not change what is measured
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NORNFLOW", "PYTHON"))}
    numbers = iter(range(1, 10_000))
    outcomes = []
    found: dict[str, dict[str, float]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="nornflow-bench-") as name, fleet(Path(name) / "lab", counts[0]) as lab:
            base = Path(name)
            many = write_many_hosts(base / "many", counts[1])
            listed = contests(base, lab, many, counts, chosen.only or ())
            measured = figures(counts, min(runs, 3))
            unknown = set(chosen.only or ()) - {contest.name for contest in listed} - {each.name for each in measured}
            if unknown:
                parser.error(f"there is no contest {sorted(unknown)[0]!r}")
            for contest in listed:
                if not chosen.only or contest.name in chosen.only:
                    outcomes.append(hold(contest, runs, environment, numbers))
                    print("\n".join(outcomes[-1].text()), end="\n\n", flush=True)
            for each in measured:
                if not chosen.only or each.name in chosen.only:
                    found[each.name] = each.found(environment)
                    print("\n".join(each.text(found[each.name])), end="\n\n", flush=True)
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if chosen.json:
        table = {"machine": machine(), "contests": [outcome.json() for outcome in outcomes], **found}
        chosen.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
