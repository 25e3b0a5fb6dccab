"""Changes on a simulated IOS router: what is predicted is what the router then shows, and the rollback takes it back."""

from __future__ import annotations

import pytest

from nornflow.model.plan import Method
from nornflow.planning.normalise import normalise
from nornflow.planning.predict import predict
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.testing import Router

IOS = platform_for("cisco_ios")

START = """\
version 17.9
service timestamps debug datetime msec
service password-encryption
hostname edge1
vrf definition BLUE
 rd 1:1
logging buffered 16384
no ip domain lookup
ip domain name lab.example
vlan 10
 name users
interface Loopback0
 description router id
 ip address 10.255.0.1 255.255.255.255
interface GigabitEthernet1
 description to core
 ip address 10.0.0.1 255.255.255.252
 ip ospf cost 10
interface GigabitEthernet2
 description spare
 shutdown
interface GigabitEthernet3
 description access
 switchport mode access
 switchport access vlan 10
interface Vlan10
 ip address 10.10.0.1 255.255.255.0
 ip address 10.10.1.1 255.255.255.0 secondary
 ip helper-address 10.9.9.9
router ospf 1
 router-id 10.255.0.1
 network 10.0.0.0 0.0.0.3 area 0
router bgp 65001
 bgp router-id 10.255.0.1
 bgp log-neighbor-changes
 neighbor 10.0.0.2 remote-as 65002
 neighbor 10.0.0.2 description core
 address-family ipv4
  network 10.10.0.0 mask 255.255.255.0
  neighbor 10.0.0.2 activate
  neighbor 10.0.0.2 route-map OUT out
ip forward-protocol nd
no ip http server
ip route 0.0.0.0 0.0.0.0 10.0.0.2
ip access-list extended EDGE
 10 permit tcp any any eq 22
 20 deny ip any any
ip prefix-list PL seq 5 permit 10.0.0.0/8 le 24
logging host 192.0.2.50
access-list 10 permit 10.1.1.1
access-list 10 permit 10.1.1.2
route-map OUT permit 10
 match ip address prefix-list PL
 set local-preference 200
snmp-server community public RO
snmp-server location lab
line con 0
 logging synchronous
line vty 0 4
 exec-timeout 30 0
 login local
 transport input ssh
ntp source Loopback0
ntp server 192.0.2.1
"""

