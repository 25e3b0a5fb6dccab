"""Predictions and rollbacks held against real FRR routers: what was predicted is what they show, and back again."""

from __future__ import annotations

import pytest
from netmiko import ConnectHandler

from nornflow.planning.diff import unified
from nornflow.planning.normalise import normalise
from nornflow.planning.planner import plan_step
from nornflow.platforms.load import platform_for
from nornflow.testing import FrrLab

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

FRR = platform_for("frr")

CHANGES = {
    "a new network": ["router bgp 65001", " address-family ipv4 unicast", "  network 203.0.113.0/24"],
    "a network typed short": ["router bgp 65001", " network 203.0.113.0 mask 255.255.255.0"],
    "a neighbour shut": ["router bgp 65001", " neighbor 10.0.1.2 shutdown"],
    "a new neighbour with a policy": [
        "route-map LIMIT permit 10",
        " set metric 50",
        "exit",
        "router bgp 65001",
        " neighbor 10.99.0.1 remote-as 65099",
        " neighbor 10.99.0.1 description not there",
        " address-family ipv4 unicast",
        "  neighbor 10.99.0.1 route-map LIMIT out",
    ],
    "static routes": ["ip route 203.0.113.1/24 blackhole", "ip route 198.51.100.0 255.255.255.0 Null0 200"],
    "a prefix list without numbers": ["ip prefix-list NEW permit 10.0.0.0/8 le 24", "ip prefix-list NEW deny any"],
    "abbreviations": ["int lo", " desc looped", "router bgp 65001", " nei 10.0.1.2 desc the second"],
}


@pytest.mark.parametrize("lines", CHANGES.values(), ids=CHANGES)
def test_the_router_shows_what_was_planned_and_the_rollback_takes_it_back(frr_lab: FrrLab, lines: list[str]) -> None:
    router = frr_lab["r1"]
    before = router.running_config
    step, predicted = plan_step("change", "r1", before, lines, "netmiko", FRR)

    with ConnectHandler(**frr_lab.login("r1")) as session:
        session.send_config_set(lines, error_pattern=r"^% ")
        shown = router.running_config
        session.send_config_set(list(step.rollback), error_pattern=r"^% ")

    assert step.changes
    assert unified(predicted, shown, FRR) == ""
    assert normalise(router.running_config, FRR) == normalise(before, FRR)
