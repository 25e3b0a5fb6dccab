"""Which process this is, and whether another one of the same machine is still there: read from /proc."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

from nornflow.model.worker import Process

_PROC = Path("/proc")
_DEAD = frozenset("ZXx")  # ended; a zombie waits for its parent to ask how, and does nothing any more


def user() -> str:
    """Return the name of the user of this process, by its real user id: LOGNAME and USER say what anybody likes.

    A user that the system has no name for (as in many containers) is called by the number.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def this_process(proc: Path = _PROC) -> Process:
    """Return this process; without /proc (not Linux) with an empty boot, so that others go by its beats alone."""
    pid = os.getpid()
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
        # two containers of one machine may share its name and its boot, and number their processes alike
        namespace = os.readlink(proc / "self/ns/pid")
        born = _born(pid, proc)
    except OSError:
        return Process(socket.gethostname(), "", pid, 0)
    return Process(socket.gethostname(), f"{boot} {namespace}", pid, born or 0)


def is_there(other: Process, here: Process, proc: Path = _PROC) -> bool | None:
    """Tell whether a process is there; None when that cannot be seen from here."""
    if not here.boot or (other.machine, other.boot) != (here.machine, here.boot):
        return None
    if _is_hidden(other.pid, proc):
        return None
    return _born(other.pid, proc) == other.born


def _is_hidden(pid: int, proc: Path) -> bool:
    """Tell whether there is a process that /proc does not show: it is another user's, and mounted so (`hidepid`, proc(5))."""
    if os.access(proc / str(pid) / "stat", os.R_OK):
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:  # there is none
        return False
    return False


def _born(pid: int, proc: Path) -> int | None:
    """Return when a process was started, in ticks since the boot; None when there is none, or it has ended."""
    try:
        text = (proc / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name in brackets may hold anything, spaces and brackets too
    return None if fields[0] in _DEAD else int(fields[19])
