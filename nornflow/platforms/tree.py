"""Configuration text as a tree: listings to sections and back, and typed lines to their section paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nornflow.platforms.expand import Opened, Stack, locate
from nornflow.platforms.platform import Banner, Platform, Style

Path = tuple[str, ...]
SEPARATOR = " / "


@dataclass(slots=True)
class Node:
    """One line of a configuration with the lines of its section; the root has an empty line.

    A text of several lines (a banner) is one line with line feeds in it.
    """

    line: str
    children: list[Node] = field(default_factory=list)

    def copy(self) -> Node:
        """Return a tree of its own."""
        return Node(self.line, [child.copy() for child in self.children])

    def paths(self, above: Path = ()) -> Iterator[Path]:
        """Yield every line below this one as the path of its sections with the line at the end."""
        for child in self.children:
            path = (*above, child.line)
            yield path
            yield from child.paths(path)


def logical_lines(lines: Iterable[str], platform: Platform) -> Iterator[str]:
    """Yield the lines with every banner joined to one, line feeds inside."""
    held: list[str] = []
    end = re.compile("")
    for line in lines:
        if held:
            held.append(line)
            if end.search(line):
                yield "\n".join(held)
                held = []
            continue
        begun = _banner_end(line, platform)
        if begun is None:
            yield line
        else:
            held, end = [line], begun
    if held:  # a banner that was never closed: its lines are told one by one, nothing is lost
        yield from held


def _banner_end(line: str, platform: Platform, *, typed: bool = False) -> re.Pattern[str] | None:
    """Return what ends the text that this line begins, None when it begins none or ends it itself.

    A listing shows the delimiter as `^C`; of what is typed the first character alone is the delimiter (Cisco IOS).
    """
    if platform.banner is Banner.NONE or "banner" not in line:
        return None
    if platform.banner is Banner.EOF:
        return re.compile(r"^\s*EOF\s*$") if re.match(r"\s*banner \w+\s*$", line) else None
    found = re.match(r"\s*banner (?:motd|login|exec|incoming|prompt-timeout|slip-ppp) (\^C|\S)(.*)", line)
    if found is None:
        return None
    delimiter, rest = (found[1][0], found[1][1:] + found[2]) if typed else (found[1], found[2])
    return None if delimiter in rest else re.compile(re.escape(delimiter))


def parse(text: str, platform: Platform) -> Node:
    """Read a listing by its indentation; separators (`!`, `exit`, `end`) and blank lines hold no configuration."""
    root = Node("")
    open_nodes: list[tuple[int, Node]] = [(-1, root)]
    for raw in logical_lines(text.splitlines(), platform):
        line = raw.strip() if "\n" not in raw else raw.rstrip()
        if not line or line[0] == "!" or line == "end" or line in platform.closers:
            continue
        depth = len(raw) - len(raw.lstrip())
        while open_nodes[-1][0] >= depth:
            open_nodes.pop()
        node = Node(line)
        open_nodes[-1][1].children.append(node)
        open_nodes.append((depth, node))
    return root


def render(root: Node, platform: Platform) -> str:
    """Write a tree as text, one line each, the platform's indentation per level; ends with a line feed unless empty."""
    lines: list[str] = []
    _render(root, "", " " * platform.indent, lines)
    return "\n".join(lines) + "\n" if lines else ""


def _render(node: Node, indent: str, step: str, lines: list[str]) -> None:
    for child in node.children:
        lines.append(indent + child.line)
        if child.children:
            _render(child, indent + step, step, lines)


class SectionTracker:
    """Follows typed configuration lines, one by one, and says of each in which section it lands, in full words."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stack: Stack = ()
        self._edits: tuple[Path, ...] = ()  # one per `edit`: `exit` goes back by as much
        self._banner: re.Pattern[str] | None = None
        self.understood = False  # whether the grammar knew the last line wholly
        self._before: tuple[int, str] | None = None  # indentation and text of an unknown line: it may open a section
        self._unknown: list[int] = []  # indentation of the unknown sections that indentation opened

    @property
    def path(self) -> Path:
        """The section lines that are open now, outermost first."""
        return tuple(opened.text for opened in self._stack) or sum(self._edits, ())

    @property
    def in_text(self) -> bool:
        """Whether the next line belongs to a text of several lines (a banner)."""
        return self._banner is not None

    def feed(self, line: str) -> str:
        """Take the next typed line and return it with its section path, e.g. `interface Vlan10 / no shutdown`.

        Abbreviations are given in full where the platform's grammar knows them. A blank line or comment is "", a word
        that leaves a section is returned as it is.
        """
        text = line.strip()
        if self._banner is not None:
            if self._banner.search(line):
                self._banner = None
            return SEPARATOR.join(("banner", text)) if text else ""
        if not text or text[0] == "!":
            return ""
        if self._platform.style is Style.SET:
            return self._feed_set(text)
        if text in self._platform.closers or text in ("end", "exit"):
            self._stack = () if text == "end" else self._stack[:-1]
            self._before, self._unknown = None, self._unknown[: len(self._stack)]
            return text
        return self._feed_typed(line, text)

    def _feed_typed(self, line: str, text: str) -> str:
        depth = len(line) - len(line.lstrip())
        while self._unknown and depth <= self._unknown[-1]:
            self._unknown.pop()
            self._stack = self._stack[:-1]
        located = locate(text, self._stack, self._platform)
        if not located.match.known and self._before is not None and depth > self._before[0]:
            self._unknown.append(self._before[0])
            self._stack = (*self._stack, Opened(self._before[1]))
            located = locate(text, self._stack, self._platform)
        if len(located.stack) < len(self._stack):
            self._unknown = []
        self._stack = located.stack
        self.understood = located.match.known
        path = SEPARATOR.join((*self.path, located.line))
        if located.opens is not None:
            self._stack = (*self._stack, located.opens)
        elif not located.match.known and located.line.startswith("interface "):
            self._stack = (Opened(located.line, "interface"),)  # a name or range that the grammar does not know
        self._before = None if located.match.known else (depth, located.line)
        self._banner = _banner_end(located.line, self._platform, typed=True)
        return path

    def _feed_set(self, text: str) -> str:
        """Follow `edit`, `up`, `top` and `exit`, and give `set` and `delete` lines from the top of the hierarchy.

        `up` is taken for the way back from the last `edit`: how many words make a level only the device knows.
        """
        verb, _, rest = text.partition(" ")
        if verb == "edit":
            self._edits = (*self._edits, tuple(rest.split()))
        elif verb == "top" and not rest:
            self._edits = ()
        elif verb == "top":
            return SectionTracker(self._platform).feed(rest)
        elif verb in ("up", "exit", "quit"):
            levels = int(rest) if rest.isdecimal() else 1
            self._edits = self._edits[: max(0, len(self._edits) - levels)]
        else:
            return " ".join((verb, *self.path, rest)).rstrip()
        return text
