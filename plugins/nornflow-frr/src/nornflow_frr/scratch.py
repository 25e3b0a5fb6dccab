"""A scratch FRR that becomes one router after another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nornflow import DeviceError, HostView, Stage
from nornflow_frr import needs
from nornflow_frr.vtysh import type_lines
from nornflow_frr.world import CONFIG, FRR, SOCKETS, World

_START = f"""
set -e
echo "$1" > /proc/sys/net/ipv4/ip_forward
echo "$2" > /proc/sys/net/ipv6/conf/all/forwarding
hostname "$3"
chown frr:frrvty {CONFIG} {SOCKETS}
umask 027
printf %s "$4" > {CONFIG}/vtysh.conf
cat > {CONFIG}/frr.conf
chown frr:frrvty {CONFIG}/*.conf
daemons=$5
shift 5
number=0
for name; do
  # a wire whose other end nobody holds: not every kernel knows dummies
  ip link add name "$name" type veth peer name "twin$number"
  ip link set "$name" up
  ip link set "twin$number" up
  number=$((number + 1))
done
for daemon in $daemons; do {FRR}/$daemon -d -A 127.0.0.1; done
vtysh -b
"""
_NO_TEXT = re.compile(r"^(\s*no (?:neighbor \S+ )?description) .*")
"""vtysh refuses the text behind it; frr-reload tries it anyway, and then shorter."""
_OUTPUT = re.compile(r"^Lines To (?:Delete|Add)\n=+\n", re.MULTILINE)


class ScratchFrr(Stage):
    """FRR's daemons in a world of their own; every `load` begins a new one, so nothing of a router before is left."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._world: World | None = None

    def load(self, host: HostView, running: str, lines: Sequence[str]) -> str:
        """Become the router; DeviceError when its FRR is another than the one of this machine."""
        self.close()
        theirs = needs.version(running)
        if theirs != self.version:
            raise DeviceError(
                f"this machine has FRR {self.version}, and {host.name} has {theirs or 'one that does not say its version'}",
                hint="install the device's version of FRR where changes are planned",
            )
        text = "\n".join((running, *lines))
        self._world = world = World()
        v4, v6 = needs.forwarding(running)
        switches = (str(int(v4)), str(int(v6)), needs.hostname(running), needs.vtysh_lines(running))
        given = (*switches, " ".join(needs.daemons(text)), *needs.interfaces(text))
        world.run("sh", "-c", _START, "twin", *given, given=needs.bare(running))
        return self._shown()

    def apply(self, lines: Sequence[str]) -> str:
        """Type the lines into vtysh and return the running configuration."""
        type_lines(self._there.entering("vtysh", user="frr"), lines)
        return self._shown()

    def lines_to(self, wanted: str) -> Sequence[str]:
        """Return what frr-reload would type to come from here to a configuration."""
        here, there = f"{CONFIG}/here.conf", f"{CONFIG}/there.conf"
        self._there.write(here, needs.bare(self._shown()))
        self._there.write(there, needs.bare(wanted))
        said = self._there.run(f"{FRR}/frr-reload.py", "--test", "--input", here, there)
        return _typed(said)

    def run(self, *command: str) -> str:
        """Do a command on the scratch router and return its output."""
        return self._there.run(*command)

    def close(self) -> None:
        """Take the router down; nothing of it is left."""
        world, self._world = self._world, None
        if world is not None:
            world.close()

    @property
    def _there(self) -> World:
        if self._world is None:
            raise DeviceError("nothing was loaded on the twin")
        return self._world

    def _shown(self) -> str:
        return self._there.run("vtysh", "-c", "show running-config", user="frr")


def _typed(said: str) -> tuple[str, ...]:
    """Return the lines that frr-reload lists, with a way back to the top wherever a section ends."""
    lines: list[str] = []
    for line in _OUTPUT.sub("", said).splitlines():
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip(" "))
        if depth == 0 and lines and lines[-1].startswith(" "):
            lines.append("exit")
        lines.append(_NO_TEXT.sub(r"\1", line.rstrip()))
    return tuple(lines)
