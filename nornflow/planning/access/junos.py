"""The way into a device whose configuration is a list of `set` lines (Junos): what the controller needs is still there."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from nornflow.planning.access.filters import Address
from nornflow.planning.access.findings import Finding, Path, Reach

_ADDRESS = re.compile(r"set interfaces (\S+) unit (\d+) family inet6? address ([\d.:A-Fa-f]+/\d+)")
_ROUTE = re.compile(r"set (?:routing-instances (\S+) )?routing-options (?:rib \S+ )?static route (\S+) (.+)")
_LOOPBACK_FILTER = re.compile(r"set interfaces (\S+) unit (\d+) family inet6? filter input(?:-list)? (\S+)")


def set_findings(before: Sequence[str], now: Sequence[str], path: Path) -> Iterator[Finding]:
    """Yield what stands between the controller and the device in a `set` listing and did not before."""
    old, new = _active(before), _active(now)
    holder = _holder(old, path.addresses)
    if holder is None:
        lost = [line for line in old if _ADDRESS.match(line) and line not in new]
        lost += [
            line for line in new if re.match(r"set interfaces \S+ (?:unit \d+ )?disable$", line) and line not in old
        ]
        if lost:
            why = "by which interface the device is reached does not show in its configuration"
            yield Finding("address", f"{lost[0]!r} changes; {why}", certain=False)
    else:
        yield from _of_holder(holder, old, new, path)
    yield from _routes(holder, old, new, path)
    yield from _filters(old, new)
    service = "netconf" if path.service == "netconf" else "ssh"
    words = f"set system services {service}"
    if any(line.startswith(words) for line in old) and not any(line.startswith(words) for line in new):
        yield Finding("service", f"`system services {service}` is gone, which the controller uses", reach=Reach.LOGIN)
    login = f"set system login user {path.user} "
    if path.user and any(line.startswith(login) for line in old) and not any(line.startswith(login) for line in new):
        yield Finding("login", f"the login {path.user}, which the controller uses, is taken away", reach=Reach.LOGIN)
    others = _changed(
        old, new, r"set system (?:login|root-authentication|authentication-order|radius-server|tacplus-server)"
    )
    others = [line for line in others if not line.startswith("set system login user ") or line.startswith(login)]
    if others:
        yield Finding("checks", f"{others[0]!r} changes how logins are checked", certain=False, reach=Reach.LOGIN)
    groups = _changed(old, new, r"set (?:apply-groups|groups|interfaces apply-groups|system apply-groups)\b")
    if groups:
        yield Finding("groups", f"what {groups[0]!r} brings or takes away cannot be told", certain=False)


def _active(lines: Sequence[str]) -> list[str]:
    """Return the `set` lines that are in force: nothing below a `deactivate` is."""
    off = [line.partition(" ")[2] for line in lines if line.startswith("deactivate ")]
    return [
        line
        for line in lines
        if line.startswith("set ") and not any(f"{line[4:]} ".startswith(f"{words} ") for words in off)
    ]


def _changed(old: Sequence[str], new: Sequence[str], pattern: str) -> list[str]:
    fits = re.compile(pattern)
    return sorted(line for line in set(old) ^ set(new) if fits.match(line))


def _holder(lines: Sequence[str], addresses: Sequence[Address]) -> tuple[str, str] | None:
    for line in lines:
        found = _ADDRESS.match(line)
        if found is not None and ipaddress.ip_interface(found[3]).ip in addresses:
            return found[1], found[2]
    return None


def _of_holder(holder: tuple[str, str], old: Sequence[str], new: Sequence[str], path: Path) -> Iterator[Finding]:
    name, unit = holder
    now = _holder(new, path.addresses)
    if now is None:
        yield Finding("address", f"{name}.{unit} holds the address no more, by which the device is reached")
    elif now != holder:
        yield Finding(
            "address", f"the address by which the device is reached moves to {now[0]}.{now[1]}", certain=False
        )
    disabled = {f"set interfaces {name} disable", f"set interfaces {name} unit {unit} disable"}
    if (disabled & set(new)) - set(old):
        yield Finding("address", f"{name} is disabled: the device is reached by it")
    instance = _changed(old, new, rf"set routing-instances \S+ interface {re.escape(name)}\.{unit}$")
    if instance:
        yield Finding("address", f"{name}.{unit}, by which the device is reached, moves between routing instances")
    others = _changed(old, new, rf"set interfaces {re.escape(name)} (?!.*\b(?:description|address|filter|disable)\b)")
    if others:
        yield Finding("section", f"what {others[0]!r} does to {name} cannot be told, and the way in leads by it", False)


def _routes(holder: tuple[str, str] | None, old: Sequence[str], new: Sequence[str], path: Path) -> Iterator[Finding]:
    for source in path.sources or (None,):
        if source is not None and holder is not None and _on_link(old, source) and _on_link(new, source):
            continue
        before, now = _best(old, source), _best(new, source)
        if before == now:
            continue
        told = f"the way back to the controller {source or ''}".rstrip()
        if before and not now:
            yield Finding("route", f"{told} is gone: {before[0]!r}", certain=source is not None and holder is not None)
        elif any(re.search(r"\b(?:discard|reject)\b", line) for line in now):
            yield Finding("route", f"{told} leads into nothing", certain=source is not None)
        else:
            yield Finding("route", f"{told} is another one: {(now or before)[0]!r}", certain=False)


def _on_link(lines: Sequence[str], source: Address) -> bool:
    found = (match for line in lines if (match := _ADDRESS.match(line)))
    return any(source in ipaddress.ip_interface(match[3]).network for match in found)


def _best(lines: Sequence[str], source: Address | None) -> list[str]:
    """Return the static routes that lead to an address, by the longest prefix; of an unknown one all default routes."""
    found: list[tuple[int, str]] = []
    for line in lines:
        match = _ROUTE.match(line)
        if match is None:
            continue
        try:
            prefix = ipaddress.ip_network(match[2], strict=False)
        except ValueError:
            continue
        if (source is None and prefix.prefixlen == 0) or (source is not None and source in prefix):
            found.append((prefix.prefixlen, line))
    longest = max((length for length, _ in found), default=0)
    return sorted(line for length, line in found if length == longest)


def _filters(old: Sequence[str], new: Sequence[str]) -> Iterator[Finding]:
    """Filters of what comes in are not judged term by term: any that is bound and changes, or is bound anew, is told."""
    bound = {match[3] for line in (*old, *new) if (match := _LOOPBACK_FILTER.match(line))}
    changed = _changed(old, new, r"set interfaces \S+ unit \d+ family inet6? filter input")
    changed += [
        line
        for line in _changed(old, new, r"set firewall (?:family \S+ )?filter ")
        if line.split(" filter ", 1)[1].split(" ")[0] in bound
    ]
    changed += _changed(old, new, r"set policy-options prefix-list ") if bound else []
    if changed:
        yield Finding(
            "filter", f"{changed[0]!r} changes what is let in, and whether the controller is cannot be told", False
        )
