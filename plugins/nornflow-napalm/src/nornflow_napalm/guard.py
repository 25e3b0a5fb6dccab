"""The guard of NAPALM connections: the wire below netmiko-based drivers, the facade alone before API drivers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from nornflow import Candidate, ConnectionGuard, DeviceError, Login, NornFlowError, Surface, Target
from nornflow_napalm.raised import driver_errors, login_errors
from nornflow_napalm.sessions import adopt_session, begin_session
from nornflow_napalm.timer import EosCommitTimer

_DRIVERS = {
    "cisco_ios": "ios",
    "cisco_xe": "ios",
    "cisco_iosxe": "ios",
    "iosxe": "ios",
    "arista_eos": "eos",
    "cisco_nxos": "nxos",
    "juniper_junos": "junos",
    "cisco_xr": "iosxr",
}
_CREDENTIALS = ("password", "secret", "passphrase", "pkey", "key_file")
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 90.0

SURFACE = Surface(
    attributes=frozenset(("hostname", "platform", "profile", "timeout", "transport")),
    reads=frozenset(("compliance_report", "has_pending_commit", "is_alive", "ping", "traceroute")),
    read_prefixes=("get_",),
    commands={"cli": "commands"},
    candidate=Candidate(),
    multiline=frozenset(("validation_source",)),
)


class NapalmGuard(ConnectionGuard):
    """Guards the connection plugin `napalm` (nornir-napalm).

    Drivers on netmiko (ios) have the wire below them, and their candidate is held by the guard. Of API drivers only eos
    keeps its candidate on the device while planning: its configuration sessions touch nothing until they are committed.
    """

    connection = "napalm"
    surface = SURFACE
    native_platforms = frozenset(("arista_eos",))
    dead_men = MappingProxyType({"arista_eos": EosCommitTimer()})

    def service(self, platform: str) -> str:
        """Return `web` for drivers that speak to an API of their own, `netconf` for Junos and IOS XR, else `ssh`."""
        name = _DRIVERS.get(platform, platform)
        return {"eos": "web", "nxos": "web", "junos": "netconf", "iosxr_netconf": "netconf"}.get(name, "ssh")

    def load(self) -> None:
        """Import the driver."""
        from napalm import get_network_driver  # noqa: F401

    def open(self, target: Target, wrap: Callable[[Any], Any]) -> Any:
        """Log in with NAPALM's own driver; a netmiko session below it gets the wire."""
        from napalm import get_network_driver

        name = _DRIVERS.get(target.platform, target.platform)
        options = {key: value for key, value in target.extras.items() if key != "optional_args"}
        optional = dict(target.extras.get("optional_args") or {})
        if target.port and "port" not in optional:
            optional["port"] = target.port
        if name == "eos" and optional.get("transport") == "ssh":
            raise DeviceError(
                f"{target.host}: NAPALM's eos driver over SSH is not guarded",
                hint="let it use eAPI (optional_args: {transport: https}), or use netmiko",
            )
        with login_errors(target):
            if name == "ios" and optional.get("transport", "ssh") == "ssh":
                optional.setdefault("secret", target.password.reveal())
                optional.setdefault("sock", _connected(target))
            driver = get_network_driver(name)(
                target.hostname, target.username, target.password.reveal(), optional_args=optional, **options
            )
            driver.open()
        below = _netmiko(driver)
        if below is not None:
            channel = wrap(below.remote_conn)
            below.remote_conn = channel
            below.channel.remote_conn = channel
            below.remote_conn_pre = _Closer(Login.at_rest(below.remote_conn_pre))
        return driver

    def close(self, driver: Any) -> None:
        """End the session; a driver that is gone says nothing."""
        from napalm.base.exceptions import NapalmException
        from pyeapi.eapilib import EapiError

        # eos throws its candidate away first, and raises when the device has none
        with suppress(OSError, EOFError, NornFlowError, NapalmException, EapiError):
            driver.close()

    def forget(self, driver: Any) -> None:
        """Clear the driver's copies of the password; an API driver keeps the one that every request needs."""
        driver.password = ""
        below = _netmiko(driver)
        if below is None:
            return
        driver.netmiko_optional_args["secret"] = ""
        driver.netmiko_optional_args.pop("sock", None)
        for name in _CREDENTIALS:
            if getattr(below, name, None):
                setattr(below, name, "")
        below._secrets_filter.no_log.clear()
        below.remote_conn.forget()

    def read_config(self, driver: Any) -> str:
        """Return the running configuration."""
        below = _netmiko(driver)
        if below is not None:
            channel = below.remote_conn
            text: str = channel.ask(channel.running_config_command, READ_TIMEOUT)
            return text
        with driver_errors(driver):
            return str(driver.get_config(retrieve="running")["running"])

    def configure(self, driver: Any, lines: Sequence[str]) -> None:
        """Send the lines one by one where there is a wire; elsewhere merge and commit them as one candidate."""
        below = _netmiko(driver)
        if below is not None:
            below.remote_conn.push(lines)
            return
        with driver_errors(driver):
            driver.load_merge_candidate(config="\n".join(lines))
            driver.commit_config()

    def execute(self, driver: Any, command: str) -> str:
        """Run one granted exec command."""
        below = _netmiko(driver)
        if below is not None:
            answer: str = below.remote_conn.ask(command, READ_TIMEOUT)
            return answer
        with driver_errors(driver):
            return str(driver.cli([command])[command])

    def begin_candidate(self, driver: Any, run: str) -> None:
        """Name eos's next configuration session after the run, and abort what a process of the run that died left pending.

        NAPALM takes any other pending session for somebody's lock, and names its own by chance: nobody could tell whose.
        """
        if run and hasattr(driver, "config_session"):
            with driver_errors(driver):
                begin_session(driver, run)

    def adopt_commit(self, driver: Any, run: str) -> None:
        """Tell eos's driver the session of the run that waits to be confirmed, when a process that died had made it."""
        if run and hasattr(driver, "config_session"):
            with driver_errors(driver):
                adopt_session(driver, run)

    def compare_replace(self, driver: Any, text: str) -> str | None:
        """Load the text as a candidate that replaces everything, return the device's diff and throw the candidate away."""
        with driver_errors(driver):
            driver.load_replace_candidate(config=text)
            try:
                return str(driver.compare_config())
            finally:
                driver.discard_config()

    def replace(self, driver: Any, text: str) -> None:
        """Replace the whole configuration by the text, on drivers whose candidate lives on the device."""
        if _netmiko(driver) is not None:
            super().replace(driver, text)
        with driver_errors(driver):
            driver.load_replace_candidate(config=text)
            driver.commit_config()

    def abort(self, driver: Any) -> None:
        """Cut the HTTP connection of an eAPI driver."""
        connection = getattr(getattr(driver, "device", None), "connection", None)
        open_socket = getattr(getattr(connection, "transport", None), "sock", None)
        if open_socket is not None:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)


class _Closer:
    """What netmiko needs of its SSH client once it is open: to close it."""

    __slots__ = ("close",)

    def __init__(self, close: Callable[[], None]) -> None:
        self.close = close


def _netmiko(driver: Any) -> Any:
    """Return the netmiko connection below a driver, None when there is none."""
    below = getattr(driver, "_netmiko_device", None)
    return below if below is not None and getattr(below, "remote_conn", None) is not None else None


def _connected(target: Target) -> socket.socket:
    connected = socket.create_connection((target.hostname, target.port or 22), CONNECT_TIMEOUT)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    target.opened(connected)
    return connected
