"""Simulated devices in the foreground: `python -m nornflow.testing.routers --count 4`; ctrl-C ends them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nornflow.errors import NornFlowError
from nornflow.testing import background
from nornflow.testing.lab import LabFolder, LabSpec


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the devices until the process is asked to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nornflow.testing.routers", description=__doc__)
    parser.add_argument("--kind", choices=("ios", "eos"), default="ios")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--topology", choices=("ring", "chain"), default="ring")
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds for each answer")
    parser.add_argument("--fault", action="append", default=[], help="KIND:WHICH[:N|:at=REGEX|:text=TEXT]")
    parser.add_argument("--port", type=int, default=0, help="the first port; 0 takes free ones")
    parser.add_argument("--inventory", type=Path, default=Path("hosts.yaml"))
    chosen = parser.parse_args(arguments)
    spec = LabSpec(
        kind=chosen.kind,
        count=chosen.count,
        topology=chosen.topology,
        latency=chosen.latency / 1000,
        faults=tuple(chosen.fault),
        port=chosen.port,
    )
    background.block_stop_signals()
    lab = LabFolder(Path.cwd())
    try:
        lab.serve(spec.fleet(), spec.kind, chosen.inventory.absolute(), _say_ready)
    except NornFlowError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return error.exit_code
    lab.clean(lab.read())
    return 0


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
