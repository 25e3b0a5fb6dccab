"""Permissions are dotted nouns; a grant says what one step may do on one device."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from nornflow.model.confirm import Hold
from nornflow.record import record

PERMISSIONS: dict[str, str] = {
    "workflow.plan": "plan a workflow: read devices, write nothing",
    "workflow.execute": "run a workflow",
    "device.read": "run read commands on devices",
    "device.configure": "send configuration lines to devices",
    "device.command": "run exec commands that are not reads (clear, write, copy, reload)",
    "device.raw": "write to a device channel without the guard's line discipline",
    "shell.execute": "run a program without a shell",
    "shell.script": "run a shell script (pipes, redirection)",
    "file.read": "read files of the workspace and the project",
    "file.write": "write files into the run's workspace",
    "http.request": "send HTTP requests to allowed domains",
    "secret.read": "resolve secret references",
    "secret.write": "write secrets",
    "run.approve": "approve a run that is held",
    "run.cancel": "cancel a run",
    "schedule.write": "change schedules",
    "audit.read": "read the audit log",
    "plugin.manage": "enable and disable plugins",
    "user.manage": "manage users and roles",
}


def covers(granted: Collection[str], wanted: str) -> bool:
    """Tell whether the granted names cover the wanted one; `*` covers all, `device.*` covers a family."""
    return wanted in granted or "*" in granted or f"{wanted.partition('.')[0]}.*" in granted


class Mode(StrEnum):
    """Whether a step works out what it would do, or does it."""

    PLAN = "plan"
    APPLY = "apply"


@record
class LineRule:
    """A regular expression (RE2, case-insensitive) over a final line with its section path, e.g. `interface Vlan10 / shutdown`.

    `on` says which lines it judges: `exec` commands or `config` lines.
    """

    pattern: str
    on: str = "config"
    reason: str = ""
    where: str = ""


@record
class Grant:
    """What one step may do on one device: the guard turns it into a lease that is revoked when the step ends.

    `sealed` is the ordered sequence of configuration lines (and `exec:` commands) that may be sent; None means that no
    plan binds the step, and each line is judged by the rules alone. `deny` and `allow_exec` are line rules of the profile;
    an empty `allow_exec` allows every read that the platform's grammar knows. `folders` are those from which a task may
    have a file read that holds lines; None sets no bound. `run` is the run that the step belongs to: what a device keeps of
    it until it is committed carries that name. `hold` is there while the device's change is not confirmed.
    """

    host: str
    step: str
    mode: Mode
    permissions: frozenset[str] = frozenset()
    sealed: tuple[str, ...] | None = None
    deny: tuple[LineRule, ...] = ()
    allow_exec: tuple[LineRule, ...] = ()
    folders: tuple[Path, ...] | None = None
    run: str = ""
    hold: Hold | None = None


def both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Return the permissions that both grant; None grants all."""
    if one is None or other is None:
        return other if one is None else one
    return frozenset(name for name in PERMISSIONS if covers(one, name) and covers(other, name))
