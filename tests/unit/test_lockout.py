"""Would a change lock the controller out? Changes that do, changes that look like it, and attempts to hide one."""

from __future__ import annotations

import pytest

from nornflow.model.device import Way
from nornflow.planning.lockout import Lockout
from nornflow.platforms.load import platform_for
from way_in import IOS, WAY, risks, verdict

CUTS = {
    "the interface is shut": ["interface GigabitEthernet4", " shutdown"],
    "its address goes": ["interface GigabitEthernet4", " no ip address"],
    "it is renumbered": ["interface GigabitEthernet4", " ip address 192.0.2.3 255.255.255.0"],
    "it is put into a VRF": ["interface GigabitEthernet4", " vrf forwarding MGMT"],
    "it becomes a switch port": ["interface GigabitEthernet4", " switchport access vlan 20"],
    "its network no longer holds the next hop": ["interface GigabitEthernet4", "ip address 192.0.2.2 255.255.255.254"],
    "the default route goes": ["no ip route 0.0.0.0 0.0.0.0 192.0.2.1"],
    "all default routes go": ["no ip route 0.0.0.0 0.0.0.0"],
    "a hole on the way back": ["ip route 198.51.100.0 255.255.255.0 Null0"],
    "routing is switched off": ["no ip routing"],
    "a list that keeps the controller out": ["ip access-list standard MGMT", " 5 deny any"],
    "the permit is swapped for another": ["ip access-list standard MGMT", " 20 permit 10.0.0.1", " no 10"],
    "another list at the door": ["line vty 0 4", " access-class 10 in"],
    "the numbered list is changed as a named one": [
        "line vty 0 4",
        " access-class 10 in",
        "ip access-list standard 10",
        "5 deny 198.51.100.9",
    ],
    "a list on the interface": [
        "ip access-list extended IN",
        " permit tcp 10.0.0.0 0.255.255.255 any",
        "interface GigabitEthernet4",
        " ip access-group IN in",
    ],
    "only web is let in": [
        "ip access-list extended IN",
        " permit tcp any any eq 443",
        " permit tcp any any established",
        "interface GigabitEthernet4",
        " ip access-group IN in",
    ],
    "a list is bound before its permit is typed": [
        "interface GigabitEthernet4",
        " ip access-group IN in",
        "ip access-list extended IN",
        " permit udp any any",
        " permit tcp any any",
    ],
    "the lines take telnet alone": ["line vty 0 4", " transport input telnet"],
    "the lines start no sessions": ["line vty 0 4", " no exec"],
    "the login goes": ["no username netops"],
    "the keys go": ["crypto key zeroize rsa"],
    "SSH is switched off": ["no ip ssh"],
}


@pytest.mark.parametrize("lines", CUTS.values(), ids=CUTS)
def test_it_is_cut(lines: list[str]) -> None:
    assert verdict(risks(*lines)) == "cut"


HIDDEN = {
    "short": ["int gi4", "shut"],
    "in capitals": ["INTERFACE GI4", "SHUTDOWN"],
    "with a blank": ["int gi 4", " sh"],
    "in a range": ["interface range gi1 - 4", " shutdown"],
    "in a range of ranges": ["int ra gi 2 - 3 , gi4", "desc x", "shut", "exit", "ntp server 192.0.2.9"],
    "with zeros": ["interface GigabitEthernet04", " shutdown"],
    "back to the default": ["default interface Gi4"],
    "a range back to the default": ["default int range gi3 - 4"],
    "default of a line": ["int gi4", "default ip address"],
    "after a word that leaves, cut short": ["int gi1", "ex", "int gi4", "shut"],
    "between harmless lines": [
        "ntp server 192.0.2.9",
        "int gi1",
        "desc a",
        "int gi4",
        "desc b",
        "shut",
        "int gi2",
        "no shut",
    ],
    "off and on again": ["int gi4", "shut", "no shut"],
    "taken away and given back": ["int gi4", "no ip address", "ip address 192.0.2.2 255.255.255.0"],
    "a route in other words": ["no ip rou 0.0.0.0 0.0.0.0 192.0.2.1"],
    "route first, then the same again": ["no ip route 0.0.0.0 0.0.0.0", "ip route 0.0.0.0 0.0.0.0 192.0.2.1"],
    "a more specific hole": ["ip route 198.51.100.9 255.255.255.255 null 0"],
    "a list by its other name": ["ip access-l st MGMT", "1 deny host 198.51.100.9"],
    "wildcards with holes": ["ip access-list standard MGMT", "1 deny 0.0.0.9 255.255.255.0"],
    "two lines of a login": ["no username netops", "username netops2 secret 0 x"],
    "a list by number": ["access-list 10 deny any", "line vty 0 4", "access-class 10 in"],
}


