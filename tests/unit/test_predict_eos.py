"""Changes on a simulated EOS switch: what is predicted is what the switch shows, and the rollback takes it back."""

from __future__ import annotations

import pytest

from nornflow.planning.normalise import normalise
from nornflow.planning.predict import predict
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.load import platform_for
from nornflow.testing import Switch

EOS = platform_for("eos")

START = """\
service routing protocols model multi-agent
logging host 192.0.2.50
hostname sw1
dns domain lab.example
ntp server 192.0.2.1
snmp-server location lab
spanning-tree mode mstp
vlan 10
   name users
interface Ethernet1
   description uplink
   no switchport
   ip address 10.0.0.1/31
interface Ethernet2
   description spare
   shutdown
interface Loopback0
   ip address 10.255.0.1/32
interface Management1
   ip address 172.16.0.2/16
ip routing
ip route 0.0.0.0/0 10.0.0.0
router bgp 65001
   router-id 10.255.0.1
   neighbor 10.0.0.0 remote-as 65002
   neighbor 10.0.0.0 description core
   network 10.255.0.1/32
management api http-commands
   no shutdown
"""

CHANGES = {
    "host name": "hostname sw9",
    "domain": "dns domain other.example",
    "NTP": "ntp server 192.0.2.2\nno ntp server 192.0.2.1",
    "NTP preferred": "ntp server 192.0.2.1 prefer",
    "logging": "logging host 192.0.2.51\nno logging host 192.0.2.50",
    "description": "interface Ethernet1\n   description to core",
    "abbreviations": "int et2\n   desc server\n   no shut",
    "no description": "interface Ethernet2\n   no description",
    "shutdown": "interface Ethernet1\n   shutdown",
    "MTU": "interface Ethernet1\n   mtu 9214",
    "address": "interface Ethernet1\n   ip address 10.0.0.3/31",
    "switch port": "interface Ethernet2\n   switchport access vlan 10",
    "routed port": "interface Ethernet2\n   no switchport\n   ip address 10.2.0.1/24",
    "new VLAN": "vlan 20\n   name guests\ninterface Vlan20\n   ip address 10.20.0.1/24",
    "no VLAN": "no vlan 10",
    "VLAN name": "vlan 10\n   name people",
    "route": "ip route 10.9.0.0/16 10.0.0.0",
    "no route": "no ip route 0.0.0.0/0 10.0.0.0",
    "BGP neighbour": "router bgp 65001\n   neighbor 10.0.0.8 remote-as 65008\n   neighbor 10.0.0.8 description eight",
    "BGP neighbour's words": "router bgp 65001\n   neighbor 10.0.0.0 description changed",
    "no BGP neighbour": "router bgp 65001\n   no neighbor 10.0.0.0",
    "BGP network": "router bgp 65001\n   network 10.9.0.0/16\n   no network 10.255.0.1/32",
    "BGP identity": "router bgp 65001\n   router-id 9.9.9.9",
    "no BGP": "no router bgp 65001",
    "SNMP": "snmp-server location elsewhere",
    "access list": "ip access-list EDGE\n   10 permit tcp any any eq ssh\n   20 deny ip any any",
    "the same again": "hostname sw1\ninterface Ethernet1\n   description uplink",
}


def switch() -> Switch:
    return Switch("sw1", lambda: START.splitlines())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_prediction_is_what_the_switch_shows(change: str) -> None:
    device = switch()

    prediction = predict(device.running_config, change.splitlines(), EOS)
    device.configure(*change.splitlines())

    assert prediction.text == normalise(device.running_config, EOS)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_rollback_brings_the_switch_back(change: str) -> None:
    device = switch()
    before = device.running_config
    device.configure(*change.splitlines())

    device.configure(*(line for line in rollback_lines(device.running_config, before, EOS) if line.strip() != "exit"))

    assert normalise(device.running_config, EOS) == normalise(before, EOS)


def test_a_banner_ends_at_the_line_eof_and_is_one_thing() -> None:
    before = f"banner motd\nhello\n! not a comment\nEOF\n{START}"
    after = predict(before, ["banner motd", "good bye", "EOF"], EOS).text

    assert "banner motd\ngood bye\nEOF\n" in after
    assert "hello" not in after
    assert "! not a comment" in normalise(before, EOS)
    assert rollback_lines(after, before, EOS) == ("banner motd", "hello", "! not a comment", "EOF")