CHANGES = {
    "host name": "hostname edge9",
    "NTP servers": "ntp server 192.0.2.7 prefer\nntp server 192.0.2.8",
    "NTP server that is there": "ntp server 192.0.2.1",
    "NTP server becomes preferred": "ntp server 192.0.2.1 prefer",
    "no NTP server": "no ntp server 192.0.2.1",
    "no NTP at all": "no ntp",
    "logging hosts": "logging host 192.0.2.51\nno logging host 192.0.2.50",
    "logging buffer": "logging buffered 32768",
    "no logging buffer": "no logging buffered",
    "a default that is switched off": "no ip source-route\nno cdp run",
    "a default that is switched on again": "ip http server\nip domain lookup",
    "a default that is on": "ip cef\nip source-route",
    "a service": "no service password-encryption",
    "description": "interface GigabitEthernet1\n description new words here",
    "abbreviations": "int gi2\n desc server\n no shut\n ip add 10.7.0.1 255.255.255.0",
    "no description": "interface GigabitEthernet2\n no description",
    "no shutdown on an open port": "interface GigabitEthernet1\n no shutdown",
    "shutdown": "interface GigabitEthernet1\n shutdown",
    "address": "interface GigabitEthernet1\n ip address 10.0.0.5 255.255.255.252",
    "no address": "interface GigabitEthernet1\n no ip address",
    "secondary address": "interface Vlan10\n ip address 10.10.2.1 255.255.255.0 secondary",
    "no secondary address": "interface Vlan10\n no ip address 10.10.1.1 255.255.255.0 secondary",
    "helper": "interface Vlan10\n ip helper-address 10.9.9.10\n no ip helper-address 10.9.9.9",
    "switch port": "interface GigabitEthernet3\n switchport access vlan 20",
    "new VLAN and its interface": "vlan 20\n name guests\ninterface Vlan20\n ip address 10.20.0.1 255.255.255.0",
    "new loopback": "interface Loopback7",
    "no VLAN interface": "no interface Vlan10",
    "default interface": "default interface GigabitEthernet1",
    "OSPF cost": "interface GigabitEthernet1\n ip ospf cost 55\ninterface Vlan10\n ip ospf cost 5",
    "OSPF network": "router ospf 1\n network 10.10.0.0 0.0.0.255 area 0\n no network 10.0.0.0 0.0.0.3 area 0",
    "OSPF passive": "router ospf 1\n passive-interface Vlan10",
    "no OSPF": "no router ospf 1",
    "BGP network": "router bgp 65001\n address-family ipv4\n  network 10.3.0.0 mask 255.255.0.0",
    "no BGP network": "router bgp 65001\n address-family ipv4\n  no network 10.10.0.0 mask 255.255.255.0",
    "BGP neighbour": "router bgp 65001\n neighbor 10.0.0.9 remote-as 65009\n neighbor 10.0.0.9 description nine",
    "BGP neighbour's words": "router bgp 65001\n neighbor 10.0.0.2 description changed",
    "BGP neighbour's number": "router bgp 65001\n neighbor 10.0.0.2 remote-as 65003",
    "BGP neighbour shut": "router bgp 65001\n neighbor 10.0.0.2 shutdown",
    "BGP timers": "router bgp 65001\n timers bgp 10 30",
    "another BGP policy": "router bgp 65001\n address-family ipv4\n  neighbor 10.0.0.2 route-map IN in",
    "no BGP": "no router bgp 65001",
    "static route": "ip route 10.99.0.0 255.255.0.0 10.0.0.2\nip route 10.98.0.0 255.255.0.0 Null0 250",
    "no static route": "no ip route 0.0.0.0 0.0.0.0 10.0.0.2",
    "access list entry": "ip access-list extended EDGE\n 15 permit icmp any any",
    "access list entry without a number": "ip access-list extended EDGE\n permit udp any any",
    "no access list entry": "ip access-list extended EDGE\n no 10",
    "no access list": "no ip access-list extended EDGE",
    "new access list": "ip access-list standard MGMT\n permit 10.0.0.0 0.255.255.255\n deny any",
    "numbered access list": "access-list 10 permit 10.1.1.3",
    "no numbered access list": "no access-list 10",
    "prefix list": "ip prefix-list PL seq 10 deny 0.0.0.0/0 le 32\nip prefix-list PL permit 172.16.0.0/12",
    "no prefix list": "no ip prefix-list PL",
    "route map value": "route-map OUT permit 10\n set local-preference 300\n no set local-preference 200",
    "route map entry": "route-map OUT permit 20\n match ip address prefix-list XX",
    "no route map": "no route-map OUT",
    "SNMP": "snmp-server community private RW\nno snmp-server community public\nsnmp-server location new place",
    "lines": "line vty 0 4\n exec-timeout 5 0\n transport input none\n access-class EDGE in",
    "console": "line con 0\n no logging synchronous\n exec-timeout 0 0",
    "more lines": "line vty 5 15\n login local\n transport input ssh",
    "VRF": "vrf definition RED\n rd 2:2\n address-family ipv4",
    "no VRF": "no vrf definition BLUE",
    "VLAN name": "vlan 10\n name people\nno vlan 30",
    "global line inside a section": "interface GigabitEthernet1\n mtu 9000\n ip route 10.97.0.0 255.255.0.0 10.0.0.2",
    "banner": "banner motd #\nAuthorised only\n  since ever\n#",
    "comments and do": "! a comment\ninterface GigabitEthernet1\n do show clock\n mtu 1600\nexit\nend",
    "much at once": (
        "hostname edge2\nvlan 30\n name voice\ninterface GigabitEthernet3\n switchport access vlan 30\nexit\n"
        "no ip route 0.0.0.0 0.0.0.0 10.0.0.2\nip route 0.0.0.0 0.0.0.0 10.0.0.6\nrouter bgp 65001\n"
        " no neighbor 10.0.0.2 description\n address-family ipv4\n  network 10.4.0.0 mask 255.255.0.0\n"
    ),
}


def router() -> Router:
    return Router("edge1", lambda: START.splitlines())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_prediction_is_what_the_router_shows(change: str) -> None:
    device = router()
    before = device.running_config

    prediction = predict(before, change.splitlines(), IOS)
    device.configure(*(line for line in _typed(change)))

    assert prediction.method is Method.MODEL
    assert prediction.text == normalise(device.running_config, IOS)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_rollback_brings_the_router_back(change: str) -> None:
    device = router()
    before = device.running_config
    device.configure(*_typed(change))

    for_real = rollback_lines(device.running_config, before, IOS)
    device.configure(*_typed("\n".join(for_real)))

    assert normalise(device.running_config, IOS) == normalise(before, IOS)


