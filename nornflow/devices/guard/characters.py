"""What may be typed: characters that a terminal takes for themselves, in lines that a device reads whole."""

from __future__ import annotations

import re

from nornflow.devices.guard.lease import Lease

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\t]")


def check_characters(line: bytes, lease: Lease, *, helps: bool) -> None:
    """Refuse what a terminal reads as something else than a character of the line; raises GuardDenied.

    `helps` says that the device answers a `?` at once with its help, as configuration mode does.
    """
    control = _CONTROL.search(line)
    if control:
        raise lease.denied(
            f"the control character {control.group()!r} was written to the session",
            hint="send whole lines of text; the guard ends modes and pages by itself",
        )
    if not line.isascii():  # a terminal of 7 bits reads b"\x8a" as a line feed, readline b"\x88" as an editing key
        raise lease.denied(
            f"{line[:60].decode('utf-8', 'replace')!r} holds characters other than ASCII",
            hint="write the line with ASCII characters alone, or use a connection to the device's API",
        )
    if helps and b"?" in line:
        raise lease.denied(
            f"{line.decode()!r} holds '?', at which the device shows help and goes on with the line",
            hint="write the line without it",
        )
    longest = lease.platform.exec.longest
    if len(line) > longest:
        raise lease.denied(
            f"a line of {len(line)} characters was written, and the device reads {longest} of it",
            hint="write it in several lines",
        )
