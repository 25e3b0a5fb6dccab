from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nornflow.planning.diff import added_removed, changes_in, group_by_diff, unified
from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for

IOS = platform_for("ios")

BEFORE = """\
Current configuration : 100 bytes
hostname r1
interface GigabitEthernet1
 description one
 mtu 1500
 ip ospf cost 1
 ip ospf priority 1
 no shutdown
interface GigabitEthernet2
 description two
ntp server 192.0.2.1
"""


def test_a_change_shows_the_section_that_it_is_in() -> None:
    after = BEFORE.replace("priority 1", "priority 9").replace("100 bytes", "101 bytes")

    assert unified(BEFORE, after, IOS, context=1) == (
        "--- before\n"
        "+++ after\n"
        "@@ -5,3 +5,3 @@ interface GigabitEthernet1\n"
        "  ip ospf cost 1\n"
        "- ip ospf priority 1\n"
        "+ ip ospf priority 9\n"
        "  no shutdown\n"
    )


def test_all_sections_around_a_line_are_named() -> None:
    before = "router bgp 1\n bgp log-neighbor-changes\n address-family ipv4\n  network 10.0.0.0\n  network 10.1.0.0\n"
    after = before.replace("10.1.0.0", "10.2.0.0")

    assert "@@ -5 +5 @@ router bgp 1 / address-family ipv4\n" in unified(before, after, IOS, context=0)


def test_a_line_that_two_sections_share_is_not_taken_for_moved() -> None:
    before = "interface A1\n shutdown\ninterface A2\n mtu 1\n"
    after = "interface A1\ninterface A2\n shutdown\n mtu 1\n"

    assert added_removed(unified(before, after, IOS)) == (1, 1)


def test_what_changes_by_itself_makes_no_diff() -> None:
    assert unified(BEFORE, BEFORE.replace("100 bytes", "999 bytes") + "end\n", IOS) == ""


def test_added_and_removed_lines_are_counted_even_when_they_look_like_a_frame() -> None:
    before, after = "a 1\n-- old rule\n", "a 1\n++ new rule\n@@ odd\n"

    assert added_removed(unified(before, after, IOS)) == (2, 1)
    assert added_removed("") == (0, 0)


def test_devices_with_the_same_change_stand_together_in_the_order_of_the_first() -> None:
    longer = BEFORE.replace("hostname r1", "hostname r1\nservice pad\nip cef")
    one = unified(BEFORE, BEFORE.replace("two", "2"), IOS)
    same = unified(longer, longer.replace("two", "2"), IOS)
    other = unified(BEFORE, BEFORE.replace("one", "1"), IOS)

    assert one != same
    assert group_by_diff([("r1", one), ("r2", other), ("r3", same), ("r4", "")]) == [
        (one, ("r1", "r3")),
        (other, ("r2",)),
        ("", ("r4",)),
    ]


sections = st.lists(
    st.tuples(
        st.sampled_from(["interface A1", "interface A2", "router x", "line 1"]),
        st.lists(st.sampled_from([" mtu 1", " mtu 2", " shutdown", " description z"]), max_size=4),
    ),
    max_size=6,
)


def _text(value: list[tuple[str, list[str]]]) -> str:
    return "".join(f"{line}\n" for section, inner in value for line in (section, *inner))


@given(sections, sections, st.integers(0, 3))
def test_a_diff_says_all_that_differs_and_nothing_else(
    one: list[tuple[str, list[str]]], two: list[tuple[str, list[str]]], context: int
) -> None:
    before, after = _text(one), _text(two)
    diff = unified(before, after, IOS, context)

    assert (diff == "") == (normalise(before, IOS) == normalise(after, IOS))
    assert _patched(normalise(before, IOS).splitlines(), diff) == normalise(after, IOS).splitlines()


def _patched(lines: list[str], diff: str) -> list[str]:
    """Apply a unified diff the way `patch` does: by the numbers in the hunks' headers."""
    result: list[str] = []
    position = 0
    for line in diff.splitlines()[2:]:
        if line.startswith("@@ "):
            start, _, length = line.split()[1][1:].partition(",")
            index = int(start) - (0 if length == "0" else 1)
            result += lines[position:index]
            position = index
        elif line[0] == "+":
            result.append(line[1:])
        else:
            assert lines[position] == line[1:]
            result += [line[1:]] if line[0] == " " else []
            position += 1
    return result + lines[position:]


def test_the_same_change_in_another_neighbourhood_is_one_group() -> None:
    def diff(address: str, interface: str = "Vlan10") -> str:
        return f"@@ -7,4 +7,4 @@ interface {interface}\n  ip address {address}\n- description old\n+ description new\n"

    diffs = {"r1": diff("10.0.0.1"), "r2": diff("10.0.0.2"), "r3": diff("10.0.0.3", "Vlan20")}
    assert group_by_diff(diffs) == [(diffs["r1"], ("r1", "r2")), (diffs["r3"], ("r3",))]
    assert changes_in(diffs["r1"]) == ("-description old / interface Vlan10", "+description new / interface Vlan10")
