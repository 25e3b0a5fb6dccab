"""Access lists, judged as a device does: entry by entry for one TCP connection, the first that matches decides."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from nornflow.record import record

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"telnet": 23, "ssh": 22, "www": 80, "http": 80, "https": 443, "domain": 53, "smtp": 25, "ftp": 21, "bgp": 179}
_ENTRY = re.compile(r"(?:(?:seq(?:uence)? )?(\d+) )?(permit|deny) (.*)$")
_PROTOCOLS = re.compile(r"(ip|ipv4|ipv6|tcp|udp|icmp|icmpv6|igmp|gre|esp|ahp|ospf|pim|eigrp|sctp|nos|ipinip|pcp|\d+) ")
_IP = re.compile(r"[\d.]+$|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$")
_HARMLESS = frozenset(("log", "log-input", "stats", "count", "exact-match"))
_EPHEMERAL = range(1024, 65536)
"""Ports that a controller's connections come from."""


@record
class Packet:
    """The first packet of the controller's connection; None where nobody knows."""

    source: Address | None
    destination: Address | None
    port: int = 22


def permits(entries: Sequence[str], packet: Packet) -> bool | None:
    """Tell whether a list of entries in their order lets a connection begin; None when that cannot be told.

    Entries are canonical lines (`10 permit tcp host 192.0.2.1 any eq 22`); whatever is no entry is passed over. After the
    last one comes the `deny` that every list ends with. Numbered and unnumbered entries in one list have no known order.
    """
    found = [match for entry in entries if (match := _ENTRY.match(entry))]
    if len({match[1] is None for match in found}) > 1:
        actions = {match[2] == "permit" for match in found}
        return True if actions == {True} and _surely(found, packet) else None
    if found and found[0][1] is not None:
        found.sort(key=lambda match: int(match[1]))
    open_questions: set[bool] = set()
    for match in found:
        fits = _fits(match[3], packet, match[2] == "permit")
        if fits is None:
            open_questions.add(match[2] == "permit")
        elif fits:
            return _settled(match[2] == "permit", open_questions)
    return _settled(False, open_questions)


def _surely(found: Sequence[re.Match[str]], packet: Packet) -> bool:
    return any(_fits(match[3], packet, True) for match in found)


def _settled(verdict: bool, open_questions: set[bool]) -> bool | None:
    return verdict if open_questions <= {verdict} else None


def _fits(rest: str, packet: Packet, permit: bool) -> bool | None:
    """Tell whether an entry's condition holds for the packet."""
    words = rest.split()
    protocol = _PROTOCOLS.match(f"{rest} ")
    answers: list[bool | None] = []
    if protocol is None:  # a standard list: the source alone
        answers += [_address(words, packet.source)]
    else:
        if protocol[1] not in ("ip", "ipv4", "ipv6", "tcp", "6"):
            return False
        words.pop(0)
        answers += [_address(words, packet.source), _source_port(words)]
        answers += [_address(words, packet.destination), _port(words, packet.port)]
    answers += _options(words, permit)
    if False in answers:
        return False
    return None if None in answers else True


def _address(words: list[str], address: Address | None) -> bool | None:
    """Take an address condition off the words and tell whether it holds."""
    if not words:
        return None
    first = words.pop(0)
    if first in ("any", "any4", "any6"):
        return True
    if first == "host" and words:
        first = words.pop(0)
    elif not _IP.match(first.partition("/")[0]):
        if first in ("object-group", "addrgroup", "net-group") and words:
            words.pop(0)
        return None
    elif "/" not in first and words and re.match(r"[\d.]+\.[\d.]+$|[0-9A-Fa-f]*::[0-9A-Fa-f:]*$", words[0]):
        return _wildcard(first, words.pop(0), address)
    try:
        network = ipaddress.ip_network(first, strict=False)
    except ValueError:
        return None
    return None if address is None else address in network


def _wildcard(base: str, wildcard: str, address: Address | None) -> bool | None:
    try:
        wanted, ignored = ipaddress.ip_address(base), ipaddress.ip_address(wildcard)
    except ValueError:
        return None
    if int(ignored) == 2**ignored.max_prefixlen - 1:
        return True
    if address is None:
        return None
    return address.version == wanted.version and (int(address) | int(ignored)) == (int(wanted) | int(ignored))


def _ports(words: list[str]) -> tuple[str, list[int]] | None:
    """Take a port condition off the words; an empty operator when there is none, None when it is not understood."""
    if not words or words[0] not in ("eq", "neq", "gt", "lt", "range"):
        return "", []
    operator = words.pop(0)
    numbers: list[int] = []
    while words and (words[0].isdecimal() or words[0] in _PORTS):
        word = words.pop(0)
        numbers.append(int(word) if word.isdecimal() else _PORTS[word])
    wanted = 2 if operator == "range" else 1
    return (operator, numbers) if len(numbers) >= wanted else None


def _port(words: list[str], port: int) -> bool | None:
    condition = _ports(words)
    if condition is None:
        if words:
            words.pop(0)
        return None
    operator, numbers = condition
    low, high = (numbers[0], numbers[-1]) if numbers else (port, port)
    return {
        "": True,
        "eq": port in numbers,
        "neq": port not in numbers,
        "gt": port > low,
        "lt": port < low,
        "range": low <= port <= high,
    }[operator]


def _source_port(words: list[str]) -> bool | None:
    """Tell whether a condition on the source port holds for every port that a connection may come from, for none, or some."""
    taken = list(words)
    condition = _ports(taken)
    if condition is None:
        return _port(words, 0)
    held = {_port(list(words), port) for port in (_EPHEMERAL[0], _EPHEMERAL[-1], *_inner(condition[1]))}
    words[:] = taken
    return held.pop() if len(held) == 1 else None


def _inner(numbers: Sequence[int]) -> Iterator[int]:
    for number in numbers:
        yield from (near for near in (number - 1, number, number + 1) if near in _EPHEMERAL)


def _options(words: list[str], permit: bool) -> Iterator[bool | None]:
    while words:
        word = words.pop(0)
        if word in _HARMLESS:
            continue
        if word in ("established", "fragments"):
            # neither is the first packet of a connection; as a denial of what stands already they still may hit it
            yield False if permit or word == "fragments" else None
        elif word == "reflect" and words:
            words.clear()
        else:
            yield None
            words.clear()
