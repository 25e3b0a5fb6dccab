"""The guarded channel for drivers that want a `paramiko.Channel`, as netmiko does."""

from __future__ import annotations

import paramiko

from nornflow.devices.guard.channel import GuardedChannel


class GuardedParamikoChannel(GuardedChannel, paramiko.Channel):  # type: ignore[override]
    """A guarded channel that is one of paramiko's too.

    paramiko's own `__init__` is not called: this channel has no buffers, every call goes through the real one.
    """

    def __del__(self) -> None:
        """Leave closing to the session; paramiko's own would close a channel that this object never opened."""
