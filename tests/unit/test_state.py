"""Comparing states: what differs, why, and that every difference has exactly one explanation."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.model.state import ABSENT, Difference, Explained, Explanation, counted
from nornflow.planning.explain import Patterns, explain
from nornflow.planning.naming import Named
from nornflow.planning.state import compare, leaves
from nornflow.platforms.load import platform_for, platform_names

IOS = platform_for("cisco_ios")
NOTHING = Patterns(())

scalars = st.none() | st.booleans() | st.integers(-9, 99) | st.text("ab1.\n ", max_size=6)
names = st.sampled_from(["name", "uptime", "state", "vlan", "10.0.0.9", "Gi0/1", "a.b"])
states = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)


def places(before: Any, after: Any, *keys: str) -> dict[str, tuple[Any, Any]]:
    return {found.place: (found.before, found.after) for found in compare(before, after, ("s",), keys)}


class TestCompare:
    def test_a_value_that_is_another_one(self) -> None:
        assert places({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == {"s.a.c": (2, 3)}

    def test_objects_of_a_list_are_known_by_their_names_whatever_their_order(self) -> None:
        before = [{"neighbor": "10.0.0.1", "state": 4}, {"neighbor": "10.0.0.2", "state": 7}]
        after = [{"neighbor": "10.0.0.2", "state": "Idle"}, {"neighbor": "10.0.0.1", "state": 4}]
        assert places(before, after) == {"s.10.0.0.2.state": (7, "Idle")}
        assert places(before, before[::-1]) == {}

    def test_a_new_object_is_one_difference_and_not_one_for_each_of_its_values(self) -> None:
        new = {"interface": "Vlan10", "status": "up", "protocol": "up"}
        assert places([], [new]) == {"s.Vlan10": (ABSENT, new)}
        assert places([new], []) == {"s.Vlan10": (new, ABSENT)}

    def test_two_fields_name_what_one_does_not(self) -> None:
        one = {"network": "10.0.0.0/8", "nexthop_ip": "192.0.2.1", "metric": 1}
        other = {"network": "10.0.0.0/8", "nexthop_ip": "192.0.2.2", "metric": 1}
        assert places([one, other], [other, {**one, "metric": 5}]) == {"s.10.0.0.0/8 192.0.2.1.metric": (1, 5)}

    def test_a_field_of_ones_own_comes_first(self) -> None:
        before = [{"name": "x", "circuit": "c1", "ok": 1}, {"name": "y", "circuit": "c2", "ok": 1}]
        after = [{"name": "y", "circuit": "c1", "ok": 1}, {"name": "x", "circuit": "c2", "ok": 1}]
        assert places(before, after, "circuit") == {"s.c1.name": ("x", "y"), "s.c2.name": ("y", "x")}

    def test_objects_without_a_name_are_known_by_their_place(self) -> None:
        assert places([{"x": 1}, {"x": 1}], [{"x": 1}, {"x": 2}]) == {"s.[1].x": (1, 2)}

    def test_the_case_of_fields_does_not_matter(self) -> None:  # TextFSM's own are capitals
        assert places([{"INTF": "a", "UP": 1}, {"INTF": "b", "UP": 1}], [{"INTF": "b", "UP": 0}]) == {
            "s.a": ({"INTF": "a", "UP": 1}, ABSENT),
            "s.b.UP": (1, 0),
        }

    def test_plain_values_are_a_set(self) -> None:
        assert places(["a", "b", "b"], ["b", "a"]) == {"s.b #2": ("b", ABSENT)}

    def test_a_text_is_compared_by_its_lines(self) -> None:
        assert places("up 3\nalpha\n", "alpha\nbeta") == {"s.up 3": ("up 3", ABSENT), "s.beta": (ABSENT, "beta")}

    def test_nothing_and_emptiness_are_the_same(self) -> None:
        assert places({"peers": {}}, {}) == {}
        assert places({"peers": [{}]}, {"peers": {"a": []}}) == {}

    def test_true_is_not_one(self) -> None:
        assert places({"up": True}, {"up": 1}) == {"s.up": (True, 1)}

    @given(states)
    def test_no_state_differs_from_itself(self, state: Any) -> None:
        assert compare(state, copy.deepcopy(state)) == ()

    @given(states, states)
    def test_the_way_back_has_the_same_differences_the_other_way_round(self, one: Any, other: Any) -> None:
        there, back = compare(one, other), compare(other, one)
        assert {(d.path, repr(d.before), repr(d.after)) for d in there} == {
            (d.path, repr(d.after), repr(d.before)) for d in back
        }

    @given(
        st.lists(st.fixed_dictionaries({"name": st.integers(0, 5), "up": st.booleans()}), unique_by=lambda o: o["name"])
    )
    def test_order_never_counts_where_there_are_names(self, objects: list[dict[str, Any]]) -> None:
        shuffled = random.Random(1).sample(objects, len(objects))
        assert compare(objects, shuffled) == ()

    @given(states, states)
    def test_equal_only_when_the_same_plain_values_are_there(self, one: Any, other: Any) -> None:
        if not compare(one, other):
            texts = [
                sorted(repr(value) for _, value in leaves(side) if not isinstance(value, str)) for side in (one, other)
            ]
            assert texts[0] == texts[1]


def reason(change: str, *path: str, value: Any = "x", platform: Any = IOS) -> str:
    return Named([change], platform).line_for(("look", *path), value)


class TestNamed:
    @pytest.mark.parametrize(
        ("change", "path", "value"),
        [
            ("+neighbor 10.0.0.9 shutdown / router bgp 65001", ("10.0.0.9", "state"), "Idle"),
            ("+shutdown / interface Gi0/1", ("GigabitEthernet0/1", "is_up"), False),
            ("-ip address 10.1.0.9 255.255.255.0 / interface Vlan10", ("routes", "10.1.0.0/24"), "connected"),
            ("-ip address 10.1.0.9 255.255.255.0 / interface Vlan10", ("routes", "10.1.0.9/32"), "local"),
            ("+network 10.7.0.0 0.0.0.255 area 0 / router ospf 1", ("10.7.0.0/24",), 1),
            ("+ip route 203.0.113.0/24 blackhole", ("routes", "203.0.113.0/24", "metric"), 0),
            ("+neighbor 2001:db8::1 remote-as 65009 / router bgp 65001", ("peers", "2001:db8::1"), {"up": True}),
            ("+ntp server 192.0.2.9", ("ntp",), {"peer": "192.0.2.9"}),
            ("+vlan 110", ("vlans", "110", "name"), "guests"),
            ("+hostname edge", ("facts", "hostname"), "edge"),
            ("-hostname edge1", ("facts", "fqdn"), "edge1.lab.example"),
            ("+description spare / interface Gi0/1", ("Gi0/1", "description"), "spare"),
            ("-ip access-list extended VLAN110-IN", ("access_lists", "VLAN110-IN"), {}),
        ],
    )
    def test_what_a_changed_line_names_follows_from_it(self, change: str, path: tuple[str, ...], value: Any) -> None:
        assert reason(change, *path, value=value)

    @pytest.mark.parametrize(
        ("change", "path", "value"),
        [
            ("+neighbor 10.0.0.9 shutdown / router bgp 65001", ("10.0.0.90", "state"), "Idle"),
            ("+neighbor 10.0.0.9 shutdown / router bgp 65001", ("10.0.0.5", "state"), "Idle"),
            ("+neighbor 10.0.0.9 shutdown / router bgp 65001", ("10.0.0.5", "asn"), 65001),
            ("+shutdown / interface Gi0/1", ("GigabitEthernet0/10", "is_up"), False),
            ("+mtu 9000 / interface Gi0/1", ("Gi0/2", "mtu"), 9000),
            ("+ip route 203.0.113.0/24 blackhole", ("routes", "203.0.113.0/25"), 0),
            ("+ip address 10.1.0.9 255.255.255.0 / interface Vlan10", ("masks", "x"), "255.255.255.0"),
            ("+description down / interface Gi0/1", ("Gi0/2", "status"), "down"),
            ("+description to core1 / interface Gi0/1", ("lldp", "Gi0/2"), "core1"),
            ("+banner motd up", ("Gi0/2", "status"), "up"),
            ("+vlan 110", ("vlans", "20", "ports"), 110),
            ("-hostname edge1", ("facts", "fqdn"), "core.edge1.example"),
            ("+ip route 0.0.0.0 0.0.0.0 10.9.9.1", ("bgp", "router_id"), "0.0.0.0"),
        ],
    )
    def test_what_only_looks_like_it_does_not(self, change: str, path: tuple[str, ...], value: Any) -> None:
        assert reason(change, *path, value=value) == ""

    def test_the_line_is_told_behind_its_section(self) -> None:
        assert reason("+shutdown / interface Gi0/1", "Gi0/1") == "+ interface Gi0/1 / shutdown"
        assert (
            reason("ntp server 192.0.2.9", "192.0.2.9") == "ntp server 192.0.2.9"
        )  # one that was sent, not one of a diff

    @given(st.text(max_size=60), st.text(max_size=20), states)
    def test_no_line_and_no_state_is_too_strange(self, line: str, segment: str, value: Any) -> None:
        assert isinstance(reason(line, segment, value=value), str)


class TestPatterns:
    def test_a_pattern_names_a_value_or_all_below(self) -> None:
        patterns = Patterns(["interfaces.Vlan10.*", "*.uptime", "arp.10.0.0.?"])
        assert (
            patterns.covering("interfaces.Vlan10") == patterns.covering("interfaces.vlan10.up") == "interfaces.Vlan10.*"
        )
        assert patterns.covering("a.b.uptime") == "*.uptime"
        assert patterns.covering("arp.10.0.0.7.mac")
        assert not any(map(patterns.covering, ("interfaces.Vlan100.up", "a.uptimes", "uptime", "arp.10.0.0.17")))

    def test_brackets_and_points_stand_for_themselves(self) -> None:
        assert Patterns(["a.[0]"]).covering("a.[0]")
        assert not Patterns(["a.[0]", "a.b"]).covering("a.0")
        assert not Patterns(["a.b"]).covering("axb")

    @pytest.mark.parametrize("name", platform_names())
    def test_every_platform_knows_uptimes_and_no_state_of_a_session(self, name: str) -> None:
        noise = Patterns(platform_for(name).noise)
        assert noise.covering("facts.uptime")
        assert noise.covering("interfaces.Gi0/1.last_flapped")
        for place in (
            "peers.10.0.0.1.is_up",
            "bgp.10.0.0.1.state",
            "interfaces.Gi0/1.is_up",
            "vlans.10.name",
            "lldp.a.port",
        ):
            assert not noise.covering(place), place


def explained(found: tuple[Difference, ...], **how: Any) -> tuple[Explained, ...]:
    given = {"noise": NOTHING, "learned": (), "intended": NOTHING, "named": Named((), IOS), **how}
    return explain(found, **given)


class TestExplain:
    def test_an_object_is_noise_only_when_all_in_it_is(self) -> None:
        noise = Patterns(["*.uptime", "*.age"])
        (all_of_it,) = explained(compare({}, {"a": {"uptime": 1, "age": 2}}, ("s",)), noise=noise)
        (part,) = explained(compare({}, {"a": {"uptime": 1, "up": 2}}, ("s",)), noise=noise)
        assert (all_of_it.explanation, part.explanation) == (Explanation.NOISE, Explanation.COLLATERAL)

    def test_what_changed_by_itself_before_is_noise_and_so_is_what_lies_below_but_not_above(self) -> None:
        found = compare({"a": {"x": 1}, "b": {"x": 1}}, {"a": {"x": 2}}, ("s",))
        kinds = {
            each.difference.place: each.explanation for each in explained(found, learned={("s", "a"), ("s", "b", "x")})
        }
        assert kinds == {"s.a.x": Explanation.NOISE, "s.b": Explanation.COLLATERAL}

    def test_what_is_said_to_be_noise_is_not_said_to_be_meant(self) -> None:
        found = compare({"Gi0/1": {"uptime": 1}}, {"Gi0/1": {"uptime": 2}}, ("s",))
        named = Named(["+shutdown / interface Gi0/1"], IOS)
        (each,) = explained(found, noise=Patterns(["*.uptime"]), named=named)
        assert (each.explanation, each.because) == (Explanation.NOISE, "*.uptime")

    def test_in_words_and_as_kept(self) -> None:
        found = explained(compare({"a": 1, "b": [1]}, {"a": "x" * 99}, ("s",)))
        assert [each.told for each in found] == [f"s.a: 1 -> {'x' * 60}…", "s.b: gone"]
        assert found[1].kept() == {"path": "s.b", "before": [1], "class": "collateral"}

    @given(states, states, st.lists(st.sampled_from(["*.uptime", "s.state", "*", "s.*.name"])))
    def test_every_difference_has_exactly_one_explanation(self, one: Any, other: Any, patterns: list[str]) -> None:
        found = compare(one, other, ("s",))
        named = Named(["+shutdown / interface Gi0/1", "+neighbor 10.0.0.9 shutdown"], IOS)
        each = explained(found, noise=Patterns(patterns), intended=Patterns(["s.vlan"]), named=named)
        assert [one.difference for one in each] == list(found)
        assert sum(counted(each).values()) == len(found)
        if "*" in patterns:
            assert counted(each)["noise"] == len(found)
