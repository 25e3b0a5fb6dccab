"""Would a change lock the controller out? Switches, learned ways back, and the other platforms."""

from __future__ import annotations

import pytest

from nornflow.model.device import Way
from way_in import WAY, risks, verdict

SWITCH = """interface Vlan10
 ip address 192.0.2.2 255.255.255.0
vlan 10
vlan 20
interface GigabitEthernet0/1
 switchport mode trunk
 switchport trunk allowed vlan 10,20
interface GigabitEthernet0/2
 switchport access vlan 20
interface GigabitEthernet0/3
 switchport access vlan 10
ip default-gateway 192.0.2.1
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["int gi0/1", "shut", "int gi0/3", "shut"], "cut"),
        (["int gi0/1", "switchport trunk allowed vlan 20", "int gi0/3", "switchport access vlan 20"], "cut"),
        (["int gi0/1", "shut"], "doubt"),
        (["int gi0/1", "switchport trunk allowed vlan remove 10"], "doubt"),
        (["no vlan 10"], "cut"),
        (["vlan 10", "shutdown"], "cut"),
        (["no ip default-gateway"], "cut"),
        (["int gi0/2", "shut"], "stays"),
        (["int gi0/1", "description up"], "stays"),
        (["no vlan 20"], "stays"),
    ],
)
def test_a_vlan_interface_lives_by_its_ports(lines: list[str], expected: str) -> None:
    assert verdict(risks(*lines, pre=SWITCH)) == expected


NEIGHBOURS = """interface Loopback0
 ip address 192.0.2.2 255.255.255.255
interface GigabitEthernet1
 ip address 10.0.0.1 255.255.255.252
router ospf 1
 network 0.0.0.0 255.255.255.255 area 0
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["no router ospf 1"], "doubt"),
        (["router ospf 1", "passive-interface default"], "doubt"),
        (["int gi1", "shut"], "doubt"),
        (["int lo0", "shut"], "cut"),
        (["ip route 198.51.100.0 255.255.255.0 10.0.0.2"], "doubt"),
        (["router ospf 1", "max-metric router-lsa"], "stays"),
    ],
)
def test_a_way_back_that_is_learned_may_go_with_what_it_is_learned_by(lines: list[str], expected: str) -> None:
    assert verdict(risks(*lines, pre=NEIGHBOURS)) == expected


EOS = """username netops privilege 15 secret sha512 x
vrf instance MGMT
interface Ethernet1
   no switchport
   ip address 10.0.0.1/30
interface Management1
   vrf MGMT
   ip address 192.0.2.2/24
ip access-list OPS
   10 permit ip 198.51.100.0/24 any
ip route vrf MGMT 0.0.0.0/0 192.0.2.1
management api http-commands
   no shutdown
   vrf MGMT
      no shutdown
management ssh
   ip access-group OPS in
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["int ma1", "shut"], "cut"),
        (["interface Management1", "no vrf"], "cut"),
        (["no ip route vrf MGMT 0.0.0.0/0 192.0.2.1"], "cut"),
        (["ip access-list OPS", "5 deny ip host 198.51.100.9 any"], "cut"),
        (["management ssh", "shutdown"], "cut"),
        (["no username netops"], "cut"),
        (["management api http-commands", "shutdown"], "stays"),
        (["ip route 0.0.0.0/0 Null0"], "stays"),
        (["interface Ethernet1", "shutdown"], "stays"),
    ],
)
def test_eos_over_ssh(lines: list[str], expected: str) -> None:
    assert verdict(risks(*lines, pre=EOS, platform="arista_eos")) == expected


def test_eos_over_its_api() -> None:
    way = Way(WAY.addresses, WAY.sources, 443, "web", "netops")
    assert verdict(risks("management api http-commands", "shutdown", pre=EOS, way=way, platform="eos")) == "cut"
    assert risks("management ssh", "shutdown", pre=EOS, way=way, platform="eos") == ()


NXOS = """feature ssh
username netops password 5 x role network-admin
ip access-list OPS
  10 permit tcp 198.51.100.0/24 any eq 22
