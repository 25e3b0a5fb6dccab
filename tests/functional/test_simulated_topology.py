"""Networks of simulated and FRR routers are planned so that every link's two ends agree."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.errors import UsageError
from nornflow.testing.frr.topology import LabPlan
from nornflow.testing.routers.network import links, places

topologies = st.sampled_from(["ring", "chain"])


@given(count=st.integers(1, 300), topology=topologies)
@settings(max_examples=30, deadline=None)
def test_both_ends_of_a_simulated_link_agree(count: int, topology: str) -> None:
    network = places([f"r{number}" for number in range(1, count + 1)], topology=topology)
    ends = [(place, link) for place in network for link in place.links]
    assert len(ends) == 2 * len(links(count, topology))
    assert len({link.address for _, link in ends}) == len(ends)
    for place, link in ends:
        back = next(other for other in network[link.other - 1].links if other.address == link.other_address)
        assert (back.other, back.other_address) == (place.number, link.address)
        assert link.other_address in map(str, ipaddress.ip_network(f"{link.address}/30", strict=False).hosts())


@given(count=st.integers(1, 100), topology=topologies)
@settings(max_examples=30, deadline=None)
def test_both_ends_of_an_frr_link_agree(count: int, topology: str) -> None:
    plan = LabPlan.of(count, topology)
    assert len(plan.wires) == len(links(count, topology))
    for router in plan.routers:
        text = router.configuration()
        assert f"router bgp {router.asn}\n" in text
        for port in router.ports:
            assert f"neighbor {port.other_address} remote-as {65000 + port.other}\n" in text
            peers = {(back.other, back.address) for back in plan.routers[port.other - 1].ports}
            assert (router.number, port.other_address) in peers


@pytest.mark.parametrize(("count", "topology"), [(0, "ring"), (101, "ring"), (4, "star")])
def test_a_lab_that_makes_no_sense_is_refused(count: int, topology: str) -> None:
    with pytest.raises(UsageError):
        LabPlan.of(count, topology)
