"""`nornflow pools`: how much there is of what runs share, who holds it and who waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nornflow.app.services.pooling import PoolView


@click.group(name="pools")
def command() -> None:
    """Show the resources that runs share: used of all, who holds them and who waits."""


@command.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
def list_pools(form: str) -> None:
    """List every pool with what is used of it, the runs that hold it and those that wait, in their order."""
    from nornflow.app.build import load_project
    from nornflow.app.services.pooling import pools_of
    from nornflow.cli.output import show, show_json
    from nornflow.model.plain import plain

    found = pools_of(load_project())
    if form == "json":
        show_json([plain(pool) for pool in found])
        return
    width = max((len(pool.name) for pool in found), default=0)
    for pool in found:
        for line in _lines(pool, width):
            show(line)


def _lines(pool: PoolView, width: int) -> Iterator[str]:
    from nornflow.model.quantity import written

    yield f"{pool.name:<{width}}  {written(pool.name, pool.used)}/{written(pool.name, pool.total)}"
    for share in pool.holders:
        yield f"{'':{width}}  {written(pool.name, share.amount)} held by {share.process}"
    for place, share in enumerate(pool.waiting, 1):
        passed = f", passed {share.passed} times" if share.passed else ""
        wants = f"{written(pool.name, share.amount)} wanted by {share.process}"
        yield f"{'':{width}}  {place}. {wants}, priority {share.priority}{passed}"