vrf context management
  ip route 0.0.0.0/0 192.0.2.1
interface Vlan5
  no shutdown
  ip address 10.0.5.1/24
interface mgmt0
  vrf member management
  ip address 192.0.2.2/24
line vty
  access-class OPS in
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["int mgmt0", "shut"], "cut"),
        (["int mgmt0", "vrf member other"], "cut"),
        (["vrf context management", "no ip route 0.0.0.0/0 192.0.2.1"], "cut"),
        (["ip access-list OPS", "no 10", "10 permit tcp 10.0.0.0/8 any"], "cut"),
        (["no feature ssh"], "cut"),
        (["no ip route 0.0.0.0/0 192.0.2.1"], "stays"),
        (["int vlan5", "shut"], "stays"),
    ],
)
def test_nxos(lines: list[str], expected: str) -> None:
    assert verdict(risks(*lines, pre=NXOS, platform="cisco_nxos")) == expected


FRR = """frr defaults traditional
hostname r1
ip route 198.51.100.0/24 192.0.2.1
!
interface eth0
 ip address 10.0.0.1/30
exit
!
interface mgmt0
 ip address 192.0.2.2/24
exit
!
line vty
exit
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["interface mgmt0", "shutdown"], "cut"),
        (["int mgmt0", "no ip addr 192.0.2.2/24"], "cut"),
        (["no ip route 198.51.100.0/24 192.0.2.1"], "cut"),
        (["no ip route 198.51.100.0 255.255.255.0 192.0.2.1"], "cut"),
        (["ip route 198.51.100.9/32 blackhole"], "cut"),
        (["ip route 198.51.100.0/24 Null0", "no ip route 198.51.100.0/24 192.0.2.1"], "cut"),
        (["ip route 0.0.0.0/0 10.0.0.2"], "stays"),
        (["interface eth0", "shutdown"], "stays"),
        (["line vty", "access-class NOBODY"], "stays"),
        (["router bgp 65001", "neighbor 10.0.0.2 remote-as 65002"], "stays"),
    ],
)
def test_frr(lines: list[str], expected: str) -> None:
    assert verdict(risks(*lines, pre=FRR, platform="frr")) == expected


JUNOS = """set system login user netops class super-user
set system login user other class operator
set system services ssh
set interfaces fxp0 unit 0 family inet address 192.0.2.2/24
set interfaces ge-0/0/0 unit 0 family inet address 10.0.0.1/30
set routing-options static route 0.0.0.0/0 next-hop 192.0.2.1
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["delete interfaces fxp0"], "cut"),
        (["deactivate interfaces fxp0 unit 0"], "cut"),
        (["set interfaces fxp0 disable"], "cut"),
        (["delete interfaces"], "cut"),
        (["edit system services", "delete ssh"], "cut"),
        (["delete system login user netops"], "cut"),
        (["delete routing-options"], "cut"),
        (["set routing-options static route 198.51.100.0/24 discard"], "cut"),
        (["set interfaces lo0 unit 0 family inet filter input PROTECT"], "doubt"),
        (["rename interfaces fxp0 to fxp1"], "doubt"),
        (["set apply-groups SITE"], "doubt"),
        (["delete system login user other"], "stays"),
        (["delete interfaces ge-0/0/0"], "stays"),
        (["delete interfaces fxp0", "set interfaces fxp0 unit 0 family inet address 192.0.2.2/24"], "stays"),
        (["set system ntp server 192.0.2.9"], "stays"),
    ],
)
def test_junos_which_commits_all_lines_at_once(lines: list[str], expected: str) -> None:
    assert verdict(risks(*lines, pre=JUNOS, platform="junos")) == expected


def test_of_a_platform_that_nobody_knows_it_is_said_that_nothing_can_be_told() -> None:
    (risk,) = risks("shutdown", platform="acme_os")
    assert not risk.certain
    assert "acme_os" in risk.why or "generic" in risk.why
