"""Where and how each host's sessions are opened: a copy of the inventory from before any task could touch it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

from nornir.core.inventory import ConnectionOptions, Host, ParentGroups

from nornflow.devices.guard.vault import Vault
from nornflow.model.device import Target
from nornflow.redaction import Secret

_OF_A_HOST = tuple(name for kind in Host.__mro__ for name in vars(kind).get("__slots__", ()))


class Addresses:
    """Finds a host's target by its name; what tasks do to hosts, groups, defaults and options later changes nothing.

    Otherwise a task could send the password of a device to an address of its own choice.
    """

    def __init__(self, hosts: Iterable[Host], vault: Vault) -> None:
        self._vault = vault
        self._twins: dict[int, Any] = {}
        self._hosts: dict[str, Host] = {host.name: self._twin(host) for host in hosts}

    def target(self, host: str, connection: str) -> Target:
        """Return where the session of a host is opened, and with which credentials."""
        options = self._hosts[host].get_connection_parameters(connection)
        return Target(
            host=host,
            hostname=options.hostname or host,
            port=options.port,
            username=options.username or "",
            password=Secret(self._vault.reveal(options.password)),
            platform=options.platform or "",
            extras=self._vault.extras(options.extras),
        )

    def _twin(self, element: Any) -> Any:
        """Return a copy of a host, group or defaults object that shares nothing with it that decides about sessions."""
        known = self._twins.get(id(element))
        if known is not None:
            return known
        twin = self._twins[id(element)] = _copied(element)
        twin.connection_options = {name: _option(given) for name, given in element.connection_options.items()}
        if isinstance(twin, Host):
            twin.connections = type(element.connections)()
        if hasattr(element, "groups"):
            twin.groups = ParentGroups([self._twin(group) for group in element.groups])
            twin.defaults = self._twin(element.defaults)
        return twin


def _copied(element: Any) -> Any:
    """Return a shallow copy. Of a host what it inherits is left where it is: `copy` would look that up for each of them."""
    if type(element) is not Host:
        return copy(element)
    twin: Any = object.__new__(Host)
    for name in _OF_A_HOST:
        object.__setattr__(twin, name, object.__getattribute__(element, name))
    return twin


def _option(given: ConnectionOptions) -> ConnectionOptions:
    option = copy(given)
    option.extras = None if given.extras is None else _mapping(given.extras)
    return option


def _mapping(given: Mapping[str, Any]) -> dict[str, Any]:
    # texts stay the same objects: the vault knows its masks by their identity
    return {
        name: _mapping(value) if isinstance(value, Mapping) else list(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
