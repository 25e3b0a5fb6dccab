"""Reads a YAML or JSON file into plain data with line and column of every key and value, and refuses what could harm.

Built on the events of PyYAML's C parser: nothing is constructed from tags, aliases are counted before they are expanded,
and sizes are checked before anything is read.
"""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from nornflow.model.diagnostic import Diagnostic, InvalidDocument, Location
from nornflow.workflow.diagnostics import problem
from nornflow.workflow.document import Document
from nornflow.workflow.tree import TooMuch, TreeBuilder

MAX_BYTES = 1024 * 1024
"""The largest workflow file, in bytes."""


def load(path: Path | str, *, text: str | None = None, max_bytes: int = MAX_BYTES) -> Document:
    """Read a document from a file, or from `text` that is to be reported under the name `path`.

    Raises InvalidDocument: unreadable, too large (told by its size, unread), not UTF-8, not YAML, tabs, duplicate keys,
    alias bombs, nesting above 50, more than one document, custom tags, merge keys, or no mapping at the top.
    """
    file = str(path)
    raw = _read(Path(path), max_bytes) if text is None else _encoded(text, file)
    if len(raw) > max_bytes:
        raise _refused(_too_large(file, len(raw), max_bytes))
    content = _decoded(raw, file)
    builder = TreeBuilder(file)
    try:
        for event in yaml.parse(content, Loader=yaml.CSafeLoader):
            builder.feed(event)
    except TooMuch as stop:
        raise _refused(*builder.diagnostics, stop.diagnostic) from None
    except yaml.YAMLError as error:
        raise _refused(*builder.diagnostics, _syntax(error, content, file)) from None
    if builder.diagnostics:
        raise _refused(*builder.diagnostics)
    root = builder.root
    if root is None or not isinstance(root.value, dict):
        found = "an empty file" if root is None or root.value is None else type(root.value).__name__
        raise _refused(
            problem(
                "NF010",
                "the document is not a mapping of keys to values",
                Location(file, 1, 1) if content else Location(file),
                found=found,
                expected="a mapping that starts with `name:`",
            )
        )
    data, places = builder.plain()
    return Document(file, _mapping(data), places, content)


def _mapping(data: Any) -> dict[str, Any]:
    assert isinstance(data, dict)
    return data


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refused(
                problem("NF001", f"{path} is not a regular file", Location(str(path)), expected="a YAML or JSON file")
            )
        if status.st_size > max_bytes:
            raise _refused(_too_large(str(path), status.st_size, max_bytes))
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise _refused(
            problem(
                "NF001",
                f"cannot read {str(path)!r}: {reason}",
                Location(str(path)),
                hint="check the path and its permissions",
            )
        ) from None


def _too_large(file: str, size: int, max_bytes: int) -> Diagnostic:
    return problem(
        "NF002",
        "the file is too large for a workflow",
        Location(file),
        found=f"{size:,} bytes",
        expected=f"at most {max_bytes:,} bytes",
        hint="keep data in an input file (`-i @data.yaml`) or in the inventory",
    )


def _encoded(text: str, file: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _refused(
            problem("NF003", "the text holds half of a character (a lone surrogate)", _locate(text, error.start, file))
        ) from None


def _decoded(raw: bytes, file: str) -> str:
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise _refused(
            problem(
                "NF003",
                "the file is not UTF-8 text",
                _locate(before, len(before), file),
                found="UTF-16" if utf16 else f"the byte 0x{raw[error.start]:02x}",
                expected="UTF-8",
                hint="save the file as UTF-8",
            )
        ) from None
    content = _PAIR.sub(_whole, content) if content.lstrip().startswith("{") else content
    # one kind of line end, so that lines here are the lines that YAML counts
    return content.replace("\r\n", "\n").replace("\r", "\n")


_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def _whole(pair: re.Match[str]) -> str:
    """Return a character that JSON escapes as two halves as YAML escapes it; the two columns are lost."""
    high, low = int(pair[2], 16), int(pair[3], 16)
    return f"{pair[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _syntax(error: yaml.YAMLError, content: str, file: str) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if "end of stream" in str(getattr(error, "problem", "")) and getattr(error, "context_mark", None):
        mark = error.context_mark  # type: ignore[attr-defined] # where it was opened says more than where the file ends
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = getattr(error, "context", None)
    if mark is not None:
        where = Location(file, mark.line + 1, mark.column + 1)
        lines = content.split("\n")
        line = lines[mark.line] if mark.line < len(lines) else ""
        if line[mark.column : mark.column + 1] == "\t" or (
            "indent" in reason and line[: len(line) - len(line.lstrip())].count("\t")
        ):
            return problem(
                "NF005",
                "a tab stands where YAML wants spaces",
                where,
                found="a tab",
                expected="spaces",
                hint="indent with two spaces; most editors have an 'expand tabs' setting for YAML",
            )
    else:
        where = _locate(content, getattr(error, "position", 0) or 0, file)
        character = getattr(error, "character", None)
        if isinstance(character, int):
            reason = f"{reason} (U+{character:04X})"
    return problem(
        "NF004",
        f"not YAML: {reason}" + (f" {context}" if context else ""),
        where,
        hint="look at this line and the one above: quotes, colons, brackets and indentation",
    )


def _locate(text: str, offset: int, file: str) -> Location:
    before = text[:offset]
    return Location(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _refused(*diagnostics: Diagnostic) -> InvalidDocument:
    first = diagnostics[0]
    more = f" (and {len(diagnostics) - 1} more)" if len(diagnostics) > 1 else ""
    return InvalidDocument(f"{first.location}: {first.message}{more}", diagnostics=diagnostics, hint=first.hint)


def with_file(document: Document, file: str) -> Document:
    """Return the same document under another file name, e.g. a path relative to the project."""
    return replace(document, file=file)
