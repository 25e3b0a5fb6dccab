"""Whether a change would lock the controller out of a device: played line by line on its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nornflow.model.device import Way
from nornflow.model.plan import EXEC, SAVES, Risk
from nornflow.planning.access.compare import Baseline, findings
from nornflow.planning.access.findings import Finding, Path, Reach
from nornflow.planning.access.junos import set_findings
from nornflow.planning.access.typed import Typed, typed_lines, with_named_lists
from nornflow.planning.access.view import View, reread, view_of
from nornflow.planning.normalise import tree_of
from nornflow.planning.replay import Replay, Unpredictable
from nornflow.planning.setlines import play_set_lines
from nornflow.platforms.arguments import canonical_interface
from nornflow.platforms.exec import Kind, classify
from nornflow.platforms.platform import Banner, Platform, Style
from nornflow.platforms.tree import Node, SectionTracker, logical_lines, render

_FAR = re.compile(
    r"(?:(?:no|default) )?(?:ntp|logging|snmp-server|banner|clock|hostname|service|spanning-tree|class-map|policy-map|sflow"
    r"|ip (?:prefix-list|community-list|as-path|name-server|domain|dhcp|host|nbar|sla|multicast-routing|pim|igmp|ftp|tftp)"
    r"|route-map|bgp (?:community|large|ext|as-path)|lldp|cdp|debug|log|description|end|exit|quit|archive|alias|vtp|dns"
    r"|errdisable|key chain|track|event|kron|monitor|qos|flow|license|queue-monitor|tunnel|mac address-table)\b"
)
"""Lines, with their sections, that have nothing to do with the way in."""
_SERVICE_OFF = re.compile(r"no (?:ip ssh(?: server)?|feature (?:ssh|sshServer))$|crypto key zeroize\b")
"""Lines that switch SSH off whatever the configuration lists: keys and the service itself may not show in it."""
_HARMLESS = (Kind.READ, Kind.SESSION, Kind.SAVE)
_REPLACES = f"{EXEC}replace configuration"
_EXEC_RISK = re.compile(rf"{EXEC}(?:configure|copy |rollback|install|reload|request|roll back)")


class Lockout:
    """Watches the steps of one device in their order for lines that would cut the way into it.

    `pre` is the running configuration in which the controller gets in; every step is held against that.
    """

    def __init__(self, pre: str, platform: Platform, way: Way) -> None:
        self._pre = pre
        self._platform = platform
        self._way = way
        self._path = Path.of(way)
        self._replay: Replay | None = None
        self._text = ""
        self._view = View()
        self._standing: dict[str, Finding] = {}

    def step(self, step: str, lines: Sequence[str], *, at_once: bool = False) -> tuple[Risk, ...]:
        """Return the lines of a step that cut the way in, or may; the next step is looked at on top of it.

        With `at_once` the device puts all lines in force in one move (a candidate): only the end counts. Line by line a way
        that is cut between two lines is cut: the second may not arrive.
        """
        config = [line for line in lines if not line.startswith(EXEC)]
        risks = [
            Risk(step, line, f"what {line.removeprefix(EXEC)!r} leaves of the way in cannot be told", certain=False)
            for line in lines
            if _EXEC_RISK.match(line) and not line.startswith(SAVES) and line != _REPLACES
        ]
        if self._platform.style is Style.SET:
            return (*risks, *self._set_lines(step, config))
        if not self._platform.known:
            why = f"nothing is known of the platform {self._platform.name}: whether this cuts the way in cannot be told"
            return (*risks, Risk(step, config[0].strip(), why, certain=False)) if config else tuple(risks)
        if _REPLACES in lines:
            return (*risks, *self._replaced(step, config))
        risks += self._swallowed(step, config, at_once=at_once)
        if self._replay is None and all(_FAR.match(path) for path in self._paths(config)):
            return tuple(risks)
        return (*risks, *self._typed(step, config, at_once=at_once))

    def _swallowed(self, step: str, lines: Sequence[str], *, at_once: bool) -> Iterator[Risk]:
        """Look at the lines of texts of several lines as if they were configuration.

        Where a text ends depends on its delimiter, and a device that is typed `^C` takes the `^` alone: then what looks
        like a banner is configuration.
        """
        parts = [part for line in lines for part in line.split("\n")]
        texts = [text for text in logical_lines(parts, self._platform) if "\n" in text]
        inside = [line for text in texts for line in text.split("\n")[1:]]
        if not inside or self._platform.banner is not Banner.DELIMITED:
            return
        alone = Lockout(self._pre, self._platform, self._way)
        for risk in alone.step(step, inside, at_once=at_once):
            why = f"it stands in a banner, and would count if the device took the banner to end before it: {risk.why}"
            yield replace(risk, why=why, certain=False)

    def _paths(self, lines: Sequence[str]) -> Iterator[str]:
        tracker = SectionTracker(self._platform)
        for line in lines:
            path = tracker.feed(line)
            if path:
                yield path

    def _begin(self) -> tuple[Baseline, Replay]:
        if self._replay is None:
            root = with_named_lists(tree_of(self._pre, self._platform), self._platform)
            named = canonical_interface(self._path.interface, self._platform.interfaces)
            path = replace(self._path, interface=named)
            self._base = Baseline.of(view_of(root, self._platform), path)
            self._replay = Replay(root.copy(), self._platform)
            self._view = view_of(self._replay.root, self._platform)
        return self._base, self._replay

    def _typed(self, step: str, lines: Sequence[str], *, at_once: bool) -> Iterator[Risk]:
        base, replay = self._begin()
        began = dict(self._standing)
        blame: dict[str, str] = {}
        cut: dict[str, Risk] = {}
        tracker = SectionTracker(self._platform)
        for typed in typed_lines(lines, self._platform):
            place = tracker.feed(typed.line)
            if not place:
                continue
            command = self._platform.exec.behind_do(typed.line)
            if command is not None and classify(command, self._platform.exec).kind not in _HARMLESS:
                yield Risk(step, place, "what a command leaves of the way in cannot be told", certain=False)
            if not _played(replay, typed):
                why = "what it stands for cannot be told, so neither can what it leaves of the way in"
                yield Risk(step, typed.planned.strip(), why, certain=False)
                continue
            if _FAR.match(place):
                continue
            if self._path.service == "ssh" and _SERVICE_OFF.search(place):
                yield Risk(step, place, "it switches SSH off, by which the controller comes in")
            view = reread(self._view, replay.root, place, self._platform)
            if view is None:
                continue
            self._view = view
            now = {found.aspect: found for found in _strictest(findings(base, self._view))}
            for aspect, found in now.items():
                if self._standing.get(aspect) != found:
                    blame[aspect] = place
                    if found.certain and found.reach is Reach.PATH and not at_once and began.get(aspect) != found:
                        cut.setdefault(aspect, Risk(step, place, found.why))
            self._standing = now
        yield from cut.values()
        for aspect, found in self._standing.items():
            if aspect not in cut and began.get(aspect) != found:
                yield Risk(step, blame.get(aspect, ""), found.why, found.certain)

    def _replaced(self, step: str, lines: Sequence[str]) -> Iterator[Risk]:
        base, _ = self._begin()
        root = with_named_lists(tree_of("\n".join(lines), self._platform), self._platform)
        self._view = view_of(root, self._platform)
        for found in _strictest(findings(base, self._view)):
            yield Risk(step, "", f"in the configuration that replaces all: {found.why}", found.certain)
        self._replay = Replay(root, self._platform)

    def _set_lines(self, step: str, lines: Sequence[str]) -> Iterator[Risk]:
        before = self._text or render(tree_of(self._pre, self._platform), self._platform)
        original = render(tree_of(self._pre, self._platform), self._platform).splitlines()
        began = {found.aspect: found for found in set_findings(original, before.splitlines(), self._path)}
        try:
            self._text = play_set_lines(before, lines, self._platform)
        except Unpredictable as problem:
            yield Risk(step, "", f"{problem}: whether the way in stays cannot be told", certain=False)
            return
        for found in set_findings(original, self._text.splitlines(), self._path):
            if began.get(found.aspect) != found:
                yield Risk(step, self._set_blame(before, lines, original, found), found.why, found.certain)

    def _set_blame(self, before: str, lines: Sequence[str], original: Sequence[str], found: Finding) -> str:
        """Return the line after which the finding is there; all of them are committed at once."""
        for count in range(1, len(lines) + 1):
            after = play_set_lines(before, lines[:count], self._platform).splitlines()
            if found in set_findings(original, after, self._path):
                return lines[count - 1].strip()
        return ""


def _played(replay: Replay, typed: Typed) -> bool:
    """Play one line; False when only the device knows what it leaves."""
    try:
        replay.take(typed.line)
    except Unpredictable:
        return False
    if typed.line.strip().lower() == "no ip routing":  # routers and switches differ in which form they list
        replay.root.children.append(Node("no ip routing"))
    return not typed.beyond


def _strictest(found: Iterator[Finding]) -> list[Finding]:
    """Return one finding for each aspect: a certain one when there is one."""
    by_aspect: dict[str, Finding] = {}
    for each in found:
        held = by_aspect.get(each.aspect)
        if held is None or (each.certain and not held.certain):
            by_aspect[each.aspect] = each
    return list(by_aspect.values())
