"""The pages about platforms tell what there is, and the platform of the how-to works as it is written."""

from __future__ import annotations

import re
from pathlib import Path

from nornflow.planning.planner import plan_step
from nornflow.platforms import grammar as notation
from nornflow.platforms.arguments import arguments_for
from nornflow.platforms.exec import ExecGrammar
from nornflow.platforms.grammar import read_modes
from nornflow.platforms.load import platform_for, platform_names
from nornflow.platforms.platform import Platform

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "platforms.md").read_text()
GUIDE = (DOCS / "how-to" / "add-a-platform.md").read_text()


def test_the_reference_lists_every_platform_with_its_names_and_size() -> None:
    for name in platform_names():
        platform = platform_for(name)
        row = next(line for line in REFERENCE.splitlines() if line.startswith(f"| `{name}` |"))

        assert re.findall(r"`([^`]+)`", row.split("|")[2]) == list(platform.aliases)
        if platform.modes:
            patterns = sum(len(mode.rules) for mode in platform.modes.values())
            assert f"{len(platform.modes)} modes, {patterns} patterns" in row


def test_the_reference_explains_every_flag_and_every_argument() -> None:
    flags = set(re.findall(r"@(\w+)", notation.__doc__ or ""))

    assert set(re.findall(r"^\| `@(\w+)", REFERENCE, re.MULTILINE)) == flags
    assert all(f"`{kind}`" in REFERENCE for kind in (*arguments_for(()), "LINE"))


def test_the_platform_of_the_guide_plans_a_change_and_takes_it_back() -> None:
    patterns = re.search(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    assert patterns is not None
    types = ("Loopback", "Port", "Vlan")
    modes = read_modes(patterns[1], arguments_for(types))
    acme = Platform("acme_os", ExecGrammar.from_table({}), indent=2, modes=modes, interfaces=types)
    running = "hostname a\nno discovery run\nvlan 10\n  name users\ninterface Port1\n  shutdown\nip route 10.0.0.0/8 10.1.1.1\n"

    step, after = plan_step(
        "open", "a", running, ["disc run", "int po1", "no shut", "vl 10", "ip route 10.0.0.0/8 10.1.1.1 5"], "", acme
    )

    assert after == ("hostname a\nvlan 10\n  name users\ninterface Port1\n  vlan 10\nip route 10.0.0.0/8 10.1.1.1 5\n")
    assert step.rollback == (
        "interface Port1",
        "  no vlan 10",
        "exit",
        "no discovery run",
        "interface Port1",
        "  shutdown",
        "exit",
        "ip route 10.0.0.0/8 10.1.1.1",
    )
