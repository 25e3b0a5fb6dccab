"""One FRR router of the lab: its daemons, its SSH server, and its configuration seen from the machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from nornflow.record import record
from nornflow.testing.frr.namespace import enter, namespace
from nornflow.testing.frr.system import DAEMONS, LabError, run, write
from nornflow.testing.frr.topology import RouterPlan

_RUN = ("zebra", "mgmtd", "staticd", "bgpd")  # mgmtd came with FRR 9.1

_LOGIN = """#!/bin/sh
# login of router {name}: a session gets vtysh, a command runs in vtysh
umask 007
export VTYSH_PAGER=cat
if [ -n "$SSH_ORIGINAL_COMMAND" ]; then
    exec vtysh -N {space} -c "$SSH_ORIGINAL_COMMAND"
fi
exec vtysh -N {space}
"""

SHELL_PORT = 2022
"""Where the router's login gets a shell in place of vtysh."""

_SSHD = """Port 22
Port {shell}
ListenAddress {address}
HostKey {folder}/ssh_host_ed25519_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile none
StrictModes no
PasswordAuthentication yes
KbdInteractiveAuthentication yes
PermitRootLogin no
AllowUsers {user}
UsePAM no
UseDNS no
X11Forwarding no
AllowTcpForwarding no
PrintMotd no
PrintLastLog no
MaxStartups 200:30:400
MaxSessions 50
LogLevel VERBOSE
ForceCommand {folder}/login.sh
Match LocalPort {shell}
    ForceCommand none
"""


@record
class FrrRouter:
    """A router of the lab; `folder` holds its keys and logs."""

    plan: RouterPlan
    folder: Path

    @property
    def space(self) -> str:
        """The name of its namespace, which is FRR's path space too."""
        return namespace(self.plan)

    @property
    def folders(self) -> tuple[Path, Path]:
        """Where FRR keeps the router's configuration and its sockets."""
        return Path("/etc/frr") / self.space, Path("/var/run/frr") / self.space

    def start(self, user: str) -> None:
        """Start the daemons, load the first configuration, and let `user` in over SSH; raises LabError."""
        etc, sockets = self.folders
        for folder in (etc, sockets):
            folder.mkdir(parents=True, exist_ok=True)
            # vtysh writes frr.conf there as the login user, who is in the group.
            shutil.chown(folder, "frr", "frrvty")
            folder.chmod(0o775)
        owner = ("frr", "frrvty")
        vtysh = f"service integrated-vtysh-config\nhostname {self.plan.name}\nusername {user} nopassword\n"
        write(etc / "vtysh.conf", vtysh, 0o640, owner)
        write(etc / "frr.conf", self.plan.configuration(), 0o660, owner)
        for daemon in _RUN:
            if (DAEMONS / daemon).exists():
                log = f"file:{sockets / 'frr.log'}"
                enter(self.plan, DAEMONS / daemon, "-d", "-N", self.space, "-A", "127.0.0.1", "--log", log)
        enter(self.plan, "vtysh", "-N", self.space, "-b")
        write(self.folder / "first.conf", self._shown())
        self._start_sshd(user)

    def _start_sshd(self, user: str) -> None:
        key = self.folder / "ssh_host_ed25519_key"
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        write(self.folder / "login.sh", _LOGIN.format(name=self.plan.name, space=self.space), 0o755)
        config = _SSHD.format(address=self.plan.management, folder=self.folder, user=user, shell=SHELL_PORT)
        write(self.folder / "sshd_config", config)
        sshd = shutil.which("sshd") or "/usr/sbin/sshd"
        enter(self.plan, sshd, "-f", self.folder / "sshd_config", "-E", self.folder / "sshd.log")

    def vtysh(self, *commands: str) -> str:
        """Run commands on the router from the machine, not over SSH, and return the output; raises LabError."""
        words = [word for command in commands for word in ("-c", command)]
        return run("vtysh", "-N", self.space, *words)

    @property
    def running_config(self) -> str:
        """The running configuration, without the lines that vtysh puts before it."""
        shown = self._shown()
        return shown[shown.index("frr defaults") :] if "frr defaults" in shown else shown

    def _shown(self) -> str:
        return self.vtysh("show running-config").partition("Current configuration:\n!\n")[2]

    def restore(self) -> None:
        """Bring the router back to its first configuration, running and saved; raises LabError when it does not go."""
        first = self.folder / "first.conf"
        wanted = first.read_text(encoding="utf-8")
        reload = (DAEMONS / "frr-reload.py", "--reload", "--pathspace", self.space)
        for _ in range(2):
            if self._shown() == wanted:
                break
            run("ip", "netns", "exec", self.space, *reload, "--overwrite", first)
        if self._shown() != wanted:
            raise LabError(f"{self.plan.name} does not return to its first configuration", hint="nornflow lab down")
        write(self.folders[0] / "frr.conf", self.plan.configuration(), 0o660, ("frr", "frrvty"))

    def peers(self) -> dict[str, dict[str, Any]]:
        """Return the BGP neighbours as FRR's JSON has them; empty while bgpd does not answer."""
        try:
            summary = json.loads(run("vtysh", "-N", self.space, "-c", "show ip bgp summary json", check=False))
        except ValueError:
            return {}
        peers: dict[str, dict[str, Any]] = summary.get("ipv4Unicast", {}).get("peers", {})
        return peers

    @property
    def converged(self) -> bool:
        """Whether every neighbour is established and has sent a prefix."""
        peers = self.peers()
        ready = [peer["state"] == "Established" and peer.get("pfxRcd", 0) > 0 for peer in peers.values()]
        return len(ready) == len(self.plan.ports) and all(ready)

    def clean(self) -> None:
        """Take away what FRR keeps of the router."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
