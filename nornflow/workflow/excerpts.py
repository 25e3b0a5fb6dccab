"""Shows a diagnostic to a person: what is wrong, the line of the file it stands in, and the way out."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.model.diagnostic import Diagnostic


def way_out(diagnostic: Diagnostic) -> list[str]:
    """Return what a person is told besides the message: what was expected, what was meant, and the hint."""
    lines = [f"expected {diagnostic.expected}"] if diagnostic.expected else []
    if diagnostic.suggestion:
        lines.append(f"did you mean `{diagnostic.suggestion}`?")
    return [*lines, f"hint: {diagnostic.hint}"] if diagnostic.hint else lines


def excerpt(one: Diagnostic, lines: Sequence[str]) -> str:
    """Return a diagnostic with its place in the lines of the file, a caret below it, and the way out."""
    where = one.location
    made = [f"{one.severity.value}[{one.code}]: {clean(one.message)}", f"  --> {clean(str(where))}"]
    margin = " " * len(str(where.line))
    if 0 < where.line <= len(lines) and lines[where.line - 1].strip():
        line = lines[where.line - 1].replace("\t", " ")
        start = max(0, where.column - 100)
        shown = clean(line[start : start + 160])
        made += [f" {margin} |", f" {where.line} | {shown}", f" {margin} | {' ' * (where.column - 1 - start)}^"]
    made += [f" {margin} = {clean(note)}" for note in way_out(one)]
    return "\n".join(made) + "\n"


def plainly(one: Diagnostic) -> str:
    """Return a diagnostic in one line: its place, what is wrong, and the way out."""
    return "; ".join([f"{one.location}: {one.severity.value}[{one.code}]: {one.message}", *way_out(one)])


def clean(text: str) -> str:
    """Return text for a terminal: characters that steer it are shown as escapes."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)
