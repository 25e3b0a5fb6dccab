"""Unified diffs of configurations that show in which section a line changed, and devices that share one diff."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nornflow.planning.normalise import normalise
from nornflow.platforms.platform import Platform

_FRAME = ("--- ", "+++ ")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_Opcode = tuple[str, int, int, int, int]
_Line = tuple[str, ...]


def unified(before: str, after: str, platform: Platform, context: int = 3) -> str:
    """Return the unified diff of two listings after normalising; empty when nothing lasting differs.

    Each hunk names behind `@@` the sections that it begins in, so the section of a changed line stands either there or
    in the hunk itself. Lines are compared with their sections: a line never counts as moved from one to another.
    """
    old, new = normalise(before, platform).splitlines(), normalise(after, platform).splitlines()
    if old == new:
        return ""
    lines: list[str] = ["--- before", "+++ after"]
    for group in _groups(_in_sections(old), _in_sections(new), context):
        lines += _hunk(old, new, group)
    return "\n".join(lines) + "\n"


def patched(text: str, diff: str) -> str | None:
    """Return a normalised listing with a unified diff of it applied; None when the diff is not one of this text."""
    old, new, place = text.splitlines(), [], 0
    for line in _body_with_hunks(diff):
        hunk = _HUNK.match(line)
        if hunk is not None:
            start = int(hunk[1]) - (1 if hunk[2] != "0" else 0)
            new += old[place:start]
            place = start
            continue
        if line[:1] != "+":
            if old[place : place + 1] != [line[1:]]:
                return None
            place += 1
        if line[:1] != "-":
            new.append(line[1:])
    return "".join(f"{line}\n" for line in (*new, *old[place:]))


def _in_sections(lines: Sequence[str]) -> list[_Line]:
    """Return each line with the section lines above it; nearly all are different, which keeps the comparison quick."""
    stack: list[tuple[int, str]] = []
    found: list[_Line] = []
    for line in lines:
        depth = _depth(line)
        while stack and stack[-1][0] >= depth:
            stack.pop()
        stack.append((depth, line))
        found.append(tuple(text for _, text in stack))
    return found


def _groups(old: Sequence[_Line], new: Sequence[_Line], context: int) -> Iterator[list[_Opcode]]:
    """Yield the hunks; what both texts share at their ends is left out first, because comparing long texts is slow."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    start, end = max(0, head - context), max(0, tail - context)
    matcher = difflib.SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], autojunk=False)
    for group in matcher.get_grouped_opcodes(context):
        yield [(tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in group]


def _hunk(old: Sequence[str], new: Sequence[str], group: Sequence[_Opcode]) -> list[str]:
    first, last = group[0], group[-1]
    sections = _sections_above(new if first[3] < len(new) else old, first[3] if first[3] < len(new) else first[1])
    title = f" {' / '.join(line.strip() for line in sections)}" if sections else ""
    old_span, new_span = _span(first[1], last[2]), _span(first[3], last[4])
    lines = [f"@@ -{old_span} +{new_span} @@{title}"]
    for tag, i1, i2, j1, j2 in group:
        if tag == "equal":
            lines += [f" {line}" for line in old[i1:i2]]
            continue
        lines += [f"-{line}" for line in old[i1:i2]]
        lines += [f"+{line}" for line in new[j1:j2]]
    return lines


def _span(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1 if length else start},{length}" if length != 1 else f"{start + 1}"


def _sections_above(lines: Sequence[str], index: int) -> list[str]:
    """Return the section lines around a line, outermost first."""
    if index >= len(lines):
        return []
    found: list[str] = []
    depth = _depth(lines[index])
    for line in reversed(lines[:index]):
        if depth == 0:
            break
        if _depth(line) < depth:
            found.insert(0, line)
            depth = _depth(line)
    return found


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def added_removed(diff: str) -> tuple[int, int]:
    """Return how many lines a unified diff adds and removes."""
    body = _body(diff)
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)


def _body(diff: str) -> list[str]:
    """Return the lines behind each hunk's header; a frame is only what stands in front of the first one."""
    return [line for line in _body_with_hunks(diff) if not line.startswith("@@ ")]


def _body_with_hunks(diff: str) -> list[str]:
    lines = diff.splitlines()
    while lines and lines[0].startswith(_FRAME):
        lines.pop(0)
    return lines


def group_by_diff(diffs: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each different change once with the devices that have it, in the order of their first device.

    Takes pairs of device and diff, and gives the first device's diff. What counts is `changes_in` them: line numbers
    and the unchanged lines around differ from device to device where the change is the same.
    """
    pairs = diffs.items() if isinstance(diffs, Mapping) else diffs
    groups: dict[tuple[str, ...], tuple[str, list[str]]] = {}
    for host, diff in pairs:
        groups.setdefault(changes_in(diff), (diff, []))[1].append(host)
    return [(diff, tuple(hosts)) for diff, hosts in groups.values()]


def changes_in(diff: str) -> tuple[str, ...]:
    """Return the added and removed lines of a diff, each behind the section lines that it stands under."""
    found: list[str] = []
    stack: list[str] = []
    for line in _body_with_hunks(diff):
        if line.startswith("@@ "):
            section = line.split(" @@", 1)[1].removeprefix(" ")
            stack = [section] if section else []
            continue
        sign, text = line[:1], line[1:]
        depth = _depth(text)
        while stack and _depth(stack[-1]) >= depth:
            stack.pop()
        if sign in ("+", "-"):
            found.append(" / ".join([f"{sign}{text.strip()}", *(above.strip() for above in stack)]))
        stack.append(text)
    return tuple(found)
