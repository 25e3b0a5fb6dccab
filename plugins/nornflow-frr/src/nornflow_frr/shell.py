"""A shell account on a router: a connection of its own that no task can use, for what the router does by itself."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

from nornflow import (
    AuthenticationFailed,
    ConnectionGuard,
    ConnectionLost,
    DeviceError,
    Surface,
    Target,
    UnexpectedPrompt,
    Unreachable,
)
from nornflow_frr.dead_man import FrrDeadMan

CONNECT_TIMEOUT = 10.0
FRR = "/usr/lib/frr"


@dataclass(frozen=True, slots=True)
class Shell:
    """A login to the router's shell; `frr` is the folder of its tools, `space` its path space (empty as a rule)."""

    host: str
    client: Any
    frr: str = FRR
    space: str = ""

    def run(self, script: str, *words: str, given: str = "", seconds: float = 30.0) -> str:
        """Run a script with these words as its arguments and `given` as its input; return what it says, without line ends.

        DeviceError with its words when it fails, UnexpectedPrompt when it does not end in time, ConnectionLost.
        """
        command = shlex.join(("sh", "-c", script, "nornflow", *words))
        try:
            channel = self.client.get_transport().open_session(timeout=seconds)
            channel.settimeout(seconds)
            channel.exec_command(command)
            channel.sendall(given.encode())
            channel.shutdown_write()
            said: str = channel.makefile("rb").read().decode("utf-8", "replace").strip()
            errors = channel.makefile_stderr("rb").read().decode("utf-8", "replace").strip()
            code = channel.recv_exit_status()
        except TimeoutError as error:
            raise UnexpectedPrompt(f"{self.host}: its shell did not answer within {seconds:g} s") from error
        except Exception as error:
            raise _lost(self.host, error) from error
        if code:
            raise DeviceError(
                f"{self.host}: its shell answered {code}: {(errors or said).splitlines()[-1:] or ['nothing']}",
                hint="the account needs a POSIX shell, /var/tmp, frr-reload.py and the groups frr and frrvty",
            )
        return said

    def close(self) -> None:
        """Log out."""
        self.client.close()


def _lost(host: str, error: Exception) -> Exception:
    from paramiko.ssh_exception import SSHException

    if isinstance(error, (SSHException, OSError, EOFError, AttributeError)):
        return ConnectionLost(
            f"{host}: the session to its shell ended", hint="see whether the change cut the way to it"
        )
    return error


class FrrShellGuard(ConnectionGuard):
    """Guards the connection `frr_shell`: a shell account on the router, beside the one that lands in vtysh.

    The inventory says how to log in (`connection_options: {frr_shell: {...}}`); `extras` may have `frr`, the folder of
    frr-reload.py, and `pathspace`. Nothing of it is open to tasks: only the router's dead-man works over it.
    """

    connection = "frr_shell"
    surface = Surface()
    dead_men = MappingProxyType({"frr": FrrDeadMan()})

    def open(self, target: Target, wrap: Callable[[Any], Any]) -> Shell:
        """Log in; raises Unreachable, AuthenticationFailed and ConnectionLost."""
        import paramiko
        from paramiko.ssh_exception import SSHException

        where = f"{target.host} ({target.hostname}:{target.port or 22}, its shell)"
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        options = {key: value for key, value in target.extras.items() if key not in ("frr", "pathspace")}
        try:
            connected = socket.create_connection((target.hostname, target.port or 22), CONNECT_TIMEOUT)
            target.opened(connected)
            client.connect(
                target.hostname,
                target.port or 22,
                target.username,
                target.password.reveal(),
                sock=connected,
                **{"look_for_keys": False, "allow_agent": False, "timeout": CONNECT_TIMEOUT, **options},
            )
        except paramiko.AuthenticationException as error:
            client.close()
            raise AuthenticationFailed(
                f"{where} refused the login of {target.username!r}",
                hint="check username and password of frr_shell in the inventory",
            ) from error
        except (ConnectionRefusedError, TimeoutError, socket.gaierror) as error:
            client.close()
            raise Unreachable(
                f"{where}: {error}", hint="check hostname and port of frr_shell in the inventory"
            ) from error
        except (SSHException, OSError, EOFError) as error:
            client.close()
            raise ConnectionLost(f"{where}: the session was dropped: {error}", hint="try again") from error
        return Shell(
            target.host, client, str(target.extras.get("frr") or FRR), str(target.extras.get("pathspace") or "")
        )

    def close(self, driver: Shell) -> None:
        """Log out."""
        with suppress(OSError, EOFError):
            driver.close()

    def forget(self, driver: Shell) -> None:
        """Clear the password that paramiko keeps for authentication."""
        handler = driver.client.get_transport().auth_handler
        if handler is not None:
            handler.password = None

    def read_config(self, driver: Shell) -> str:
        """Return the running configuration, as vtysh shows it."""
        return driver.run('exec vtysh ${1:+-N "$1"} -c "show running-config"', driver.space) + "\n"

    def configure(self, driver: Shell, lines: Sequence[str]) -> NoReturn:
        """Refuse: configuration lines go through vtysh, over the connection that steps use."""
        raise DeviceError("frr_shell takes no configuration lines", hint="use netmiko, which logs in to vtysh")

    def abort(self, driver: Shell) -> None:
        """Cut the session."""
        transport = driver.client.get_transport()
        if transport is not None:
            transport.sock.close()
