"""Makes foreign output fit for logs and screens: no control characters, no endless lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

LONGEST_LINE = 1000
"""Characters of a line of live output or of a message; the rest is cut off (PP13, `max_log_length`)."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST_BUFFER = 65_536
_MOST_LINES = 10_000  # of one stream's live output: whoever writes millions of lines must not drown everybody else


def clean_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Return the text as one harmless line: escape sequences, control and direction characters gone, cut at `longest`."""
    line = _CONTROL.sub("", _ESCAPES.sub("", text)).replace("\t", "    ")
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


class LineStream:
    """Cuts a stream of bytes into lines and hands each on as soon as it is whole."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._shown = 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = (self._rest + self._decoder.decode(piece)).split("\n")
        if len(self._rest) > _LONGEST_BUFFER:
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            self._show(line.removesuffix("\r"))

    def finish(self) -> None:
        """Hand on the last line when it had no end."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        if rest:
            self._show(rest)

    def _show(self, line: str) -> None:
        self._shown += 1
        if self._shown <= _MOST_LINES:
            self._emit(line)
        elif self._shown == _MOST_LINES + 1:
            self._emit(f"… more than {_MOST_LINES} lines: the rest is kept but not shown live")
