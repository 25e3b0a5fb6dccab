"""The machine under an FRR lab: its commands, what it has to have, and the local user of the routers."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nornflow.errors import NornFlowError

DAEMONS = Path("/usr/lib/frr")
INSTALL = "apt-get install frr frr-pythontools openssh-server iproute2"


class LabError(NornFlowError):
    """The FRR lab cannot be built, read or taken down."""

    reason = "lab"


def run(*command: str | Path, check: bool = True, given: str | None = None, seconds: float = 60) -> str:
    """Run a command and return its output; raises LabError with its words when it fails and `check` is on."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, text=True, capture_output=True, input=given, timeout=seconds, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{words[0]} is not installed", hint=INSTALL) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(words)} did not end within {seconds:g} s") from error
    if check and done.returncode:
        raise LabError(f"{' '.join(words)} failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")
    return done.stdout


def obstacle() -> LabError | None:
    """Return why this machine cannot hold an FRR lab, or None when it can."""
    if os.geteuid() != 0:
        return LabError("an FRR lab needs root, for network namespaces", hint="run it as root, or with sudo")
    needed: Sequence[str] = ("ip", "vtysh", "sshd", "ssh-keygen", "useradd", "chpasswd", "unshare")
    missing = [
        name for name in needed if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]
    missing += [name for name in ("zebra", "staticd", "bgpd", "frr-reload.py") if not (DAEMONS / name).exists()]
    if missing:
        return LabError(f"not installed: {', '.join(missing)}", hint=INSTALL)
    try:
        run("unshare", "--net", "--uts", "true")
    except LabError as error:
        return LabError(f"no network namespaces here: {error.message}", hint="the container needs CAP_SYS_ADMIN")
    return None


def ensure_user(name: str, password: str, home: Path) -> bool:
    """Make sure that the routers' login exists and may use vtysh; tell whether it was made now."""
    try:
        pwd.getpwnam(name)
        made = False
    except KeyError:
        run("useradd", "--no-create-home", "--home-dir", home, "--shell", "/bin/sh", name)
        made = True
    for group in ("frr", "frrvty"):
        try:
            grp.getgrnam(group)
        except KeyError as error:
            raise LabError(f"there is no group {group!r}", hint=INSTALL) from error
    # frr: to pass /etc/frr (0750); frrvty: to speak to the daemons.
    run("usermod", "--append", "--groups", "frr,frrvty", name)
    run("chpasswd", given=f"{name}:{password}\n")
    return made


def remove_user(name: str) -> None:
    """Take away the routers' login; it need not be there."""
    run("userdel", name, check=False)


def write(path: Path, text: str, mode: int = 0o644, owner: tuple[str, str] | None = None) -> None:
    """Write a file with its permissions and owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    if owner is not None:
        shutil.chown(path, *owner)
