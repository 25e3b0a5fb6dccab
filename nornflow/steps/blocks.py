"""Configuration text as blocks of lines: comments out, banners and other multi-line texts kept together."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from nornflow.errors import StepError
from nornflow.record import record

_BANNER = re.compile(r"^\s*banner\s+(?P<kind>[a-z-]+)(?:\s+(?P<rest>\S.*))?$", re.IGNORECASE)
_ONE_LINE = re.compile(r"^(?:line\s|file\s|default\b)", re.IGNORECASE)  # FRR: `banner motd line TEXT`


@record
class Block:
    """Lines that are sent together; `answered` says whether the device answers each of them with its prompt."""

    lines: tuple[str, ...]
    answered: bool = True


def split_blocks(text: str) -> list[Block]:
    """Cut configuration text into blocks: runs of ordinary lines, and each banner as a block of its own.

    Blank lines and comments (`!`) are dropped outside banners; indentation common to all lines is
    taken off. Raises StepError for a banner without an end.
    """
    blocks: list[Block] = []
    ordinary: list[str] = []
    lines = iter(textwrap.dedent(text).splitlines())
    for line in lines:
        line = line.rstrip()
        if not line or line.lstrip().startswith("!"):
            continue
        rest = list(_banner(line, lines))
        if rest:
            if ordinary:
                blocks.append(Block(tuple(ordinary)))
                ordinary = []
            blocks.append(Block((line.strip(), *rest), answered=False))
        else:
            ordinary.append(line)
    return [*blocks, Block(tuple(ordinary))] if ordinary else blocks


def all_lines(blocks: Iterable[Block]) -> list[str]:
    """Return the lines of all blocks in their order."""
    return [line for block in blocks for line in block.lines]


def _banner(line: str, following: Iterator[str]) -> Iterator[str]:
    """Yield the lines that belong to a banner which begins with this line; nothing when no banner begins here."""
    begin = _BANNER.match(line)
    if begin is None or _ONE_LINE.match(begin["rest"] or ""):
        return
    rest = begin["rest"] or ""
    # `^C` is what IOS shows for the control character; without a delimiter (EOS) the text ends with a line `EOF`
    delimiter = "^C" if rest.startswith("^C") else rest[:1]
    if delimiter and delimiter in rest[len(delimiter) :]:
        return
    for more in following:
        yield more.rstrip()
        if (delimiter and delimiter in more) or (not delimiter and more.strip() == "EOF"):
            return
    raise StepError(
        f"the banner that begins with `{line.strip()}` has no end",
        hint=f"end it with {delimiter!r}" if delimiter else "end it with a line `EOF`",
    )
