"""The output filters behind a `|`: include, exclude, begin, section, count."""

from __future__ import annotations

import re

_KINDS = ("append", "begin", "count", "exclude", "include", "redirect", "section", "tee")


class BadFilter(ValueError):
    """The words behind the `|` are no output filter; `offset` is where in them the bad word begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"bad filter at {offset}")
        self.offset = offset


def filtered(output: str, words: str) -> str:
    """Return what `| words` lets through of the output; raises BadFilter."""
    kind, _, pattern = words.strip().partition(" ")
    fits = [name for name in _KINDS if kind and name.startswith(kind.lower())]
    if len(fits) != 1 or fits[0] in ("append", "redirect", "tee") or not pattern.strip():
        raise BadFilter(len(words) - len(words.lstrip()))
    pattern = pattern.strip()
    keep_matching = True
    if fits[0] == "section" and re.match(r"(include|exclude) ", pattern):
        word, _, pattern = pattern.partition(" ")
        keep_matching = word == "include"
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise BadFilter(words.index(pattern)) from error
    lines = output.splitlines()
    match fits[0]:
        case "include":
            lines = [line for line in lines if wanted.search(line)]
        case "exclude":
            lines = [line for line in lines if not wanted.search(line)]
        case "begin":
            start = next((number for number, line in enumerate(lines) if wanted.search(line)), len(lines))
            lines = lines[start:]
        case "section":
            lines = _sections(lines, wanted, keep_matching)
        case "count":
            lines = [f"Number of lines which match regexp = {sum(bool(wanted.search(line)) for line in lines)}"]
    return "".join(f"{line}\n" for line in lines)


def _sections(lines: list[str], wanted: re.Pattern[str], keep_matching: bool) -> list[str]:
    """Return the lines that match together with what is indented below them."""
    kept: list[str] = []
    inside: int | None = None
    for line in lines:
        depth = len(line) - len(line.lstrip(" "))
        if inside is not None and depth <= inside:
            inside = None
        if inside is None and wanted.search(line):
            inside = depth
        if (inside is not None) == keep_matching:
            kept.append(line)
    return kept
