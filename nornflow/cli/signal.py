"""`nornflow runs signal`: send a signal to a run that waits for one, or will."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

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
    from nornflow.app.services.deciding import send_signal
    from nornflow.cli.output import show

    said = send_signal(load_project(), run, name, _read(data))
    if said is None:
        show(f"no step waits for the signal {name} yet; it is kept until one does")
        return
    show(f"{said.wait.about} of run {said.run} has its signal {name}")
    show(f"the run goes on: nornflow runs resume {said.run}, or a worker")


def _read(data: str) -> Any:
    from nornflow.app.services.deciding import LARGEST
    from nornflow.errors import UsageError

    try:
        text = sys.stdin.read() if data == "-" else Path(data[1:]).read_text("utf-8") if data.startswith("@") else data
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"--data {data}: cannot be read: {reason}", hint="name a file with JSON") from None
    if len(text.encode()) > LARGEST:
        raise UsageError(
            f"--data has {len(text.encode()):,} bytes, at most {LARGEST:,} are taken",
            hint="send where it is to be found",
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"--data is no JSON: {error}", hint="""for example --data '{"ticket": "CHG0000001"}'"""
        ) from None
