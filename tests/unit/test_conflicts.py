"""Two plans of one device: what both touch, whether their order counts, and whose way back undoes the other."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings

from ios_changes import START, changes
from nornflow.model.plan import HostPlan, Method, PlannedStep, Rehearsal
from nornflow.planning.conflicts import Comparison, Finding, Kind, conflicts
from nornflow.planning.normalise import tree_of
from nornflow.planning.planner import Planner
from nornflow.planning.predict import predict
from nornflow.planning.premise import left_by
from nornflow.platforms.load import platform_for

IOS = platform_for("ios")
BEFORE = """\
hostname r1
interface GigabitEthernet1
 description one
 ip address 10.0.1.1 255.255.255.0
interface GigabitEthernet2
 shutdown
router bgp 65001
 neighbor 10.0.1.2 remote-as 65002
ip access-list extended EDGE
 10 permit ip any any
ip prefix-list PL seq 5 permit 10.0.0.0/8
route-map RM permit 10
 set local-preference 100
access-list 10 permit 10.0.0.0
ntp server 192.0.2.1
"""
GI1 = "interface GigabitEthernet1"
EDGE = "ip access-list extended EDGE"


def plan(*lines: str, text: str = BEFORE, platform: str = "ios", host: str = "r1") -> HostPlan:
    planner = Planner(host, text, platform_for(platform))
    step = planner.plan("configure", lines, "netmiko")
    return HostPlan(host, platform, (step,), pre_hash=planner.pre_hash)


def kinds(a: HostPlan, b: HostPlan, text: str | None = BEFORE) -> set[str]:
    return {finding.kind.value for finding in conflicts(a, b, text)}


def found(findings: tuple[Finding, ...], kind: Kind) -> Finding:
    return next(each for each in findings if each.kind is kind)


class TestOverlaps:
    def test_two_values_for_one_setting_however_they_are_abbreviated(self) -> None:
        a = plan(GI1, " ip address 10.0.1.2 255.255.255.0")
        b = plan("int gi1", " ip addr 10.0.1.3 255.255.255.0")
        told = found(conflicts(a, b, BEFORE), Kind.OVERLAP)
        assert told.says == f"both change `ip address` of `{GI1}`"
        assert told.a == (f"{GI1} / ip address 10.0.1.2 255.255.255.0",)
        assert told.b == (f"{GI1} / ip address 10.0.1.3 255.255.255.0",)

    @pytest.mark.parametrize(
        ("a", "b"),
        [
            ((EDGE, " 15 permit tcp any any"), (EDGE, " 15 deny udp any any")),
            (("ip prefix-list PL seq 10 permit 10.1.0.0/16",), ("ip prefix-list PL seq 10 deny 10.2.0.0/16",)),
            (("route-map RM permit 10", " match tag 1"), ("route-map RM permit 10", " set metric 5")),
            (("route-map RM permit 10", " set metric 6"), ("route-map RM deny 10", " match tag 1")),
            ((GI1, " shutdown"), (GI1, " no description", " no shutdown")),
            (("no ntp server 192.0.2.1",), ("ntp server 192.0.2.1 prefer",)),
        ],
    )  # fmt: skip
    def test_one_entry_of_a_list_one_switch_one_line(self, a: tuple[str, ...], b: tuple[str, ...]) -> None:
        assert "overlap" in kinds(plan(*a), plan(*b))
        assert "overlap" in kinds(plan(*b), plan(*a))

    @pytest.mark.parametrize(
        ("gone", "inside"),
        [
            ("no ip access-list extended EDGE", ("ip access-list extended EDGE", " 15 permit udp any any")),
            ("no route-map RM", ("route-map RM permit 10", " set metric 5")),
            ("no router bgp 65001", ("router bgp 65001", " neighbor 10.0.1.2 description x")),
            ("default interface GigabitEthernet1", (GI1, " description x")),
        ],
    )
    def test_one_takes_a_section_away_in_which_the_other_changes_something(
        self, gone: str, inside: tuple[str, ...]
    ) -> None:
        told = found(conflicts(plan(gone), plan(*inside), BEFORE), Kind.OVERLAP)
        assert told.says.startswith("A takes `")
        assert found(conflicts(plan(*inside), plan(gone), BEFORE), Kind.OVERLAP).says.startswith("B takes `")

    def test_the_same_line_in_both_is_harmless_and_told(self) -> None:
        findings = conflicts(plan("ntp server 192.0.2.9"), plan("ntp server 192.0.2.9", "no cdp run"), BEFORE)
        assert found(findings, Kind.SAME).a == ("ntp server 192.0.2.9",)
        assert not any(finding.conflict for finding in findings)

    def test_different_secrets_in_one_masked_line_are_not_the_same(self) -> None:
        line = "username ada secret ********"

        def with_secret(digest: str) -> HostPlan:
            planned = plan(line)
            return replace(planned, steps=(replace(planned.steps[0], digests=(digest,)),))

        assert kinds(with_secret("a" * 64), with_secret("a" * 64)) == {"same", "stale"}
        findings = conflicts(with_secret("a" * 64), with_secret("b" * 64), BEFORE)
        assert found(findings, Kind.OVERLAP).a == (line,)


class TestOrder:
    def test_entries_that_the_device_numbers(self) -> None:
        a = plan("ip access-list extended EDGE", " permit tcp any any")
        b = plan("ip access-list extended EDGE", " permit udp any any")
        told = found(conflicts(a, b, BEFORE), Kind.ORDER)
        assert told.a[0] == "ip access-list extended EDGE / 20 permit tcp any any"
        assert told.b[0] == "ip access-list extended EDGE / 20 permit udp any any"
        assert "order" in kinds(a, b, None)

    def test_entries_of_a_list_without_numbers(self) -> None:
        a, b = plan("access-list 10 permit 10.1.0.0"), plan("access-list 10 deny 10.2.0.0")
        assert "same lines in another order" in found(conflicts(a, b, BEFORE), Kind.ORDER).says

    def test_a_neighbor_that_goes_and_is_described(self) -> None:
        a = plan("router bgp 65001", " no neighbor 10.0.1.2")
        b = plan("router bgp 65001", " neighbor 10.0.1.2 description x")
        assert {"overlap", "order"} <= kinds(a, b)

    def test_does_not_count_for_lines_that_have_nothing_to_do_with_each_other(self) -> None:
        a = plan("ntp server 192.0.2.9", GI1, " description two")
        b = plan("ntp server 192.0.2.8", "interface GigabitEthernet2", " no shutdown", GI1, " mtu 9000")
        assert kinds(a, b) == kinds(a, b, None) == {"stale"}


class TestRollback:
    def test_taking_back_a_section_takes_what_the_other_put_into_it(self) -> None:
        a = plan("interface Loopback5", " description mine")
        b = plan("interface Loopback5", " ip address 10.9.9.9 255.255.255.255")
        told = [each for each in conflicts(a, b, BEFORE) if each.kind is Kind.ROLLBACK]
        assert [each.says for each in told] == ["taking A back would undo B", "taking B back would undo A"]
        assert told[0].a == ("no interface Loopback5",)
        assert told[0].b == ("interface Loopback5 / ip address 10.9.9.9 255.255.255.255",)
        assert "rollback" in kinds(a, b, None)

    def test_what_the_other_removed_comes_back(self) -> None:
        a = plan("ntp server 192.0.2.1 prefer")
        b = replace(plan("no ntp server 192.0.2.1"), pre_hash=a.pre_hash)
        told = next(each for each in conflicts(b, a, BEFORE) if each.kind is Kind.ROLLBACK)
        assert told.says == "taking A back would undo B"

    def test_the_rehearsed_way_back_is_the_one_that_counts(self) -> None:
        a = plan("ntp server 192.0.2.9")
        b = plan("logging host 192.0.2.7")
        assert kinds(a, b) == {"stale"}
        wide = replace(a, rollback=Rehearsal(Method.PROVEN, ("no ntp server 192.0.2.9", "no logging host 192.0.2.7")))
        assert "rollback" in kinds(wide, b)


class TestStale:
    def test_every_device_of_both_plans_is_told(self) -> None:
        told = found(conflicts(plan("no cdp run"), plan("ntp server 192.0.2.9"), BEFORE), Kind.STALE)
        assert "whichever is applied second" in told.says
        assert not told.conflict

    def test_plans_of_different_times_are_told(self) -> None:
        later = plan("ntp server 192.0.2.9", text=f"{BEFORE}logging host 192.0.2.5\n")
        assert "one of them is stale already" in found(conflicts(plan("no cdp run"), later, BEFORE), Kind.STALE).says

    def test_a_plan_that_was_made_on_what_the_other_leaves_is_not_in_its_way(self) -> None:
        a = plan(GI1, " description two")
        then = left_by(a, BEFORE)
        assert then is not None
        b = plan(GI1, " description three", text=then)
        findings = conflicts(a, b, BEFORE, then)
        assert findings[0].says == "B is planned on what A leaves: A has to be applied first"
        assert [each.says for each in findings if each.conflict] == ["taking A back would undo B"]
        assert conflicts(b, a, then, BEFORE)[0].says == "A is planned on what B leaves: B has to be applied first"
        assert not any(each.conflict for each in conflicts(a, plan("no cdp run", text=then), BEFORE, then))

    def test_a_device_that_one_of_them_does_not_change_is_in_nobodys_way(self) -> None:
        assert conflicts(plan("ntp server 192.0.2.1"), plan("no ntp server 192.0.2.1"), BEFORE) == ()


class TestUnknown:
    @pytest.mark.parametrize(
        ("a", "why"),
        [
            (plan("interface range gi1 - 2", " shutdown"), "stands for several interfaces"),
            (plan("ntp server 192.0.2.9", "exec:clear ip bgp *"), "`clear ip bgp *` of A is no configuration line"),
            (HostPlan("r1", "ios", (PlannedStep("load", "r1", diff="+x"),)), "otherwise than by lines"),
            (plan("set ntp", text="x\n", platform="nobody_knows"), "nothing is known of the platform"),
        ],
    )
    def test_what_nobody_can_tell_is_a_conflict_with_a_reason(self, a: HostPlan, why: str) -> None:
        other = replace(plan("logging host 192.0.2.7"), platform=a.platform)
        told = found(conflicts(a, other, BEFORE), Kind.UNKNOWN)
        assert why in told.says
        assert told.conflict

    def test_lines_of_a_platform_without_grammar_are_compared_by_indentation(self) -> None:
        a = plan("port 1", "  speed 100", platform="nobody_knows", text="port 1\n")
        b = plan("port 1", "  no speed 100", platform="nobody_knows", text="port 1\n")
        assert found(conflicts(a, b, None), Kind.OVERLAP).a == ("port 1 / speed 100",)


def test_junos_statements_overlap_where_one_value_can_stand() -> None:
    text = "set system host-name a\nset interfaces ge-0/0/0 description x\n"
    a = plan("set system host-name b", text=text, platform="junos")
    b = plan("set system host-name c", text=text, platform="junos")
    assert {"overlap", "order", "rollback"} <= kinds(a, b, text)
    gone = plan("delete interfaces ge-0/0/0", text=text, platform="junos")
    told = plan("set interfaces ge-0/0/0 mtu 9000", text=text, platform="junos")
    assert "overlap" in kinds(gone, told, text)
    assert kinds(a, told, text) == {"stale"}


def test_a_thousand_devices_take_seconds() -> None:
    lines = [f"interface GigabitEthernet0/{port}\n description p{port}\n" for port in range(40)]
    comparison, meetings = Comparison(), 0
    plans = plan("ntp server 192.0.2.9"), plan("no cdp run")
    began = time.process_time()
    for number in range(1000):
        text = BEFORE.replace("hostname r1", f"hostname r{number}") + "".join(lines).replace("p1", f"p{number}")
        meetings += bool(comparison.of(*plans, text, text))
    assert meetings == 1000
    assert time.process_time() - began < 10


@settings(deadline=None)
@given(changes, changes)
def test_conflicts_are_the_same_from_both_sides(first: list[str], second: list[str]) -> None:
    a, b = plan(*first, text=START), plan(*second, text=START)
    here, there = conflicts(a, b, START), conflicts(b, a, START)
    assert {each.kind for each in here} == {each.kind for each in there}
    assert {(each.kind, frozenset(each.a), frozenset(each.b)) for each in here} == {
        (each.kind, frozenset(each.b), frozenset(each.a)) for each in there
    }


@settings(deadline=None)
@given(changes, changes)
def test_without_a_conflict_the_order_is_free_and_every_way_back_spares_the_other(
    first: list[str], second: list[str]
) -> None:
    a, b = plan(*first, text=START), plan(*second, text=START)
    assume(a.changes and b.changes)
    assume(not any(each.conflict for each in conflicts(a, b, START)))

    def after(*plans: tuple[str, ...]) -> str:
        text = START
        for lines in plans:
            text = predict(text, lines, IOS).text
        return text

    def paths(text: str) -> set[tuple[str, ...]]:
        return set(tree_of(text, IOS).paths())

    steps = [each.steps[0] for each in (a, b)]
    ab, ba = after(steps[0].lines, steps[1].lines), after(steps[1].lines, steps[0].lines)
    assert sorted(paths(ab)) == sorted(paths(ba))
    before, alone = paths(START), [paths(after(step.lines)) for step in steps]
    for mine, its in ((0, 1), (1, 0)):
        left = paths(predict(ab, steps[mine].rollback, IOS).text)
        own_added, own_removed = alone[its] - before, before - alone[its]
        assert (own_added - (alone[mine] - before)) & paths(ab) <= left
        assert not (own_removed - (before - alone[mine])) & (left - paths(ab))
