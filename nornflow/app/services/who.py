"""Who sits at this machine: the name that runs, approvals and cancellations are told under."""

from __future__ import annotations

import getpass


def user() -> str:
    """Return the name of the user of this process, `unknown` when the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry for this uid, as in many containers
        return "unknown"
