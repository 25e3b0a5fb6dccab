"""What planning one large device costs: diff, way back and lock-out check of a change on 5,000 lines; no device, no network.

`python benchmarks/planning.py [--json FILE]`
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nornflow.model.device import Way
from nornflow.planning.diff import unified
from nornflow.planning.lockout import Lockout
from nornflow.planning.normalise import config_hash
from nornflow.planning.planner import Planner
from nornflow.planning.predict import predict
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.load import platform_for

LINES = 5000
RUNS = 5
IOS = platform_for("cisco_ios")
WAY = Way(("10.0.1.1",), ("10.0.3.7",), user="netops")
SMALL = (
    "ntp server 192.0.2.9",
    *("interface GigabitEthernet0/5", " description new", " ip address 10.0.5.2 255.255.255.0"),
    *("ip access-list extended BIG", " 5 deny tcp any any eq 23"),
    "ip route 10.200.0.0 255.255.0.0 10.0.1.254",
)
LARGE = tuple(
    line
    for port in range(1, 200)
    for line in (f"interface GigabitEthernet{port // 48}/{port % 48}", f" description {port}")
)


def configuration(lines: int = LINES) -> str:
    """Return a router of about so many lines: interfaces for four fifths of them, one access list for the rest."""
    text = ["hostname big", "aaa new-model", "username netops secret 9 hidden"]
    port = 0
    while len(text) < lines * 4 // 5:
        port += 1
        text += [f"interface GigabitEthernet{port // 48}/{port % 48}", f" description port {port}"]
        text += [f" ip address 10.{port // 250}.{port % 250}.1 255.255.255.0", " no ip redirects", " ip ospf cost 10"]
    text += ["ip route 0.0.0.0 0.0.0.0 10.0.1.254", "ip access-list extended BIG"]
    room = range(1, lines - len(text) - 4)
    text += [f" {n * 10} permit tcp 10.{n // 250}.{n % 250}.0 0.0.0.255 any eq 22" for n in room]
    return "\n".join([*text, "line con 0", "line vty 0 4", " login local", " transport input ssh"]) + "\n"


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median CPU time of a piece of work."""
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        times.append((time.process_time() - began) * 1000)
    return statistics.median(times)


def measured() -> dict[str, float]:
    """Return the milliseconds of CPU of each part, and of all of it as a device is planned."""
    before = configuration()
    after = predict(before, SMALL, IOS).text
    return {
        "hash of the configuration": milliseconds(lambda: config_hash(before, IOS)),
        "predicted configuration": milliseconds(lambda: predict(before, SMALL, IOS)),
        "diff": milliseconds(lambda: unified(before, after, IOS)),
        "way back": milliseconds(lambda: rollback_lines(after, before, IOS)),
        "lock-out check": milliseconds(lambda: Lockout(before, IOS, WAY).step("change", SMALL)),
        f"plan of {len(SMALL)} lines, all of that": milliseconds(
            lambda: Planner("r1", before, IOS, WAY).plan("s", SMALL)
        ),
        f"plan of {len(LARGE)} lines": milliseconds(lambda: Planner("r1", before, IOS, WAY).plan("s", LARGE)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    chosen = parser.parse_args(arguments)
    figures = measured()
    for name, value in figures.items():
        print(f"{name:32} {value:8.1f} ms")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
