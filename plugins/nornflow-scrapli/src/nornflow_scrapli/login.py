"""Logging in with scrapli: which driver and transport, the wire put in, the exec prompt reached, errors with a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nornflow import DeviceError, Login, NornFlowError, Target

CONNECT_TIMEOUT = 10.0
LOGIN_TIMEOUT = 20.0
TRANSPORTS = ("ssh2", "paramiko", "system")
"""The transports that the wire fits below; the first is used unless the inventory says otherwise."""

_DRIVERS = {
    **dict.fromkeys(("ios", "iosxe", "ios_xe", "cisco_ios", "cisco_xe"), "cisco_iosxe"),
    **dict.fromkeys(("frr", "frrouting", "vtysh"), "cisco_iosxe"),
    **dict.fromkeys(("nxos", "nxos_ssh"), "cisco_nxos"),
    **dict.fromkeys(("iosxr", "cisco_xr"), "cisco_iosxr"),
    "eos": "arista_eos",
    **dict.fromkeys(("junos", "juniper"), "juniper_junos"),
}
"""Platform names of NAPALM, netmiko and others, with scrapli's; FRR's vtysh behaves like IOS."""

_WIDE = {"cisco_iosxe": "terminal width 511", "cisco_nxos": "terminal width 511", "arista_eos": "terminal width 32767"}
"""What keeps long lines whole: libssh2 gives the terminal 80 columns, and behind them these platforms scroll the echo."""

_NARROW = frozenset(("frr", "frrouting", "vtysh"))
_NOT_TAKEN = {
    "channel_log": "it would keep what the device says unmasked; use NornFlow's record of the run",
    "on_open": "NornFlow logs in itself, and turns paging off",
    "on_close": "NornFlow ends sessions itself",
}


def log_in(target: Target, wrap: Callable[[Any], Any]) -> Any:
    """Return an open scrapli driver whose every written line is judged; raises DeviceError and its kinds."""
    with login_errors(target):
        driver, name = _driver(target)
        ends: list[Callable[[], None]] = []
        try:
            _log_in(driver, name, target, wrap, ends)
        except BaseException:
            for end in reversed(ends):
                end()
            raise
    return driver


def _driver(target: Target) -> tuple[Any, str]:
    """Return the driver of the target's platform with its name, not opened yet; DeviceError for what cannot be guarded."""
    from scrapli import Scrapli
    from scrapli.driver import GenericDriver
    from scrapli.exceptions import ScrapliException

    name = _DRIVERS.get(target.platform, target.platform)
    options = {**target.extras}
    for key, why in _NOT_TAKEN.items():
        if options.get(key):
            raise DeviceError(f"{target.host}: the connection option {key!r} is not taken: {why}", hint="remove it")
    if options.setdefault("transport", TRANSPORTS[0]) not in TRANSPORTS:
        raise DeviceError(
            f"{target.host}: the transport {options['transport']!r} of scrapli has no guard, so it stays closed",
            hint=f"use one of {', '.join(TRANSPORTS)}",
        )
    # scrapli would time each operation in a thread of its own (or by a signal), also when nobody asked for a limit;
    # without one a read ends after `timeout_transport` seconds of silence, and the step at its own time
    defaults = {"auth_strict_key": False, "timeout_ops": 0, "timeout_socket": CONNECT_TIMEOUT, "timeout_transport": 30}
    options = {
        **defaults,
        "host": target.hostname,
        "port": target.port or 22,
        "auth_username": target.username,
        "auth_password": target.password.reveal(),
        **options,
    }
    try:
        if name == "generic":
            return GenericDriver(**options), name
        return Scrapli(platform=name, **{"auth_secondary": target.password.reveal(), **options}), name
    except (ScrapliException, TypeError) as error:
        raise DeviceError(
            f"{target.host}: scrapli has no driver for this device: {_gist(error)}",
            hint="check the platform and the connection options of scrapli in the inventory",
        ) from error


