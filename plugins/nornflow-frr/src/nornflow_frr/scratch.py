"""A scratch FRR that becomes one router after another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nornflow import DeviceError, HostView, Stage
from nornflow_frr import needs
from nornflow_frr.vtysh import type_lines
from nornflow_frr.world import CONFIG, FRR, SOCKETS, World

_NO_TEXT = re.compile(r"^(\s*no (?:neighbor \S+ )?description) .*")
"""vtysh refuses the text behind it; frr-reload tries it anyway, and then shorter."""
_OUTPUT = re.compile(r"^Lines To (?:Delete|Add)\n=+\n", re.MULTILINE)


class ScratchFrr(Stage):
    """FRR's daemons in a world of their own; every `load` begins a new one, so nothing of a router before is left."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._world: World | None = None

    def load(self, host: HostView, running: str, lines: Sequence[str]) -> str:
        """Become the router; DeviceError when its FRR is another than the one of this machine."""
        self.close()
        theirs = needs.version(running)
        if theirs != self._version:
            raise DeviceError(
                f"this machine has FRR {self._version}, and {host.name} has {theirs or 'one that does not say its version'}",
                hint="install the device's version of FRR where changes are planned",
            )
        text = "\n".join((running, *lines))
        self._world = world = World()
        for switch, on in needs.forwarding(running).items():
            world.run("tee", switch, given=f"{int(on)}\n")
        for number, name in enumerate(needs.interfaces(text)):
            # a wire whose other end nobody holds: the kernel need not know dummies, as a container's may not
            world.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"twin{number}")
            world.run("ip", "link", "set", name, "up")
            world.run("ip", "link", "set", f"twin{number}", "up")
        world.run("hostname", needs.hostname(running))
        world.run("chown", "frr:frrvty", CONFIG, SOCKETS)
        world.write(f"{CONFIG}/vtysh.conf", needs.vtysh_lines(running))
        world.write(f"{CONFIG}/frr.conf", needs.bare(running))
        for daemon in needs.daemons(text):
            world.run(f"{FRR}/{daemon}", "-d", "-A", "127.0.0.1")
        world.run("vtysh", "-b")
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
        said = self._there.run("python3", f"{FRR}/frr-reload.py", "--test", "--input", here, there)
        return _typed(said)

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
