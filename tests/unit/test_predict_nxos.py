from __future__ import annotations

from nornflow.model.plan import Method
from nornflow.planning.predict import predict
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.load import platform_for

NXOS = platform_for("nxos_ssh")

RUNNING = """\
!Command: show running-config
!Time: Sat Nov 21 10:00:00 2026

version 9.3(8) Bios:version 07.69
hostname leaf1
feature bgp
feature interface-vlan
vlan 1,10
vlan 10
  name users

interface Vlan1

interface Vlan10
  no shutdown
  ip address 10.10.0.1/24

interface Ethernet1/1
  no switchport
  ip address 10.0.0.1/30
  no shutdown

interface Ethernet1/2
  description spare
  shutdown
router bgp 65001
  router-id 10.255.0.1
  address-family ipv4 unicast
    network 10.10.0.0/24
  neighbor 10.0.0.2
    remote-as 65002
    address-family ipv4 unicast
      route-map OUT out
"""


def test_a_change_of_a_neighbour_lands_in_its_section() -> None:
    lines = ["router bgp 65001", "neighbor 10.0.0.2", "address-family ipv4 unicast", "route-map NEW out"]

    after = predict(RUNNING, lines, NXOS).text

    assert "    address-family ipv4 unicast\n      route-map NEW out\n" in after
    assert rollback_lines(after, RUNNING, NXOS) == (
        "router bgp 65001",
        "  neighbor 10.0.0.2",
        "    address-family ipv4 unicast",
        "      route-map OUT out",
        "    exit",
        "  exit",
        "exit",
    )


def test_the_interface_of_a_vlan_is_down_by_default_and_a_port_is_not() -> None:
    after = predict(RUNNING, ["int vl1", "no shut", "int eth1/2", "no shut"], NXOS).text

    assert "interface Vlan1\n  no shutdown\n" in after
    assert "interface Ethernet1/2\n  description spare\nrouter" in after


def test_shutting_the_interface_of_a_vlan_takes_a_line_away_and_the_rollback_opens_it() -> None:
    after = predict(RUNNING, ["interface Vlan10", "shutdown"], NXOS).text

    assert "interface Vlan10\n  ip address" in after
    assert rollback_lines(after, RUNNING, NXOS) == ("interface Vlan10", "  no shutdown", "exit")


def test_a_new_vlan_interface_goes_as_a_whole() -> None:
    after = predict(RUNNING, ["interface vlan 20", "  ip address 10.20.0.1/24", "  no shutdown"], NXOS).text

    assert "interface Vlan20\n  no shutdown\n  ip address 10.20.0.1/24\ninterface Ethernet1/1\n" in after
    assert rollback_lines(after, RUNNING, NXOS) == ("no interface Vlan20",)


def test_a_neighbour_on_one_line_becomes_a_section_and_is_not_guessed() -> None:
    assert predict(RUNNING, ["router bgp 65001", "neighbor 10.0.0.6 remote-as 1"], NXOS).method is Method.IMPOSSIBLE
