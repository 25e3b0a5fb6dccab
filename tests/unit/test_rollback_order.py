"""A way back never takes access away before it gives access: by example on each platform, and made up at random."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nornflow.model.device import Way
from nornflow.planning.lockout import Lockout
from nornflow.planning.normalise import normalise
from nornflow.planning.rollback import returns, rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.testing import Router

WAY = Way(("192.0.2.2",), ("198.51.100.9",), user="netops")

EXAMPLES = {
    "ios default route": (
        "cisco_ios",
        "ip route 0.0.0.0 0.0.0.0 192.0.2.1",
        "ip route 0.0.0.0 0.0.0.0 192.0.2.7",
        ["ip route 0.0.0.0 0.0.0.0 192.0.2.7", "no ip route 0.0.0.0 0.0.0.0 192.0.2.1"],
    ),
    "ios entries of a list": (
        "cisco_ios",
        "ip access-list standard A\n 10 permit 10.0.0.1\n 30 deny 10.0.0.3",
        "ip access-list standard A\n 20 permit 10.0.0.2\n 40 deny any",
        [
            *("ip access-list standard A", " 20 permit 10.0.0.2", "exit"),
            *("ip access-list standard A", " no 30 deny 10.0.0.3", "exit"),
            *("ip access-list standard A", " 40 deny any", "exit"),
            *("ip access-list standard A", " no 10 permit 10.0.0.1", "exit"),
        ],
    ),
    "ios another list at the login lines": (
        "cisco_ios",
        "ip access-list standard OLD\n 10 permit any\nline vty 0 4\n access-class OLD in",
        "ip access-list standard NEW\n 10 permit any\nline vty 0 4\n access-class NEW in",
        [
            *("ip access-list standard NEW", " 10 permit any", "exit"),
            *("line vty 0 4", " access-class NEW in", "exit"),
            "no ip access-list standard OLD",
        ],
    ),
    "ios login": (
        "cisco_ios",
        "username old secret 9 x",
        "username new secret 9 y",
        ["username new secret 9 y", "no username old"],
    ),
    "ios interface": (
        "cisco_ios",
        "interface GigabitEthernet1\n no ip address\n shutdown",
        "interface GigabitEthernet1\n ip address 10.0.0.1 255.255.255.0",
        [
            *("interface GigabitEthernet1", " ip address 10.0.0.1 255.255.255.0", "exit"),
            *("interface GigabitEthernet1", " no shutdown", "exit"),
        ],
    ),
    "ios access port": (
        "cisco_ios",
        "vlan 10\ninterface GigabitEthernet1\n switchport access vlan 10",
        "vlan 20\ninterface GigabitEthernet1\n switchport access vlan 20",
        ["vlan 20", "exit", "interface GigabitEthernet1", " switchport access vlan 20", "exit", "no vlan 10"],
    ),
    "eos default route": (
        "arista_eos",
        "ip route vrf M 0.0.0.0/0 192.0.2.1",
        "ip route vrf M 0.0.0.0/0 192.0.2.7",
        ["ip route vrf M 0.0.0.0/0 192.0.2.7", "no ip route vrf M 0.0.0.0/0 192.0.2.1"],
    ),
    "nxos route of a VRF": (
        "cisco_nxos",
        "vrf context management\n  ip route 0.0.0.0/0 192.0.2.1",
        "vrf context management\n  ip route 0.0.0.0/0 192.0.2.7",
        [
            *("vrf context management", "  ip route 0.0.0.0/0 192.0.2.7", "exit"),
            *("vrf context management", "  no ip route 0.0.0.0/0 192.0.2.1", "exit"),
        ],
    ),
    "frr route": (
        "frr",
        "ip route 10.9.0.0/16 192.0.2.1",
        "ip route 10.9.0.0/16 192.0.2.7",
        ["ip route 10.9.0.0/16 192.0.2.7", "no ip route 10.9.0.0/16 192.0.2.1"],
    ),
    "frr takes a next hop or a hole, not both": (
        "frr",
        "ip route 10.9.0.0/16 blackhole",
        "ip route 10.9.0.0/16 192.0.2.7",
        ["no ip route 10.9.0.0/16 blackhole", "ip route 10.9.0.0/16 192.0.2.7"],
    ),
}


@pytest.mark.parametrize(("name", "current", "wanted", "lines"), EXAMPLES.values(), ids=EXAMPLES)
def test_what_gives_access_comes_first_and_what_took_its_place_goes_last(
    name: str, current: str, wanted: str, lines: list[str]
) -> None:
    platform = platform_for(name)
    assert list(rollback_lines(current, wanted, platform)) == lines
    assert returns(current, lines, wanted, platform)


IOS = platform_for("cisco_ios")
OPEN = """hostname r1
username netops secret 9 hidden
interface GigabitEthernet1
 ip address 192.0.2.2 255.255.255.0
