"""The port of a server that tests stop and start again: nobody else is given it meanwhile."""

from __future__ import annotations

import random
import socket
from typing import Any

import pytest

from nornflow.testing.postgres import PORTS, PostgresError, free_port


class Given(random.Random):
    """Draws these ports."""

    def __init__(self, *ports: int) -> None:
        super().__init__()
        self._ports = ports

    def sample(self, population: Any, k: int, **options: Any) -> list[Any]:
        assert population is PORTS
        return list(self._ports)


def test_a_port_that_is_in_use_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = free_port()
        assert free in PORTS
        assert free_port(Given(port, free)) == free
        with pytest.raises(PostgresError, match="no TCP port was free"):
            free_port(Given(port))
