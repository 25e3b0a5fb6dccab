"""The guard of netmiko connections: opened with the wire below them, and used by tasks through a closed list of methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from nornflow import ConnectionGuard, Login, NornFlowError, Surface, Target
from nornflow_netmiko.importing import import_netmiko

_DEVICE_TYPES = {
    "ios": "cisco_ios",
    "iosxe": "cisco_xe",
    "nxos": "cisco_nxos",
    "nxos_ssh": "cisco_nxos",
    "eos": "arista_eos",
    "junos": "juniper_junos",
    "iosxr": "cisco_xr",
    "frr": "cisco_ios",
}
"""Platform names of NAPALM and others, with netmiko's; FRR's vtysh behaves like IOS."""

_CREDENTIALS = ("password", "secret", "passphrase", "pkey", "key_file")
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 90.0

SURFACE = Surface(
    attributes=frozenset(
        (
            *(
                "RETURN",
                "RESPONSE_RETURN",
                "TELNET_RETURN",
                "ansi_escape_codes",
                "base_prompt",
                "device_type",
                "encoding",
            ),
            *(
                "fast_cli",
                "global_cmd_verify",
                "global_delay_factor",
                "host",
                "port",
                "protocol",
                "read_timeout_override",
            ),
            *("timeout", "verbose"),
        )
    ),
    calls=frozenset(
        (
            *("check_config_mode", "check_enable_mode", "clear_buffer", "commit", "config_mode", "enable"),
            *(
                "exit_config_mode",
                "exit_enable_mode",
                "find_prompt",
                "is_alive",
                "normalize_cmd",
                "normalize_linefeeds",
            ),
            *(
                "read_channel",
                "read_channel_timing",
                "read_until_pattern",
                "read_until_prompt",
                "save_config",
            ),
            *("read_until_prompt_or_pattern", "select_delay_factor", "set_base_prompt", "strip_ansi_escape_codes"),
            *("strip_backspaces", "strip_command", "strip_prompt"),
        )
    ),
    commands={
        "send_command": "command_string",
        "send_command_expect": "command_string",
        "send_command_timing": "command_string",
        "send_multiline": "commands",
        "send_multiline_timing": "commands",
    },
    configures={"send_config_set": "config_commands"},
    configure_files={"send_config_from_file": "config_file"},
    raw=frozenset(("write_channel", "channel", "remote_conn")),
    closed=frozenset(("use_ttp", "ttp_template")),  # TTP runs the Python that a template holds
)


class NetmikoGuard(ConnectionGuard):
    """Guards the connection plugin `netmiko` (nornir-netmiko). `read_timeout` is in seconds, for the guard's own reads."""

    connection = "netmiko"
    surface = SURFACE

    def __init__(self, *, read_timeout: float = READ_TIMEOUT) -> None:
        self.read_timeout = read_timeout

    def load(self) -> None:
        """Import the driver."""
        import_netmiko()

    def open(self, target: Target, wrap: Callable[[Any], Any]) -> Any:
        """Log in, reach the privileged exec prompt, and return the netmiko connection with the wire below it."""
        from netmiko import ssh_dispatcher

        options = dict(target.extras)
        device_type = options.pop("device_type", None) or _DEVICE_TYPES.get(target.platform, target.platform)
        with login_errors(target):
            driver_class = ssh_dispatcher(device_type)
            options.setdefault("secret", target.password.reveal())
            options.setdefault("conn_timeout", CONNECT_TIMEOUT)
            if "sock" not in options and "ssh_config_file" not in options:
                options["sock"] = Login(target).connect(options["conn_timeout"])
            connection = driver_class(
                device_type=device_type,
                host=target.hostname,
                port=target.port or 22,
                username=target.username,
                password=target.password.reveal(),
                auto_connect=False,
                **options,
            )
            try:
                _log_in(connection, wrap)
            except BaseException:
                self.close(connection)
                raise
        return connection

    def close(self, driver: Any) -> None:
        """End the session."""
        if getattr(driver.remote_conn, "at_prompt", False):
            # the wire has seen the exec prompt; netmiko would have the device answer once more to know that
            driver.check_config_mode = lambda *_, **__: False
        with suppress(OSError, EOFError, NornFlowError):
            driver.disconnect()

    def forget(self, driver: Any) -> None:
        """Clear password, secret and key from the connection and from paramiko below it."""
        forget_netmiko(driver)

    def read_config(self, driver: Any) -> str:
        """Return the running configuration, read by the prompt and not by waiting."""
        channel = driver.remote_conn
        text: str = channel.ask(channel.running_config_command, self.read_timeout)
        return text

    def configure(self, driver: Any, lines: Sequence[str]) -> None:
        """Send the lines one by one, each after the device's answer to the one before."""
        driver.remote_conn.push(lines, self.read_timeout)

    def execute(self, driver: Any, command: str) -> str:
        """Run one granted exec command."""
        answer: str = driver.remote_conn.ask(command, self.read_timeout)
        return answer


def _log_in(connection: Any, wrap: Callable[[Any], Any]) -> None:
    """Do what netmiko's own connect does, with the wire in place before the first byte is exchanged."""
    connection._modify_connection_params()
    connection.establish_connection()
    wrap_netmiko(connection, wrap)
    connection._try_session_preparation()
    if not connection.remote_conn.privileged and not connection.check_enable_mode():
        connection.enable()


def wrap_netmiko(connection: Any, wrap: Callable[[Any], Any]) -> None:
    """Put the guarded channel in the place of netmiko's own, and keep only a way to close what is below it."""
    channel = wrap(connection.remote_conn)
    connection.remote_conn = channel
    connection.channel.remote_conn = channel
    connection.remote_conn_pre = _Closer(Login.at_rest(connection.remote_conn_pre))


class _Closer:
    """What netmiko needs of its SSH client once it is open: to close it."""

    __slots__ = ("close",)

    def __init__(self, close: Callable[[], None]) -> None:
        self.close = close


def forget_netmiko(connection: Any) -> None:
    """Clear every copy of the credentials that a netmiko connection holds."""
    for name in _CREDENTIALS:
        if getattr(connection, name, None):
            setattr(connection, name, "")
    connection._secrets_filter.no_log.clear()
    connection.remote_conn.forget()


@contextmanager
def login_errors(target: Target) -> Iterator[None]:
    """Turn what goes wrong while logging in into NornFlow's errors, each with host, address and a hint."""
    from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException, ReadTimeout
    from paramiko.ssh_exception import SSHException

    login = Login(target)
    try:
        yield
    except NornFlowError:
        raise
    except NetmikoAuthenticationException as error:
        raise login.refused() from error
    except (ReadTimeout, ValueError) as error:
        raise login.no_prompt(_gist(error)) from error
    except NetmikoBaseException as error:
        raise login.no_session(_gist(error)) from error
    except (SSHException, OSError, EOFError) as error:
        raise login.dropped(_gist(error)) from error


def _gist(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith(("A paramiko SSHException", "Things you might"))]
    return (useful or [type(error).__name__])[0]