ip route 0.0.0.0 0.0.0.0 192.0.2.1
line con 0
line vty 0 4
 login local
 transport input ssh
"""

ENTRIES = (
    "5 deny 198.51.100.7",
    "10 permit 198.51.100.9",
    "15 permit 198.51.100.0 0.0.0.255",
    "20 deny 198.51.0.0 0.0.255.255",
    "25 permit 198.51.0.0 0.0.255.255",
    "30 permit 10.0.0.0 0.255.255.255",
    "35 deny any",
    "40 permit any",
)
ROUTES = (
    "ip route 0.0.0.0 0.0.0.0 192.0.2.1",
    "ip route 0.0.0.0 0.0.0.0 192.0.2.7",
    "ip route 198.51.0.0 255.255.0.0 192.0.2.8",
    "ip route 198.51.100.0 255.255.255.0 192.0.2.9",
    "ip route 10.0.0.0 255.0.0.0 Null0",
)


def in_order(choices: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.sets(st.sampled_from(choices), min_size=1).map(lambda found: [each for each in choices if each in found])


@st.composite
def configurations(draw: st.DrawFn) -> str:
    """A router that is reached by GigabitEthernet1, with its routes, lists and logins made up."""
    lists = {name: draw(in_order(ENTRIES)) for name in draw(in_order(("DOOR", "GATE", "YARD")))}
    users = [f"username {name} secret 9 hidden" for name in ["netops", *draw(in_order(("ada", "bob")))]]
    inward = draw(st.sampled_from(["", *lists]))
    door = draw(st.sampled_from(["", *lists]))
    lines = ["hostname r1", *users]
    lines += ["interface GigabitEthernet1", " description way in", " ip address 192.0.2.2 255.255.255.0"]
    lines += [f" ip access-group {inward} in"] if inward else []
    lines += ["interface GigabitEthernet2", " no ip address", *draw(st.sampled_from([[], [" shutdown"]]))]
    lines += draw(in_order(ROUTES))
    for name, entries in lists.items():
        lines += [f"ip access-list standard {name}", *(f" {entry}" for entry in entries)]
    lines += ["line con 0", "line vty 0 4"]
    lines += [f" access-class {door} in"] if door else []
    return "\n".join([*lines, " login local", " transport input ssh"]) + "\n"


def lets_in(config: str) -> bool:
    found = Lockout(OPEN, IOS, WAY).step("all", ["exec:replace configuration", *config.splitlines()], at_once=True)
    return not any(risk.certain for risk in found)


@settings(deadline=None, max_examples=60)
@given(configurations(), configurations())
def test_at_no_line_of_a_way_back_the_controller_is_out_when_it_is_in_at_both_ends(current: str, wanted: str) -> None:
    assume(lets_in(current) and lets_in(wanted))
    lines = rollback_lines(current, wanted, IOS)
    assert returns(current, lines, wanted, IOS)
    for count in range(1, len(lines) + 1):
        cut = [risk for risk in Lockout(current, IOS, WAY).step("back", lines[:count]) if risk.certain]
        assert not cut, (lines[count - 1], cut)


def test_a_router_takes_the_lines_in_this_order() -> None:
    one = [
        "ip route 0.0.0.0 0.0.0.0 192.0.2.1",
        "ip access-list standard A",
        " 10 permit 10.0.0.1",
        "username old secret 0 x",
    ]
    other = [
        "ip route 0.0.0.0 0.0.0.0 192.0.2.7",
        "ip access-list standard B",
        " 10 permit 10.0.0.2",
        "username new secret 0 y",
    ]
    device, wanted = Router("r1", lambda: ["hostname r1", *one]), Router("r1", lambda: ["hostname r1", *other])
    lines = rollback_lines(device.running_config, wanted.running_config, IOS)
    device.configure(*(line for line in lines if line.strip() != "exit"))
    assert normalise(device.running_config, IOS) == normalise(wanted.running_config, IOS)


def test_an_entry_that_changes_under_its_number_goes_before_the_new_one_comes() -> None:
    """A device refuses a second entry of the same number, so between the two lines there is neither."""
    current = "ip access-list standard A\n 10 permit 10.0.0.1\n 20 deny any"
    wanted = "ip access-list standard A\n 10 permit 10.0.0.2\n 20 deny any"
    typed = [line.strip() for line in rollback_lines(current, wanted, IOS)]
    assert typed.index("no 10 permit 10.0.0.1") < typed.index("10 permit 10.0.0.2")