def test_a_neighbour_goes_with_its_lines_in_the_address_families() -> None:
    after = predict(START, ["router bgp 65001", " no neighbor 10.0.0.2 remote-as 65002"], IOS).text

    assert "neighbor 10.0.0.2" not in after
    assert "  network 10.10.0.0 mask 255.255.255.0\n" in after


def test_a_neighbour_has_one_policy_per_direction() -> None:
    lines = ["router bgp 65001", " address-family ipv4", "  neighbor 10.0.0.2 route-map NEW out"]

    after = predict(START, lines, IOS).text

    assert "  neighbor 10.0.0.2 route-map NEW out\n" in after
    assert "route-map OUT out" not in after


def test_a_new_vrf_on_an_interface_takes_its_addresses_away_and_the_rollback_gives_them_back() -> None:
    after = predict(START, ["interface GigabitEthernet1", " vrf forwarding BLUE"], IOS).text
    back = rollback_lines(after, START, IOS)

    assert " vrf forwarding BLUE\n no ip address\n" in after
    assert back == (
        "interface GigabitEthernet1",
        " no vrf forwarding BLUE",
        "exit",
        "interface GigabitEthernet1",
        " ip address 10.0.0.1 255.255.255.252",
        "exit",
    )


def test_a_range_of_interfaces_is_not_guessed() -> None:
    prediction = predict(START, ["interface range GigabitEthernet1 - 2", " shutdown"], IOS)

    assert prediction.method is Method.IMPOSSIBLE
    assert prediction.text == normalise(START, IOS)
    assert prediction.notes == ("`interface range GigabitEthernet1 - 2` stands for several interfaces",)


def test_adding_to_the_vlans_of_a_trunk_is_not_guessed() -> None:
    lines = ["interface GigabitEthernet3", " switchport trunk allowed vlan add 30"]

    assert predict(START, lines, IOS).method is Method.IMPOSSIBLE


def test_a_line_that_the_grammar_does_not_know_is_taken_literally_and_noted() -> None:
    prediction = predict(START, ["frobnicate widgets 5", "no twiddle knobs"], IOS)

    assert "frobnicate widgets 5\n" in prediction.text
    assert prediction.notes == (
        "`frobnicate widgets 5` is not in the grammar of cisco_ios: taken as a line of its own",
        "`no twiddle knobs` matches nothing: taken as no change",
    )


def test_a_password_is_noted_because_the_device_stores_something_else() -> None:
    prediction = predict(START, ["username admin secret s3cret"], IOS)

    assert prediction.notes == ("`username admin` is stored in another form than typed",)


def test_a_number_that_is_taken_in_an_access_list_is_refused_and_said() -> None:
    prediction = predict(START, ["ip access-list extended EDGE", " 10 deny ip any any"], IOS)

    assert prediction.text == normalise(START, IOS)
    assert prediction.notes == ("`10 deny ip any any` is refused while `10 permit tcp any any eq 22` stands",)


def test_a_numbered_access_list_is_written_anew_as_a_whole() -> None:
    after = predict(START, ["no access-list 10 permit 10.1.1.1"], IOS).text

    assert "access-list 10" not in after
    other = after.replace("route-map OUT permit", "access-list 10 permit 10.1.1.9\nroute-map OUT permit")
    assert rollback_lines(other, START, IOS) == (
        "no access-list 10",
        "access-list 10 permit 10.1.1.1",
        "access-list 10 permit 10.1.1.2",
    )


def test_an_address_that_moves_to_another_interface_is_taken_away_there_first() -> None:
    swap = [
        "interface GigabitEthernet1",
        " no ip address",
        "interface Vlan10",
        " ip address 10.0.0.1 255.255.255.252",
        "interface GigabitEthernet1",
        " ip address 10.10.0.1 255.255.255.0",
    ]
    device = router()
    before = device.running_config
    device.configure(*swap)

    device.configure(*_typed("\n".join(rollback_lines(device.running_config, before, IOS))))

    assert normalise(device.running_config, IOS) == normalise(before, IOS)


def _typed(text: str) -> list[str]:
    """Return what reaches the configuration of the router: a banner as one line, no comment, `do`, `end` or `exit`."""
    lines: list[str] = []
    held: list[str] = []
    for line in text.splitlines():
        if held or line.startswith("banner"):
            held.append(line)
            if len(held) > 1 and line.endswith(("#", "^C")):
                lines.append("\n".join(held).replace("#", "^C"))
                held = []
        elif (
            line.strip()
            and not line.strip().startswith(("!", "do "))
            and line.strip() not in ("end", "exit", "exit-address-family")
        ):
            lines.append(line)
    return lines
