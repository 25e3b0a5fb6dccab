"""What code of others prints while a run is at work: lines of the screen, masked, and never part of the answer."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

_LONGEST = 10_000
"""Characters after which a line is shown although it has not ended."""


class Strays(io.TextIOBase):
    """Stands in for a standard stream and hands each line that is written to `line`; each thread has lines of its own.

    `behind` is the stream itself: what prints on purpose writes there.
    """

    def __init__(self, behind: TextIO, line: Callable[[str], None]) -> None:
        self.behind = behind
        self._line = line
        self._begun = threading.local()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the encoding of the stream behind."""
        return getattr(self.behind, "encoding", "utf-8")

    def isatty(self) -> bool:
        """Say no: nobody may move the cursor here."""
        return False

    def fileno(self) -> int:
        """Return the file descriptor of the stream behind, for what a step starts."""
        return self.behind.fileno()

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, text: str) -> int:
        """Show the lines that are complete now and keep the rest."""
        *lines, rest = (getattr(self._begun, "text", "") + text).split("\n")
        self._begun.text = rest
        for line in lines:
            self._line(line)
        if len(rest) > _LONGEST:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Show what was written of the line that has not ended: a prompt, a dot of a progress."""
        rest, self._begun.text = getattr(self._begun, "text", ""), ""
        if rest:
            self._line(rest)

    def close(self) -> None:
        """Stay open: the stream is not a stranger's to close."""


class NoInput(io.TextIOBase):
    """Stands in for standard input: steps run unattended, and a thread that waits for input can never be ended."""

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    def readable(self) -> bool:
        """Say yes: there is nothing in it."""
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        """Return the end of the input."""
        return ""

    def read(self, size: int | None = -1, /) -> str:
        """Return the end of the input."""
        return ""


def behind(stream: Any) -> Any:
    """Return the stream itself, whether or not something stands in for it."""
    return stream.behind if isinstance(stream, (Strays, NoInput)) else stream


@contextmanager
def strays_shown(line: Callable[[str], None], *, answer: bool) -> Iterator[None]:
    """Show what is printed beside us, and what ends a thread that a step started, as lines, while the `with` lasts.

    Where the answer comes later (`answer` is false) what programs write to the descriptor of standard output goes to
    standard error meanwhile.
    """
    from nornflow.engine.strangers import told

    def ended(args: Any) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            error = told(args.exc_value, "a thread of a step")
            line(f"! {error.message} ({error.hint})")

    def lost(args: Any) -> None:
        if args.exc_value is not None:
            line(f"! {told(args.exc_value, 'something').message} (ignored in {type(args.object).__name__})")

    before = sys.stdout, sys.stderr, threading.excepthook, sys.unraisablehook
    given = sys.stdin
    if given is not None:
        sys.stdin = NoInput(given)
    out, err = Strays(sys.stdout, line), Strays(sys.stderr, line)
    sys.stdout, sys.stderr, threading.excepthook, sys.unraisablehook = out, err, ended, lost
    kept = None if answer else _turned_away()
    try:
        yield
    finally:
        sys.stdin = given
        out.flush()
        err.flush()
        if kept is not None:
            _turned_back(kept)
        if sys.stdout is out:  # not when its reader has left
            sys.stdout = before[0]
        if sys.stderr is err:
            sys.stderr = before[1]
        threading.excepthook, sys.unraisablehook = before[2:]


def _turned_away() -> int | None:
    """Let descriptor 1 be that of standard error; return a copy of what it was, None when one of them is closed."""
    with suppress(OSError):
        kept = os.dup(1)
        try:
            os.dup2(2, 1)
        except OSError:
            os.close(kept)
            return None
        return kept
    return None


def _turned_back(kept: int) -> None:
    os.dup2(kept, 1)
    os.close(kept)
