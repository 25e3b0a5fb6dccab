"""What is asked about a way into a device, and what is found that cuts it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import StrEnum

from nornflow.model.device import Way
from nornflow.planning.access.filters import Address
from nornflow.record import record


class Reach(StrEnum):
    """What a finding hits: sessions that stand as well (`path`), or only new ones (`login`)."""

    PATH = "path"
    LOGIN = "login"


@record
class Finding:
    """One way in which a configuration cuts, or may cut, the way in; `aspect` is what the finding is about."""

    aspect: str
    why: str
    certain: bool = True
    reach: Reach = Reach.PATH


@record
class Path:
    """A way with its addresses understood; loopback addresses say nothing, somebody passes such connections on."""

    addresses: tuple[Address, ...]
    sources: tuple[Address, ...]
    port: int
    service: str
    user: str
    interface: str

    @classmethod
    def of(cls, way: Way) -> Path:
        """Understand a way."""
        return cls(_known(way.addresses), _known(way.sources), way.port, way.service, way.user, way.interface)


def _known(texts: Iterable[str]) -> tuple[Address, ...]:
    addresses = (ipaddress.ip_address(text) for text in texts)
    return tuple(address for address in addresses if not address.is_loopback and not address.is_unspecified)
