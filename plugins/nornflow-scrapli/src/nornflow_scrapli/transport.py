"""What a scrapli driver has in place of its transport: the guarded channel, in scrapli's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scrapli.exceptions import ScrapliConnectionError, ScrapliTimeout
from scrapli.transport.base import BaseTransportArgs, Transport


class GuardedTransport(Transport):  # type: ignore[misc]  # scrapli is not looked into
    """A transport whose every written line is judged, in the place of the one that logged in.

    A read waits `timeout_transport` seconds for the device's next words, also when the operation has no limit of its own.
    """

    def __init__(self, arguments: BaseTransportArgs, channel: Any, close: Callable[[], None]) -> None:
        super().__init__(base_transport_args=arguments)
        self.guarded = channel
        self._close = close

    def open(self) -> None:
        """Refuse: the guard opens sessions itself."""
        raise ScrapliConnectionError("a session is opened by its host alone; use host.get_connection()")

    def close(self) -> None:
        """End the session."""
        self.guarded.close()
        self._close()

    def isalive(self) -> bool:
        """Tell whether the session is open."""
        return not self.guarded.closed

    def read(self) -> bytes:
        """Return what the device wrote, or what the guard answered in its place; ScrapliTimeout when it is silent."""
        self.guarded.settimeout(self._base_transport_args.timeout_transport or None)
        try:
            data: bytes = self.guarded.recv(65535)
        except TimeoutError as error:
            raise ScrapliTimeout("the device was silent for too long") from error
        return data

    def write(self, channel_input: bytes) -> None:
        """Judge the bytes and send what is allowed."""
        self.guarded.sendall(channel_input)
