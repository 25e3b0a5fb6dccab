"""`nornflow db`: look after the database that remembers runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click


@click.group(name="db")
def command() -> None:
    """Look after the database that remembers runs (setting `store.url`)."""


@command.command("upgrade")
def upgrade() -> None:
    """Bring the schema to the one that this NornFlow works with, or make it in an empty database."""
    from nornflow.app.build import load_project
    from nornflow.app.services.database import upgrade_database
    from nornflow.cli.output import show

    before, now = upgrade_database(load_project())
    show(f"the schema is {now}" + (", as before" if before == now else f"; before: {before or 'none'}"))


@command.command("check")
def check() -> int:
    """Say whether the database is sound and complete, and what is recoverable when it is not (exit code 1)."""
    from nornflow.app.build import load_project
    from nornflow.app.services.database import check_database
    from nornflow.cli.output import show, tell

    found = check_database(load_project())
    for each in found:
        show(f"{'ok ' if each.well else 'BAD'}  {each.what}: {each.text}")
        if each.hint:
            tell(f"hint: {each.hint}")
    return 0 if all(each.well for each in found) else 1


@command.command("purge")
@click.option("--older-than", required=True, metavar="AGE", help="Runs that ended longer ago than this: 90d, 12h, 2w.")
@click.option("--files", is_flag=True, help="Remove the runs' folders too: record files and what steps wrote.")
def purge(older_than: str, files: bool) -> None:
    """Forget runs that ended long ago, with their events and results; runs that have not ended stay."""
    from nornflow.app.build import load_project
    from nornflow.app.services.database import purge_runs
    from nornflow.app.services.moments import ago
    from nornflow.cli.output import show

    before = ago(older_than, datetime.now(UTC))
    gone = purge_runs(load_project(), before, files=files)
    for run in gone:
        show(run)
    show(f"{len(gone)} runs were removed" if gone else f"no run ended before {before:%Y-%m-%d %H:%M} UTC")


@command.command("export")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="A file to write to.")
def export(output: Path | None) -> int:
    """Write every run and its events as JSON lines, to standard output or to a new file.

    A damaged store gives what can be read of it; what cannot is told, and the exit code is 1.
    """
    import json

    from nornflow.app.build import load_project
    from nornflow.app.services.database import exported
    from nornflow.cli.output import show, tell
    from nornflow.errors import UsageError

    troubles: list[str] = []
    lines = (json.dumps(each, ensure_ascii=False) for each in exported(load_project(), troubles))
    if output is None:
        for line in lines:
            show(line)
    else:
        try:
            with output.open("x", encoding="utf-8") as stream:
                stream.writelines(f"{line}\n" for line in lines)
        except OSError as error:
            raise UsageError(
                f"{output} cannot be written: {error.strerror}", hint="name a file that is not there yet"
            ) from None
        show(f"written to {output}")
    for trouble in troubles:
        tell(f"warning: {trouble}", colour="yellow")
    return 1 if troubles else 0
