"""What a configuration says of the ways into its device: interfaces, routes, filters, login lines and services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from nornflow.planning.access.interfaces import Interface, interface, numbers
from nornflow.planning.access.routes import Route, static_route
from nornflow.platforms.platform import Platform
from nornflow.platforms.tree import SEPARATOR, Node
from nornflow.record import record

_ROUTE = re.compile(r"ip(?:v6)? route (.+)")
_LIST = re.compile(r"(?:ip |ipv6 |mac )?access-list (?:standard |extended )?(\S+)(?: (.+))?$")
_NO_LISTS = frozenset(("resequence", "log-update", "logging", "helper"))
_VTY = re.compile(r"line (?:vty ?)?(\d+)?(?: (\d+))?$")
_LOGIN = re.compile(
    r"(?:no )?(?:aaa (?!accounting)|tacacs|radius|enable (?:secret|password)|username |ip (?:tacacs|radius) |login )"
)
_SSH = re.compile(r"(?:no )?(?:ip ssh|feature (?:ssh|nxapi)|no feature|crypto key|netconf|restconf|ip http|nxapi)\b")
_SSH_ASIDE = re.compile(
    r"(?:no )?ip ssh (?:time-out|authentication-retries|source-interface|logging|client|maxstartups)\b"
)
_SECTIONS = re.compile(
    r"(?:tacacs server|radius server|aaa group|role|object-group|(?:system )?control-plane|management|vlan access-map"
    r"|zone security|zone-pair) ?"
)
_ELSEWHERE = re.compile(
    r"(?:no )?(?:arp |ip (?:arp|local policy|receive|nat|policy|protocol|import-table|dhcp snooping|source binding|verify"
    r"|device tracking|default-network|nht)\b|ipv6 (?:local policy|protocol|nht)|vlan filter|shutdown vlan|vtp |macro "
    r"|zone|firewall|mac (?:access-list|address-table static)|feature |ip routing|zebra |table-map|privilege |platform "
    r"|switch )"
)
"""Global lines that may stop or turn packets on their way, each in a manner of its own."""


@record
class Vty:
    """A range of the lines that sessions come in by, with what stands in its section."""

    first: int
    last: int
    lines: tuple[str, ...]

    def value(self, words: str) -> str:
        """Return what stands behind these words, or an empty string."""
        return next((line.removeprefix(words).strip() for line in self.lines if line.startswith(f"{words} ")), "")


@dataclass(slots=True)
class View:
    """One configuration as the way in sees it.

    `sections` are further ones by their first line; `login`, `services` and `others` are global lines that have to do with
    who may log in, with what listens, and with packets in any other manner.
    """

    interfaces: dict[str, Interface] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)
    vtys: list[Vty] = field(default_factory=list)
    login: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    sections: dict[str, tuple[str, ...]] = field(default_factory=dict)
    routing: dict[str, frozenset[tuple[str, ...]]] = field(default_factory=dict)
    vlans_off: set[int] = field(default_factory=set)
    vlans: set[int] = field(default_factory=set)
    ip_routing: bool = True

    def named(self, name: str) -> Interface | None:
        """Return the interface of this name, whatever the case of its letters."""
        wanted = name.lower()
        return next((port for key, port in self.interfaces.items() if key.lower() == wanted), None)

    def list_text(self, name: str) -> tuple[str, ...] | None:
        """Return a list's entries with the object groups that they use; None when there is no such list."""
        entries = self.lists.get(name)
        if entries is None:
            return None
        words = {word for entry in entries for word in entry.split()}
        groups = [key for key in sorted(self.sections) if key.startswith("object-group") and key.split()[-1] in words]
        return (*entries, *(line for key in groups for line in (key, *self.sections[key])))

    @property
    def users(self) -> Mapping[str, str]:
        """Return the local logins with their lines."""
        return {line.split(" ")[1]: line for line in sorted(self.login) if line.startswith("username ")}


def view_of(root: Node, platform: Platform) -> View:
    """Read the tree of a configuration whose lines are indented; what has nothing to do with the way in is passed over."""
    view = View()
    routes: list[tuple[str, str]] = []
    for node in root.children:
        line = node.line
        word = line.partition(" ")[0]
        if word == "interface":
            _interface(view, node, platform)
        elif word in ("ip", "ipv6", "access-list"):
            _ip(view, node, routes)
        elif word == "line" and platform.login_lines:
            _vty(view, node)
        elif word == "vlan":
            _vlan(view, node)
        elif word == "router":
            view.routing[line] = frozenset(node.paths())
        elif word == "vrf":
            name = line.split(" ")[-1]
            routes += [(found[1], name) for child in node.children if (found := _ROUTE.match(child.line))]
        if line == "no ip routing":
            view.ip_routing = False
        if _LOGIN.match(line):
            view.login.add(line)
        if _SSH.match(line) and not _SSH_ASIDE.match(line):
            view.services.add(line)
        elif _ELSEWHERE.match(line):
            view.others.add(line)
        if _SECTIONS.match(line):
            view.sections[line] = tuple(" / ".join(path) for path in node.paths())
    names = {name.lower(): name for name in view.interfaces}
    view.routes += [route for words, vrf in routes if (route := static_route(words.split(), vrf, names)) is not None]
    return view


def reread(view: View, root: Node, place: str, platform: Platform) -> View | None:
    """Return the view after one line at this place, None when it is as before.

    Of an interface's line that interface alone is read again: nearly all lines of large changes are such ones.
    """
    opener = place.partition(SEPARATOR)[0]
    if not opener.startswith("interface "):
        return view_of(root, platform)
    for node in root.children:
        if node.line == opener:
            known = view.interfaces.get(opener.split(" ")[1])
            _interface(view, node, platform)
            return None if known == view.interfaces[opener.split(" ")[1]] else view
    return view_of(root, platform)


def _interface(view: View, node: Node, platform: Platform) -> None:
    if " " in node.line:
        port = interface(node.line, tuple(child.line for child in node.children), platform)
        view.interfaces[port.name] = port


def _ip(view: View, node: Node, routes: list[tuple[str, str]]) -> None:
    line = node.line
    if line.startswith(("ip route ", "ipv6 route ")):
        routes.append((line.partition(" route ")[2], ""))
    elif line.startswith("ip default-gateway "):
        routes.append((f"0.0.0.0/0 {line.split(' ')[-1]} 254", ""))
    elif (found := _LIST.match(line)) and found[1] not in _NO_LISTS:
        entries = view.lists.setdefault(found[1], [])
        entries += [found[2]] if found[2] else []
        entries += [child.line for child in node.children]


def _vty(view: View, node: Node) -> None:
    found = _VTY.match(node.line)
    if found is not None and "vty" in node.line:
        first = int(found[1] or 0)
        view.vtys.append(Vty(first, int(found[2] or found[1] or 0), tuple(child.line for child in node.children)))


def _vlan(view: View, node: Node) -> None:
    vlans = numbers(node.line.removeprefix("vlan "))
    view.vlans |= vlans
    if any(child.line in ("shutdown", "state suspend") for child in node.children):
        view.vlans_off |= vlans
