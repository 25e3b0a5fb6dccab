"""The commands of user and privileged mode, as tables of patterns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from nornflow.testing.routers.grammar import Grammar
from nornflow.testing.routers.views import VIEWS

ACTIONS: Mapping[str, str] = {
    "configure terminal": "configure",
    "configure": "configure",
    "write [memory]": "save",
    "write erase": "erase",
    "erase startup-config": "erase",
    "copy running-config startup-config": "copy",
    "copy running-config startup-config all": "save",
    "reload": "reload",
    "terminal length INT": "length",
    "terminal width INT": "width",
    "terminal (monitor|history|no) [LINE]": "nothing",
    "enable [INT]": "enable",
    "disable": "disable",
    "ping HOST [LINE]": "ping",
    "ping ip HOST [LINE]": "ping",
    "clear (counters|logging|line|ip|arp-cache|ntp) [LINE]": "nothing",
    "debug LINE": "nothing",
    "undebug [LINE]": "nothing",
    "exit": "leave",
    "logout": "leave",
    "quit": "leave",
    "show history": "history",
}
"""What the shell does for a command, by pattern."""

_PRIVILEGED = (
    "configure",
    "write",
    "erase",
    "copy",
    "reload",
    "debug",
    "undebug",
    "clear",
    "show running",
    "show startup",
)


@cache
def exec_grammar(privileged: bool) -> Grammar:
    """Return the commands of privileged mode, or the fewer ones of user mode."""
    patterns = [*VIEWS, *ACTIONS]
    return Grammar(pattern for pattern in patterns if privileged or not pattern.startswith(_PRIVILEGED))
