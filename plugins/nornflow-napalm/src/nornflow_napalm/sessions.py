"""Configuration sessions of EOS: each is named after its run, so that a run knows again what a process before it left."""

from __future__ import annotations

import secrets
from typing import Any

PREFIX = "nornflow-"
_PENDING = "pending"


def begin_session(driver: Any, run: str) -> None:
    """Give the driver a new session's name, when it has no session yet, and abort the run's other pending ones.

    They are of a process that died, or of a connection that was lost, between load and commit: the device has one worker
    at a time. A session whose commit waits to be confirmed is left alone. Raises what pyeapi raises.
    """
    if driver.config_session is not None:
        return
    own = f"{PREFIX}{run}-"
    for name in pending_sessions(driver):
        if name.startswith(own):
            _abort(driver, name)
    driver.config_session = f"{own}{secrets.token_hex(2)}"


def adopt_session(driver: Any, run: str) -> None:
    """Tell the driver the run's session whose commit waits to be confirmed, when it knows none itself."""
    if driver.config_session is None:
        waiting = [name for name in driver._get_pending_commits() if name.startswith(f"{PREFIX}{run}-")]
        driver.config_session = next(iter(waiting), None)


def pending_sessions(driver: Any) -> list[str]:
    """Return the names of the sessions that are neither committed nor aborted."""
    (found,) = driver.device.run_commands(["show configuration sessions"])
    return [name for name, session in found["sessions"].items() if session["state"] == _PENDING]


def _abort(driver: Any, name: str) -> None:
    from pyeapi.eapilib import CommandError

    try:
        driver.device.run_commands([f"configure session {name} abort"], encoding="text")
    except CommandError:
        if name in pending_sessions(driver):
            raise
        # what the dead process had sent last came to its end meanwhile
