"""`nornflow init`: starts a project that works at once."""

from __future__ import annotations

from pathlib import Path

import click

from nornflow.cli.output import show


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write a small project that works at once into FOLDER (this one by default); never overwrites a file."""
    from nornflow.app.services.project import start_project

    for path in start_project(folder):
        show(f"wrote {path}")
    where = "" if folder == Path(".") else f"cd {folder} && "
    show(f"try: {where}nornflow run workflows/hello.yaml -i name=World")
