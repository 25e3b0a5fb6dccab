"""`nornflow runs signal`: send a signal to a run that waits for one, or will."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(name="signal")
@click.argument("run")
@click.argument("name")
@click.option(
    "--data", default="null", metavar="JSON", help="What it brings: JSON, @FILE with JSON, or - for standard input."
)
def command(run: str, name: str, data: str) -> None:
    """Send RUN (the beginning of its id is enough) the signal NAME, which ends one `wait` step for it.

    A signal that nobody waits for yet is kept until a step does. What it brings is `steps.<id>.data`.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.waits.deciding import send_signal
    from nornflow.app.services.waits.signal_data import signal_data
    from nornflow.cli.output import show, tell

    said = send_signal(load_project(), run, name, signal_data(_read(data)), lambda text: tell(f"note: {text}"))
    if said is None:
        show(f"no step waits for the signal {name} yet; it is kept until one does")
        return
    show(f"{said.wait.about} of run {said.run} has its signal {name}")
    show(f"the run goes on: nornflow runs resume {said.run}, or a worker")


def _read(data: str) -> bytes:
    """Return the bytes that are meant, not many more than may be sent; UsageError when they cannot be read."""
    from nornflow.app.services.waits.signal_data import LARGEST
    from nornflow.errors import UsageError

    try:
        if data == "-":
            return sys.stdin.buffer.read(LARGEST + 1)
        if data.startswith("@"):
            with Path(data[1:]).open("rb") as file:
                return file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"--data {data}: cannot be read: {error.strerror}", hint="name a file with JSON") from None
    return data.encode()
