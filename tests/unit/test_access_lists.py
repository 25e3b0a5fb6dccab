"""Access lists are judged as a device judges them: by example, and against a judge that looks at every bit."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.planning.access.filters import Packet, permits

THERE = ipaddress.ip_address("192.0.2.2")
FROM = Packet(ipaddress.ip_address("198.51.100.9"), THERE, 22)
SIX = Packet(ipaddress.ip_address("2001:db8::9"), ipaddress.ip_address("2001:db8:1::2"), 22)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], False),
        (["permit any"], True),
        (["10 permit 198.51.100.9"], True),
        (["10 permit host 198.51.100.9"], True),
        (["10 permit 198.51.100.0 0.0.0.255"], True),
        (["10 permit 198.51.100.0/24"], True),
        (["10 permit 198.51.100.8 0.0.0.0"], False),
        (["10 deny 198.51.100.0 0.0.0.255", "20 permit any"], False),
        (["20 permit any", "10 deny any"], False),
        (["10 permit tcp any any eq 22"], True),
        (["10 permit tcp any any eq www 22 443"], True),
        (["10 permit tcp any any eq www"], False),
        (["10 permit tcp any any range 20 23"], True),
        (["10 permit tcp any gt 1023 any lt 1024"], True),
        (["10 permit tcp any eq 22 any"], False),
        (["10 permit tcp any range 40000 50000 any"], None),
        (["10 permit udp any any", "20 permit icmp any any"], False),
        (["10 permit ip host 198.51.100.9 host 192.0.2.2"], True),
        (["10 permit ip host 198.51.100.9 host 192.0.2.3"], False),
        (["10 permit tcp any any established"], False),
        (["10 permit tcp any any established", "20 permit tcp any host 192.0.2.2 eq 22 log"], True),
        (["10 permit tcp any any eq 22 time-range DAY"], None),
        (["10 permit object-group SSH any any", "20 permit ip any any"], True),
        (["10 deny ip object-group BAD any", "20 permit ip any any"], None),
        (["remark open", "permit ip any any"], True),
        (["permit udp any any", "10 permit tcp any any"], True),
        (["deny tcp any any", "10 permit tcp any any"], None),
        (["seq 10 permit 198.51.100.0/24"], True),
    ],
)
def test_entry_by_entry_the_first_that_fits_decides(entries: list[str], expected: bool | None) -> None:
    assert permits(entries, FROM) is expected


def test_ipv6() -> None:
    assert permits(["10 permit tcp 2001:db8::/32 any eq 22"], SIX) is True
    assert permits(["sequence 10 permit ipv6 host 2001:db8::8 any"], SIX) is False
    assert permits(["10 permit ip 198.51.100.0 0.0.0.255 any"], SIX) is False


def test_without_the_controllers_address_only_what_holds_for_all_is_certain() -> None:
    unknown = Packet(None, None, 22)
    assert permits(["10 permit any"], unknown) is True
    assert permits(["10 permit 198.51.100.9"], unknown) is None
    assert permits(["10 deny any"], unknown) is False
    assert permits(["10 permit udp any any"], unknown) is False


octets = st.tuples(*[st.sampled_from([0, 1, 9, 100, 255])] * 4)


@given(st.lists(st.tuples(st.booleans(), octets, octets), max_size=6), octets)
def test_wildcards_are_compared_bit_by_bit(
    rules: list[tuple[bool, tuple[int, ...], tuple[int, ...]]], source: tuple[int, ...]
) -> None:
    def dotted(parts: tuple[int, ...]) -> str:
        return ".".join(map(str, parts))

    entries = [f"{'permit' if yes else 'deny'} {dotted(base)} {dotted(wild)}" for yes, base, wild in rules]
    wanted = False
    for yes, base, wild in rules:
        if all((mine | free) == (its | free) for mine, its, free in zip(source, base, wild, strict=True)):
            wanted = yes
            break
    assert permits(entries, Packet(ipaddress.ip_address(dotted(source)), THERE)) is wanted
