"""The only module that prints: the asked-for format on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nornflow.cli.strays import behind
from nornflow.errors import NornFlowError, UsageError

if TYPE_CHECKING:
    from rich.console import Console


_CONTROLS = {
    **dict.fromkeys(code for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # halves of UTF-16 pairs, which no stream can write
}


def show(text: str) -> None:
    """Print the answer of a command on standard output, without control characters."""
    click.echo(printable(text), file=behind(sys.stdout))


def show_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    click.echo(json_text(value))


def json_text(value: Any) -> str:
    """Return a value as JSON, laid out for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def write_answer(file: Path, text: str) -> None:
    """Write the answer of a command to a file, whole or not at all; UsageError when it cannot be written."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise UsageError(f"{file} cannot be written: {reason}", hint="name a file in a folder that is there") from None


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Go on when nobody reads any more what is printed in the `with`; from then on it goes nowhere."""
    try:
        yield
    except OSError:  # the pipe was closed (`... | head`), or the terminal is gone
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter flushes it at exit


def quiet_libraries() -> None:
    """Keep what libraries log (paramiko's tracebacks of a session that was cut) off the terminal; handlers still get it.

    What NornFlow itself warns of goes to standard error.
    """
    import logging

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(f"warning: {printable(record.getMessage())}", colour="yellow")

    logging.getLogger().addHandler(logging.NullHandler())
    ours = logging.getLogger("nornflow")
    if not ours.handlers:
        ours.addHandler(Teller(logging.WARNING))


def tell(text: str, *, colour: str | None = None) -> None:
    """Print something beside the answer (progress, notes, questions' context, errors) on standard error, as `show` does."""
    stream = behind(sys.stderr)
    click.secho(printable(text), file=stream, fg=colour if colours(stream) else None)


def show_error(error: NornFlowError) -> None:
    """Print what went wrong and what to do next; documents show each of their problems."""
    diagnostics = getattr(error, "diagnostics", ())
    if diagnostics:
        from nornflow.workflow.diagnostics import render_text

        click.echo(render_text(diagnostics), err=True)
    tell(f"error: {error.message}", colour="red")
    if error.hint:
        tell(f"hint: {error.hint}")


def colours(stream: Any) -> bool:
    """Tell whether colours are wanted: a terminal, and no NO_COLOR (no-color.org)."""
    return not os.environ.get("NO_COLOR") and bool(getattr(stream, "isatty", lambda: False)())


def console(*, answer: bool = True) -> Console:
    """Return a rich console for the answer (standard output) or for what goes beside it (standard error)."""
    from rich.console import Console

    stream = behind(sys.stdout if answer else sys.stderr)
    terminal = colours(stream)
    return Console(
        file=stream,
        no_color=not terminal,
        highlight=False,
        soft_wrap=True,
        markup=False,
        force_terminal=None if terminal else False,
    )


def printable(text: str) -> str:
    """Return the text without control characters, which a device may have sent to move the cursor or hide a line."""
    return text.translate(_CONTROLS)


def show_diff(line: str, *, coloured: bool) -> None:
    """Print a line of an answer, without control characters; lines of a diff are green and red on a terminal."""
    line = printable(line)
    text = line.lstrip()
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(text[:1]) if coloured and colours(sys.stdout) else None
    click.secho(line, fg=colour)
