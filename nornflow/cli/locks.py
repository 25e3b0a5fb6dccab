"""`nornflow locks`: who holds which device, who waits for it, and how to take a lock away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nornflow.model.lock import DeviceLock


@click.group(name="locks")
def command() -> None:
    """Show which runs hold devices and which wait for them; break a lock."""


@command.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
def list_locks(form: str) -> None:
    """List the devices that a run holds or waits for, by name."""
    from nornflow.app.build import load_project
    from nornflow.app.services.locks import lock_desk
    from nornflow.cli.output import show, show_json
    from nornflow.model.plain import plain

    with lock_desk(load_project()) as desk:
        found = desk.all()
    if form == "json":
        show_json([plain(lock) for lock in found])
        return
    for lock in found:
        for line in _lines(lock):
            show(line)
    if not found:
        show("no device is locked")


def _lines(lock: DeviceLock) -> Iterator[str]:
    if lock.holder is not None:
        yield f"{lock.device}  held by {lock.holder} since {lock.holder.since:%Y-%m-%d %H:%M:%S} UTC"
    elif lock.broken_by:
        yield f"{lock.device}  free: its lock was broken by {lock.broken_by}"
    else:
        yield f"{lock.device}  free"
    for place, claim in enumerate(lock.waiting, 1):
        yield f"{'':{len(lock.device)}}  {place}. {claim} waits since {claim.since:%H:%M:%S} UTC"


@command.command("break")
@click.argument("device")
@click.option("--yes", "-y", is_flag=True, help="Do it: I know that the run must write nothing more to this device.")
def break_one(device: str, yes: bool) -> None:
    """Take the lock of DEVICE from the run that holds it; that run cannot write to the device any more."""
    from nornflow.app.build import load_project
    from nornflow.app.services.locks import break_lock, lock_desk
    from nornflow.cli.output import show
    from nornflow.errors import UsageError

    with lock_desk(load_project()) as desk:
        if not yes:
            held = next((lock.holder for lock in desk.all() if lock.device == device), None)
            if held is not None:
                raise UsageError(
                    f"{device} is held by {held}, which would be cut off in the middle of its work",
                    hint=f"to let it end: nornflow runs cancel {held.run}; to cut it off: add --yes",
                )
        holder = break_lock(desk, device)
    if holder is None:
        show(f"{device}: the process of the run that held it is dead; the lock is free")
    else:
        show(f"{device}: taken from {holder}; it writes nothing more there")
