"""Finds the template blocks (`{{ }}`, `{% %}`, `{# #}`) of a text, without being fooled by texts and braces inside them."""

from __future__ import annotations

import re
from collections.abc import Collection

from nornflow.record import record

_OPEN = re.compile(r"\{[{%#]")
_INSIDE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|['"{}]|[-+]?%\}""", re.DOTALL)
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_END_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")


@record
class Span:
    """One block of a text: where it starts and ends, and whether there is code in it."""

    start: int
    end: int
    code: bool


def has_template(text: str) -> bool:
    """Tell whether a text has a template in it at all."""
    return "{" in text and _OPEN.search(text) is not None


def spans(text: str) -> list[Span]:
    """Return the blocks of a text in order; what follows an unclosed block is not looked at (Jinja will refuse it)."""
    found: list[Span] = []
    position = 0
    while (opening := _OPEN.search(text, position)) is not None:
        start = opening.start()
        raw = _RAW.match(text, start)
        if raw is not None:
            end_raw = _END_RAW.search(text, raw.end())
            end = end_raw.end() if end_raw else -1
        elif text[start + 1] == "#":
            end = text.find("#}", start + 2)
            end = end + 2 if end >= 0 else -1
        else:
            end = _end_of_code(text, start)
        if end < 0:
            break
        found.append(Span(start, end, raw is None and text[start + 1] != "#"))
        position = end
    return found


def _end_of_code(text: str, start: int) -> int:
    depth = 0
    position = start + 2
    while (token := _INSIDE.search(text, position)) is not None:
        part, position = token.group(), token.end()
        if part == "{":
            depth += 1
        elif part == "}":
            if depth:
                depth -= 1
            elif text[start + 1] == "{" and text.startswith("}", position):
                return position + 1
        elif part.endswith("%}"):
            if text[start + 1] == "%":
                return position
            position -= 1  # inside of {{ }} the percent is an operator, and the brace one of the depth's
        elif len(part) == 1:
            return -1  # a quote that is never closed
    return -1


def name_steps(text: str, step_ids: Collection[str], group: str = "steps") -> str:
    """Return the text with `steps.run-tests` written as `steps["run-tests"]` inside of its code, for the known ids.

    `group` is the name that has them, where it is another one.
    """
    hyphenated = sorted((one for one in step_ids if "-" in one), key=len, reverse=True)
    if not hyphenated or f"{group}." not in text:
        return text
    parts: list[str] = []
    position = 0
    for span in spans(text):
        parts.append(text[position : span.start])
        code = text[span.start : span.end]
        parts.append(_named(code, hyphenated, group) if span.code else code)
        position = span.end
    parts.append(text[position:])
    return "".join(parts)


def _named(code: str, hyphenated: list[str], group: str) -> str:
    texts = [(match.start(), match.end()) for match in _INSIDE.finditer(code) if len(match.group()) > 2]

    def subscript(match: re.Match[str]) -> str:
        at = match.end()
        if any(start < match.start() < end for start, end in texts):
            return match.group()
        for step_id in hyphenated:
            after = code[at + len(step_id) : at + len(step_id) + 1]
            if code.startswith(step_id, at) and not after.isalnum() and after != "_":
                taken.append((at, at + len(step_id)))
                return f'{group}["{step_id}"]'
        return match.group()

    taken: list[tuple[int, int]] = []
    made: list[str] = []
    position = 0
    for match in re.finditer(rf"(?<![\w.]){group}\.(?=[^\W\d])", code):
        before = len(taken)
        text = subscript(match)
        made.append(code[position : match.start()] + text)
        position = taken[-1][1] if len(taken) > before else match.end()
    return "".join(made) + code[position:]