@pytest.mark.parametrize("lines", HIDDEN.values(), ids=HIDDEN)
def test_it_is_cut_however_it_is_written(lines: list[str]) -> None:
    assert verdict(risks(*lines)) == "cut"


UNCLEAR = {
    "another next hop": ["ip route 0.0.0.0 0.0.0.0 192.0.2.7", "no ip route 0.0.0.0 0.0.0.0 192.0.2.1"],
    "the address moves": ["int gi4", "no ip address", "int gi3", "ip address 192.0.2.2 255.255.255.0"],
    "lines nobody reads": ["interface Gi4", " service-policy input LIMIT"],
    "a template": ["interface Gi4", " source template PORT"],
    "a list that is not there": ["line vty 0 4", " access-class NONE in"],
    "a list at certain times": ["ip access-list standard MGMT", "1 deny 198.51.100.0 0.0.0.255 time-range NIGHT"],
    "logins by a server": ["aaa authentication login default group tacacs+"],
    "another password": ["username netops secret 0 other"],
    "a macro's interfaces": ["interface range macro ALL", " shutdown"],
    "a configuration from a file": ["exec:copy tftp://192.0.2.5/new running-config"],
    "the same from configuration mode": ["do copy tftp://192.0.2.5/new running-config"],
    "a policy for what the device itself sends": ["ip local policy route-map AWAY"],
    "a fixed neighbour in place of the next hop": ["arp 192.0.2.1 0000.dead.beef ARPA"],
    "a port handed to somebody else": ["ip nat inside source static tcp 10.0.0.9 22 192.0.2.2 22"],
    "a filter of the control plane": ["control-plane", " service-policy input COPP"],
    "a quiet time for logins": ["login block-for 100 attempts 3 within 60"],
    "lines in a banner that ends earlier than it seems": ["banner motd ^Chello^", "int gi4", "shut", "^C"],
}


@pytest.mark.parametrize("lines", UNCLEAR.values(), ids=UNCLEAR)
def test_nobody_can_tell_and_it_says_so(lines: list[str]) -> None:
    found = risks(*lines, at_once=True)
    assert verdict(found) == "doubt"
    assert all(risk.why for risk in found)


