"""`nornflow cache`: which results of steps are kept for later runs, and how to remove them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nornflow.model.cached import CachedEntry


@click.group(name="cache")
def command() -> None:
    """Show which results of steps are kept for later runs, and remove them."""


@command.command("list")
@click.option("--workflow", metavar="NAME", default="", help="Only results that steps of this workflow left.")
@click.option("--step", metavar="ID", default="", help="Only results of steps of this id.")
@click.option("--host", metavar="NAME", default="", help="Only results from this device.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
def list_entries(workflow: str, step: str, host: str, form: str) -> None:
    """List the kept results, newest first: who left them, their age, for how long they may be used, size and hits."""
    from nornflow.app.build import load_project
    from nornflow.app.services.caching import cache_desk
    from nornflow.cli.output import show, show_json

    with cache_desk(load_project(), _now) as desk:
        found, now = desk.entries(workflow, step, host)
    if form == "json":
        show_json([_json(entry, now) for entry in found])
        return
    for line in _lines(found, now):
        show(line)


@command.command("clear")
@click.argument("pattern", default="*")
@click.option("--expired", is_flag=True, help="Remove only what may not be used any more.")
def clear(pattern: str, expired: bool) -> None:
    """Remove the results whose key, device or WORKFLOW/STEP fits PATTERN (as in a shell), or all of them."""
    from nornflow.app.build import load_project
    from nornflow.app.services.caching import cache_desk
    from nornflow.cli.output import show

    with cache_desk(load_project(), _now) as desk:
        count = desk.clear(pattern, expired=expired)
    show(f"removed {count} result{'' if count == 1 else 's'}")


def _now() -> datetime:
    return datetime.now(UTC)


def _left(entry: CachedEntry, now: datetime) -> float:
    return max(0.0, (entry.expires_at - now).total_seconds())


def _age(entry: CachedEntry, now: datetime) -> float:
    return max(0.0, (now - entry.kept_at).total_seconds())


def _json(entry: CachedEntry, now: datetime) -> dict[str, Any]:
    from nornflow.model.plain import plain

    shown: dict[str, Any] = plain(entry)
    return {**shown, "age": round(_age(entry, now), 3), "ttl_left": round(_left(entry, now), 3)}


def _lines(found: Sequence[CachedEntry], now: datetime) -> Iterator[str]:
    if not found:
        yield "nothing is kept"
        return
    rows = [("key", "step", "device", "age", "ttl left", "size", "hits")]
    for entry in found:
        left = _left(entry, now)
        rows.append(
            (
                entry.key[:12],
                f"{entry.workflow}/{entry.step}",
                entry.host or "-",
                _span(_age(entry, now)),
                _span(left) if left else "expired",
                _bytes(entry.size),
                str(entry.hits),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True)).rstrip()
    size, hits = sum(entry.size for entry in found), sum(entry.hits for entry in found)
    yield f"{len(found)} result{'' if len(found) == 1 else 's'}, {_bytes(size)}, used {hits} time{'' if hits == 1 else 's'}"


def _span(seconds: float) -> str:
    """Return a time as people say it: the two largest units."""
    whole = int(seconds)
    for name, length, below, small in (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= length:
            return f"{whole // length}{name} {whole % length // small}{below}"
    return f"{whole}s"


def _bytes(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KiB" if size < 1024 * 1024 else f"{size / 2**20:.1f} MiB"