def _log_in(driver: Any, name: str, target: Target, wrap: Callable[[Any], Any], ends: list[Callable[[], None]]) -> None:
    """Do what scrapli's own open does, with the wire in place before the shell is used."""
    from nornflow_scrapli.transport import GuardedTransport

    below = driver.transport
    pipe, secret = _session(driver, target, ends), getattr(driver, "auth_secondary", "")
    channel = wrap(pipe)
    # paramiko's channel does not close what it runs over
    guarded = GuardedTransport(below._base_transport_args, channel, getattr(pipe, "transport", pipe).close)
    ends.append(guarded.close)
    driver.transport = driver.channel.transport = guarded
    if driver.transport_name == "system":
        channel.find_prompt(LOGIN_TIMEOUT)  # scrapli has read the first one already
    channel.log_in(secret, LOGIN_TIMEOUT)
    if name in _WIDE and target.platform not in _NARROW:
        channel.ask(_WIDE[name], LOGIN_TIMEOUT)
    at_exec_prompt(driver, channel)


def _session(driver: Any, target: Target, ends: list[Callable[[], None]]) -> Any:
    """Open the session with scrapli's own transport; return it in the shape of a paramiko channel."""
    from nornflow_scrapli.libssh import open_libssh
    from nornflow_scrapli.pipe import ProcessPipe

    transport = driver.transport
    if driver.transport_name == "system":
        ends.append(transport.close)
        driver.timeout_ops, before = driver.timeout_ops or LOGIN_TIMEOUT, driver.timeout_ops
        transport.open()
        driver.channel.channel_authenticate_ssh(
            auth_password=driver.auth_password, auth_private_key_passphrase=driver.auth_private_key_passphrase
        )
        driver.timeout_ops = before
        return ProcessPipe(transport.session)
    connected = Login(target).connect(driver.timeout_socket)
    ends.append(connected.close)
    if driver.transport_name == "ssh2":
        return open_libssh(transport, connected)
    from scrapli.transport.base.base_socket import Socket

    transport.socket = Socket(host=target.hostname, port=target.port or 22, timeout=driver.timeout_socket)
    transport.socket.sock = connected
    ends.append(lambda: transport.session and transport.session.close())
    transport.open()
    return transport.session_channel


def at_exec_prompt(driver: Any, channel: Any) -> None:
    """Tell a scrapli driver that its session is in exec mode, which it would otherwise ask the device."""
    levels = getattr(driver, "privilege_levels", {})
    level = levels.get(getattr(driver, "default_desired_privilege_level", ""))
    if level is not None and level.name == "privilege_exec" and channel.privileged:
        driver._current_priv_level = level
    elif levels:
        from scrapli.driver.network.base_driver import DUMMY_PRIV_LEVEL

        driver._current_priv_level = DUMMY_PRIV_LEVEL


@contextmanager
def login_errors(target: Target) -> Iterator[None]:
    """Turn what goes wrong while logging in into NornFlow's errors, each with host, address and a hint."""
    from scrapli.exceptions import ScrapliAuthenticationFailed, ScrapliException, ScrapliTimeout

    login = Login(target)
    try:
        yield
    except NornFlowError:
        raise
    except ScrapliAuthenticationFailed as error:
        raise login.refused() from error
    except ScrapliTimeout as error:
        raise login.no_prompt(_gist(error)) from error
    except (ScrapliException, OSError, EOFError, *_library_errors()) as error:
        raise login.dropped(_gist(error)) from error


def _library_errors() -> tuple[type[Exception], ...]:
    """Return the base errors of the libraries that scrapli's transports let through."""
    from paramiko.ssh_exception import SSHException

    found: list[type[Exception]] = [SSHException]
    with suppress(ImportError):
        from ssh2.exceptions import SSH2Error

        found.append(SSH2Error)
    return tuple(found)


def _gist(error: BaseException) -> str:
    lines = [line.strip() for line in str(error or error.__cause__).splitlines() if line.strip()]
    return (lines or [type(error.__cause__ or error).__name__])[0]
