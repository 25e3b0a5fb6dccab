"""Comparing two states that a device showed: JSON-like values path by path, whatever the order of their lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from nornflow.model.state import ABSENT, Difference, Path

KEYS = (
    *("name", "interface", "intf", "port", "local_interface", "vlan_id", "vid", "vlan", "bgp_neighbor", "bgp_neigh"),
    *("neighbor", "neighbor_id", "neighbor_name", "peer", "address", "ip_address", "destination_address", "prefix"),
    *("network", "destination", "mac_address", "mac", "server", "hostname", "acl_name", "ap_name", "process_id"),
    *("port_id", "id", "group", "area", "vrf", "instance", "sequence", "seq", "prefix_length", "nexthop_ip"),
    *("nexthop", "next_hop"),
)
"""Fields that usually name an object of a list, the first ones first; two or three where fewer do not tell them apart."""
_NAMING = 8  # so many fields of the objects are tried together
_TOGETHER = 3


def compare(before: Any, after: Any, root: Path = (), keys: Sequence[str] = ()) -> tuple[Difference, ...]:
    """Return what differs between two JSON-like values, by path below `root`; nothing when they say the same.

    Objects of a list are told apart by a field that names them (`keys`, then KEYS), so their order does not count; where
    none does, by their place. Plain values of a list are compared as a set, texts of several lines as the list of their
    lines. What is new or gone as a whole is one difference. An empty mapping or list is as good as none.
    """
    return tuple(_differences(before, after, root, (*keys, *KEYS)))


def leaves(value: Any, path: Path = (), keys: Sequence[str] = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each plain value of a JSON-like one with its path."""
    if not isinstance(value, (Mapping, list, tuple)):
        yield path, value
        return
    for name, item in _children(value, _names(value, [], (*keys, *KEYS))).items():
        yield from leaves(item, (*path, name), keys)


def _differences(one: Any, other: Any, path: Path, keys: Sequence[str]) -> Iterator[Difference]:
    if isinstance(one, str) and isinstance(other, str) and ("\n" in one or "\n" in other):
        one, other = _lines(one), _lines(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        children = dict(_children(one, None)), dict(_children(other, None))
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        names = _names(one, other, keys)
        children = _children(one, names), _children(other, names)
    else:
        one, other = (ABSENT if _hollow(value) else value for value in (one, other))
        if not _same(one, other):
            yield Difference(path, one, other)
        return
    for name in dict.fromkeys((*children[0], *children[1])):
        yield from _differences(children[0].get(name, ABSENT), children[1].get(name, ABSENT), (*path, name), keys)


def _same(one: Any, other: Any) -> bool:
    return one is other or (one == other and isinstance(one, bool) is isinstance(other, bool))


def _hollow(value: Any) -> bool:
    """Tell whether a value is a mapping or list that holds no plain value, however deep."""
    if isinstance(value, Mapping):
        return all(map(_hollow, value.values()))
    return isinstance(value, (list, tuple)) and all(map(_hollow, value))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _children(value: Any, names: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the parts of a mapping or list by name; `names` are the fields that name objects, None where there are none."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if names:
        return {_name(item, names): item for item in value}
    if names is None or not all(map(_plain, value)):
        return {f"[{index}]": item for index, item in enumerate(value)}
    seen: Counter[str] = Counter()
    found = {}
    for item in value:
        text = _text(item)
        seen[text] += 1
        found[text if seen[text] == 1 else f"{text} #{seen[text]}"] = item
    return found


def _names(one: Any, other: Any, keys: Sequence[str]) -> tuple[str, ...] | None:
    """Return the fewest fields by which the objects of both lists are told apart, () for plain values, None if none do."""
    if isinstance(one, Mapping):
        return None
    items = [*one, *other]
    if all(map(_plain, items)):
        return ()
    if not all(isinstance(item, Mapping) for item in items):
        return None
    wanted = {key.casefold(): rank for rank, key in reversed(list(enumerate(keys)))}
    named = [key for key in items[0] if str(key).casefold() in wanted]
    named = [key for key in named if all(_plain(item.get(key)) and item.get(key) not in (None, "") for item in items)]
    named = sorted(named, key=lambda key: wanted[str(key).casefold()])[:_NAMING]
    for lead, first in enumerate(named):  # the field that names best, with as few others as it needs
        for count in range(_TOGETHER):
            for others in combinations(named[lead + 1 :], count):
                fields = (first, *others)
                if all(len({_name(item, fields) for item in side}) == len(side) for side in (one, other)):
                    return fields
    return None


def _name(item: Mapping[str, Any], fields: tuple[str, ...]) -> str:
    return " ".join(_text(item[field]) for field in fields)


def _plain(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else {True: "true", False: "false", None: "null"}.get(value, str(value))
