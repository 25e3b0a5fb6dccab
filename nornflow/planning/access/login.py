"""Who may log in: the lines that sessions come in by, the SSH service, and how a login is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nornflow.planning.access.filters import Packet, permits
from nornflow.planning.access.view import View, Vty

_TOLD_APART = re.compile(
    r"(?:no )?(?:exec-timeout|session-timeout|length|width|history|logging|login|(?:ipv6 )?access-class|exec|accounting"
    r"|stopbits|speed|transport)\b"
)
Answer = tuple[str, str, bool]
"""What a finding is about, why, and whether it is certain."""


def login_findings(
    before: View, now: View, packets: Sequence[Packet], service: str, user: str, vrf: str
) -> Iterator[Answer]:
    """Yield what keeps new sessions of this user out now and did not before."""
    yield from _services(before, now, packets, service)
    if service in ("ssh", "telnet"):
        yield from _vtys(before, now, packets, service, vrf)
    yield from _checks(before, now, user)


def _services(before: View, now: View, packets: Sequence[Packet], service: str) -> Iterator[Answer]:
    for line in sorted(now.services - before.services):
        if not line.startswith(("ip ssh version 2", "crypto key")):
            yield "service", f"what {line!r} does to the service that the controller uses cannot be told", False
    for line in sorted(before.services - now.services):
        if line != "ip ssh version 2":
            yield "service", f"{line!r} goes, and the controller's service may need it", False
    for name in sorted(before.sections.keys() | now.sections.keys()):
        if name.startswith("management "):
            yield from _management(name, before, now, packets, service)


def _management(name: str, before: View, now: View, packets: Sequence[Packet], service: str) -> Iterator[Answer]:
    """Look at a management service of EOS (`management ssh`, `management api http-commands`)."""
    if not name.startswith("management api" if service == "web" else f"management {service}"):
        return
    old, new = before.sections.get(name, ()), now.sections.get(name, ())
    if "shutdown" in new and "shutdown" not in old:
        yield "service", f"{name} is shut", True
    for line in old:
        if line.endswith("no shutdown") and line not in new:  # in one VRF of several, or as a whole
            yield "service", f"{name} is shut: {line!r} goes", line == "no shutdown"
    held = " ".join(old).split()
    lists = [found[1] for line in new if (found := re.search(r"ip access-group (\S+)(?: vrf \S+)? in$", line))]
    for filtering in lists:
        yield from _list(filtering, f"{name} takes in by {filtering}", before, now, packets, filtering in held)
    rest = sorted(line for line in set(old) ^ set(new) if not re.search(r"access-group|idle-timeout|shutdown$", line))
    if rest:
        yield "service", f"what {rest[0]!r} does to {name} cannot be told", False


def _vtys(before: View, now: View, packets: Sequence[Packet], service: str, vrf: str) -> Iterator[Answer]:
    """Compare each line that a session may come in by; a session takes the first that is free."""
    for number in sorted({n for vty in (*before.vtys, *now.vtys) for n in (vty.first, vty.last)}):
        old, new = _line(before, number), _line(now, number)
        if old is None:
            continue
        if new is None:
            yield "lines", f"line vty {number} is taken away", number == 0
            continue
        yield from _vty(number, old, new, before, now, packets, service, vrf)


def _line(view: View, number: int) -> Vty | None:
    return next((vty for vty in view.vtys if vty.first <= number <= vty.last), None)


def _vty(
    number: int, old: Vty, new: Vty, before: View, now: View, packets: Sequence[Packet], service: str, vrf: str
) -> Iterator[Answer]:
    where = f"line vty {number}"
    taken_before, taken = old.value("transport input").split(), new.value("transport input").split()
    ours = {service, "all"}
    if taken != taken_before and not ours & set(taken) and (taken or ours & set(taken_before)):
        yield "lines", f"{where} takes {service} no more: transport input {' '.join(taken) or 'goes'}", bool(taken)
    if "no exec" in new.lines and "no exec" not in old.lines:
        yield "lines", f"{where} starts no sessions (no exec)", True
    if _way_of_login(old) != _way_of_login(new):
        yield "lines", f"{where} checks logins otherwise: {_way_of_login(new) or 'no login'}", False
    for words in ("access-class", "ipv6 access-class"):
        yield from _classes(where, words, old, new, before, now, packets, vrf)
    rest = sorted(line for line in set(old.lines) ^ set(new.lines) if not _TOLD_APART.match(line))
    if rest:
        yield "lines", f"what {rest[0]!r} does to {where} cannot be told", False


def _classes(
    where: str, words: str, old: Vty, new: Vty, before: View, now: View, packets: Sequence[Packet], vrf: str
) -> Iterator[Answer]:
    for line in new.lines:
        if not line.startswith(f"{words} ") or " out" in line:
            continue
        asked = [each for each in packets if each.source is None or (each.source.version == 6) == ("ipv6" in words)]
        name = line.removeprefix(f"{words} ").split(" ")[0]
        if vrf and "vrf-also" not in line and line not in old.lines:
            yield "lines", f"{where} lets nobody in from the VRF {vrf}: {line!r} lacks vrf-also", False
        known = any(held.startswith(f"{words} {name} ") for held in old.lines)
        yield from _list(name, f"{where} takes in by {name}", before, now, asked, known)


def _way_of_login(vty: Vty) -> str:
    return next((line for line in vty.lines if re.match(r"(?:no )?login\b", line)), "")


def _list(name: str, where: str, before: View, now: View, packets: Sequence[Packet], known: bool) -> Iterator[Answer]:
    entries, earlier = now.lists.get(name), before.lists.get(name) if known else None
    if known and before.list_text(name) == now.list_text(name):
        return
    for packet in packets:
        if not entries:
            yield "lines", f"{where}, a list that is not there or has no entries", False
            continue
        verdict = permits(entries, packet)
        source = packet.source or "the controller"
        if verdict is False and not (earlier and permits(earlier, packet) is False):
            yield "lines", f"{where}, which lets {source} in no more", True
        elif verdict is not True:
            yield "lines", f"{where}, and whether that lets {source} in cannot be told", False


def _checks(before: View, now: View, user: str) -> Iterator[Answer]:
    """Look at logins and at the servers that check them."""
    old, new = before.users.get(user, ""), now.users.get(user, "")
    if old and not new:
        local = not any("group " in line for line in before.login if line.startswith("aaa authentication login"))
        yield "login", f"the login {user}, which the controller uses, is taken away", local
    elif old != new:
        yield "login", f"the login {user}, which the controller uses, is changed", False
    lost = before.login - now.login
    gained = {line for line in now.login - before.login if line.startswith(("aaa ", "login ", "no aaa", "enable "))}
    others = sorted(line for line in lost | gained if not line.startswith(("username ", "no ")))
    if others:
        yield "login", f"logins are checked otherwise by {others[0]!r}", False
    for name in sorted(before.sections.keys() | now.sections.keys()):
        if re.match(r"(?:tacacs|radius) server|aaa group|role|(?:system )?control-plane|vlan access-map|zone", name):
            old_lines, new_lines = before.sections.get(name), now.sections.get(name)
            if old_lines is not None and old_lines != new_lines:
                yield "login", f"{name} is changed, and the way in may need it", False
            elif old_lines is None and "control-plane" in name and new_lines:
                yield "login", f"{name} filters what comes to the device itself", False
