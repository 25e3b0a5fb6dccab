"""Finding what is known of a platform by any of the names that inventories use for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from nornflow.platforms.arguments import arguments_for
from nornflow.platforms.exec import ExecGrammar
from nornflow.platforms.grammar import read_modes
from nornflow.platforms.platform import Banner, Platform, Style

GENERIC = "generic"


def platform_for(name: str) -> Platform:
    """Return what is known of the platform with this name or alias (`ios`, `cisco_xe`, `eos` ...).

    A name that nobody knows gets the platform `generic`: it knows no configuration line, so nothing is predicted for it.
    """
    return _load(_aliases().get(name.strip().lower().replace("-", "_"), GENERIC))


def platform_names() -> tuple[str, ...]:
    """Return the names of all known platforms, without aliases and without `generic`."""
    return tuple(sorted(name for name in set(_aliases().values()) if name != GENERIC))


@cache
def _aliases() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for entry in files(__package__).joinpath("data").iterdir():
        if entry.name.endswith(".toml"):
            table = _read_toml(entry.name)["platform"]
            names |= dict.fromkeys((table["name"], *table.get("aliases", ())), table["name"])
    return names


@cache
def _read_toml(file: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(files(__package__).joinpath("data", file).read_text(encoding="utf-8"))


@cache
def _load(name: str) -> Platform:
    tables = _read_toml(f"{name}.toml")
    table, text = tables["platform"], tables.get("text", {})
    grammar = "\n".join(
        entry.read_text(encoding="utf-8")
        for entry in files(__package__).joinpath("data").iterdir()
        if entry.name.partition(".")[0] == name and entry.name.endswith(".grammar")
    )
    arguments = arguments_for(table.get("interfaces", ()))
    return Platform(
        name=name,
        aliases=tuple(table.get("aliases", ())),
        exec=ExecGrammar.from_table(tables.get("exec", {})),
        style=Style(table.get("style", Style.INDENTED)),
        indent=table.get("indent", 1),
        modes=read_modes(grammar, arguments),
        closers=frozenset(table.get("closers", ("exit",))),
        section_exit=table.get("section_exit", {}),
        interfaces=tuple(table.get("interfaces", ())),
        single=_any_of(tables.get("config", {}).get("single", ())),
        banner=Banner(text.get("banner", Banner.NONE)),
        banner_delimiter=text.get("banner_delimiter", ""),
        volatile=_any_of(text.get("volatile", ())),
        errors=_any_of(text.get("errors", ())),
        noise=(*_read_toml(f"{GENERIC}.toml")["state"]["noise"], *_own_noise(name, tables)),
        login_lines=table.get("login_lines", True),
    )


def _own_noise(name: str, tables: Mapping[str, Any]) -> Sequence[str]:
    """Return what changes by itself on this platform beside what does so on all."""
    found: Sequence[str] = tables.get("state", {}).get("noise", ()) if name != GENERIC else ()
    return found


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None
