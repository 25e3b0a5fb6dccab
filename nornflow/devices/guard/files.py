"""Files that a task names to its driver: read here, and only from the folders that a step may read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nornflow.devices.guard.lease import Lease


def text_of(given: Any, lease: Lease) -> str:
    """Return the text of a file with lines for the device; raises GuardDenied, OSError and UnicodeDecodeError.

    Otherwise a workflow without a line of code could have any file of this machine shown in its plan, or sent to a device.
    """
    path = Path(given)
    folders = lease.grant.folders
    real = path.resolve()
    if folders is not None and not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise lease.denied(
            f"the file {str(given)!r} lies outside the folders that a step may read",
            hint="give a file of the run's workspace, of the project or beside the workflow",
        )
    if path.exists() and not path.is_file():
        raise lease.denied(f"{str(given)!r} is no ordinary file", hint="give a text file with the lines")
    return path.read_text(encoding="utf-8")
