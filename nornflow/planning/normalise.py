"""Configuration text without what changes by itself, so that two readings of one device can be compared."""

from __future__ import annotations

import hashlib

from nornflow.platforms.platform import Platform, Style
from nornflow.platforms.tree import Node, logical_lines, parse, render


def normalise(text: str, platform: Platform) -> str:
    """Return the listing without volatile lines, separators and blanks at line ends, with even indentation.

    Nothing else is taken away and no line is moved, so equal results mean equal configurations. A text of several lines
    (a banner) keeps its inner lines. Ends with a line feed unless it is empty.
    """
    return render(tree_of(text, platform), platform)


def tree_of(text: str, platform: Platform) -> Node:
    """Return the tree of a listing without its volatile lines."""
    lines = text.replace("\r", "").splitlines()
    if platform.style is not Style.INDENTED:
        return Node("", [Node(line.rstrip()) for line in lines if line.strip() and not _volatile(line, platform)])
    lasting = _lasting(lines, platform)
    root = parse("\n".join(lasting), platform)
    if lasting and lasting[0][0] == " ":  # lines without their section came to the left: they are looked at once more
        return parse("\n".join(_lasting(render(root, platform).splitlines(), platform)), platform)
    return root


def _lasting(lines: list[str], platform: Platform) -> list[str]:
    return [line for line in logical_lines(lines, platform) if "\n" in line or not _volatile(line, platform)]


def _volatile(line: str, platform: Platform) -> bool:
    return platform.volatile is not None and platform.volatile.search(line) is not None


def volatile_head(text: str, platform: Platform) -> str:
    """Return the volatile lines above the first lasting one: what a device says of itself, such as its version."""
    head = []
    for line in text.replace("\r", "").splitlines():
        if line.strip() and not _volatile(line, platform):
            break
        head.append(f"{line}\n")
    return "".join(head)


def config_hash(text: str, platform: Platform) -> str:
    """Return the SHA-256 of the normalised text, in hexadecimal: equal exactly when nothing lasting differs."""
    return hashlib.sha256(normalise(text, platform).encode()).hexdigest()
