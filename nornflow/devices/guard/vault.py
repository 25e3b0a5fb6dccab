"""The vault: credentials leave Nornir's inventory objects and are given out only to the opener of a session."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from nornir.core.inventory import ConnectionOptions

from nornflow.redaction import MASK, Redactor, Secret

_SECRET_OPTION = re.compile(r"pass(?:word|wd|phrase|code)|secret|token|api_?key|^auth_secondary$|^key$", re.IGNORECASE)
"""Names of connection options that hold a credential."""


class Masked(str):
    """What tasks read in place of a password: the mask. Only the vault knows which password it stands for."""

    __slots__ = ()


class Vault:
    """Holds the passwords of one inventory, each behind the mask object that stands in its place."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._values: dict[int, tuple[Masked, str]] = {}

    def hide(self, element: Any) -> None:
        """Replace the password of a host, group or defaults object, and those in its connection options, by masks."""
        of = f" of {element.name}" if getattr(element, "name", "") else " of the defaults"
        self._hide_password(element, of)
        for options in element.connection_options.values():
            self.hide_options(options, of)

    def hide_options(self, options: ConnectionOptions, of: str = "") -> None:
        """Replace the secrets of connection options by masks; `of` says whose they are."""
        self._hide_password(options, of)
        if options.extras:
            options.extras = self._hidden(options.extras, of)

    def _hide_password(self, element: Any, of: str) -> None:
        password = object.__getattribute__(element, "password")
        if isinstance(password, str) and not isinstance(password, Masked):
            element.password = self._mask(password, f"password{of}")

    def _hidden(self, extras: Mapping[str, Any], of: str) -> dict[str, Any]:
        hidden: dict[str, Any] = {}
        for name, value in extras.items():
            if isinstance(value, Mapping):
                hidden[name] = self._hidden(value, of)
            elif _SECRET_OPTION.search(name) and isinstance(value, str) and not isinstance(value, Masked):
                hidden[name] = self._mask(value, f"{name}{of}")
            else:
                hidden[name] = value
        return hidden

    def _mask(self, value: str, origin: str) -> Masked:
        self._redactor.add(value, origin)
        mask = Masked(MASK)
        self._values[id(mask)] = (mask, value)
        return mask

    def reveal(self, value: Any) -> str:
        """Return the value behind a mask, or the value itself when it is none."""
        if isinstance(value, Masked):
            return self._values[id(value)][1]
        if isinstance(value, Secret):
            return value.reveal()
        return value or ""

    def extras(self, extras: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return connection options with the masks replaced by what they stand for."""
        return {
            name: self.extras(value)
            if isinstance(value, Mapping)
            else self.reveal(value)
            if isinstance(value, Masked)
            else value
            for name, value in (extras or {}).items()
        }


def inventory_elements(hosts: Iterable[Any]) -> Iterable[Any]:
    """Yield each host, each group above it and the defaults, once."""
    seen: set[int] = set()
    for host in hosts:
        yield host
        for element in (*host.groups, host.defaults):
            yield from _above(element, seen)


def _above(element: Any, seen: set[int]) -> Iterable[Any]:
    if id(element) in seen:
        return
    seen.add(id(element))
    yield element
    for group in getattr(element, "groups", ()):
        yield from _above(group, seen)