STAYS = {
    "time servers": ["ntp server 192.0.2.9", "no ntp server 192.0.2.8"],
    "another interface": ["interface GigabitEthernet1", " shutdown", " no ip address"],
    "the loopback": ["no interface Loopback0"],
    "its description": ["interface GigabitEthernet4", " description new", " load-interval 30"],
    "the same address again": ["interface GigabitEthernet4", " ip address 192.0.2.2 255.255.255.0"],
    "a second address": ["interface GigabitEthernet4", " ip address 192.0.2.200 255.255.255.0 secondary"],
    "a smaller network": ["interface GigabitEthernet4", " ip address 192.0.2.2 255.255.255.128"],
    "a default route that is there": ["ip route 0.0.0.0 0.0.0.0 192.0.2.1"],
    "a default route that nobody takes": ["ip route 0.0.0.0 0.0.0.0 10.0.0.2 250"],
    "routes to elsewhere": ["ip route 203.0.113.0 255.255.255.0 Null0"],
    "another permit": ["ip access-list standard MGMT", " 20 permit 10.0.0.1"],
    "another denial": ["ip access-list standard MGMT", " 5 deny 198.51.100.10"],
    "another list of the same": [
        "ip access-list standard NEW",
        " permit 198.51.100.9",
        "line vty 0 4",
        " access-class NEW in",
    ],
    "a list that lets it in": [
        "ip access-list extended IN",
        " deny udp any any",
        " permit tcp 198.51.100.0 0.0.0.255 host 192.0.2.2 eq 22 log",
        "interface GigabitEthernet4",
        " ip access-group IN in",
    ],
    "a list for what goes out": ["interface GigabitEthernet4", " ip access-group OUT out"],
    "a list nobody uses": ["ip access-list extended UNUSED", " deny ip any any"],
    "another login": ["username other secret 0 x", "no username nobody"],
    "how long a session may be idle": ["line vty 0 4", " exec-timeout 5 0"],
    "a range beside it": ["interface range gi1 - 3", " shutdown"],
    "saving": ["exec:write memory", "do write memory", "do show clock"],
    "a banner": ["banner motd ^C", "Authorised staff only", "interface down? call 112", "^C"],
    "a VLAN": ["vlan 30", " name guests", "no vlan 20"],
}


@pytest.mark.parametrize("lines", STAYS.values(), ids=STAYS)
def test_what_does_not_cut_the_way_in_passes(lines: list[str]) -> None:
    assert risks(*lines) == ()


def test_the_line_is_named_with_its_section_and_why() -> None:
    (risk, *_) = risks("ntp server 192.0.2.9", "int gi4", "desc x", "shut")
    assert risk.line == "interface GigabitEthernet4 / shutdown"
    assert "192.0.2.2" in risk.why


def test_a_candidate_counts_by_its_end_alone() -> None:
    again = ("interface GigabitEthernet4", "no ip address", "ip address 192.0.2.2 255.255.255.0")
    assert verdict(risks(*again)) == "cut"
    assert risks(*again, at_once=True) == ()


def test_two_steps_that_cut_it_together_are_found_at_the_second() -> None:
    lockout = Lockout(IOS, platform_for("cisco_ios"), WAY)
    assert lockout.step("list", ["ip access-list extended IN", "permit udp any any"]) == ()
    (risk,) = lockout.step("bind", ["interface GigabitEthernet4", "ip access-group IN in"])
    assert (risk.step, risk.line) == ("bind", "interface GigabitEthernet4 / ip access-group IN in")


def test_a_step_is_not_blamed_for_what_the_one_before_did() -> None:
    lockout = Lockout(IOS, platform_for("cisco_ios"), WAY)
    assert lockout.step("one", ["no username netops"])
    assert lockout.step("two", ["interface GigabitEthernet1", "description x"]) == ()


def test_without_an_address_each_interface_that_has_one_may_be_the_way() -> None:
    hidden = Way(("127.0.0.1",), ("127.0.0.1",))
    assert verdict(risks("interface GigabitEthernet1", "shutdown", way=hidden)) == "doubt"
    assert verdict(risks("no ip route 0.0.0.0 0.0.0.0", way=hidden)) == "doubt"
    assert verdict(risks("line vty 0 4", "access-class 10 in", way=hidden)) == "doubt"
    assert risks("interface GigabitEthernet2", "description x", "no shutdown", way=hidden) == ()


def test_the_inventory_may_name_the_interface_where_the_configuration_lists_no_address() -> None:
    way = Way(("203.0.113.7",), ("198.51.100.9",), interface="gigabitethernet9")
    assert verdict(risks("interface GigabitEthernet9", "shutdown", way=way)) == "cut"
    assert risks("interface GigabitEthernet1", "shutdown", way=way) == ()
