"""The guard of paramiko connections: commands and shells run in one session that has the wire below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from nornflow import ConnectionGuard, Login, NornFlowError, Surface, Target
from nornflow_netmiko.guard import CONNECT_TIMEOUT, READ_TIMEOUT, login_errors

SURFACE = Surface(
    calls=frozenset(("get_transport", "invoke_shell")),
    commands={"exec_command": "command"},
)


class ParamikoGuard(ConnectionGuard):
    """Guards the connection plugin `paramiko` (nornir-paramiko) towards network devices."""

    connection = "paramiko"
    surface = SURFACE

    def open(self, target: Target, wrap: Callable[[Any], Any]) -> Any:
        """Log in, open the one shell, reach the privileged exec prompt and turn paging off."""
        import paramiko
        from netmiko.exceptions import NetmikoAuthenticationException

        from nornflow_netmiko.paramiko_session import ParamikoSession

        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        options = {key: value for key, value in target.extras.items() if key not in ("secret", "sock")}
        options.setdefault("timeout", CONNECT_TIMEOUT)
        with login_errors(target):
            try:
                client.connect(
                    target.hostname,
                    target.port or 22,
                    target.username,
                    target.password.reveal(),
                    sock=Login(target).connect(options["timeout"]),
                    **{"look_for_keys": False, "allow_agent": False, **options},
                )
                channel = wrap(client.invoke_shell(term="vt100", width=511, height=1000))
                channel.log_in(target.extras.get("secret") or target.password.reveal())
            except paramiko.AuthenticationException as error:
                client.close()
                raise NetmikoAuthenticationException(str(error)) from error
            except BaseException:
                client.close()
                raise
        return ParamikoSession(channel, Login.at_rest(client))

    def close(self, driver: Any) -> None:
        """End the session."""
        with suppress(OSError, EOFError, NornFlowError):
            driver.close()

    def forget(self, driver: Any) -> None:
        """Clear the password that paramiko keeps for authentication."""
        driver.shell.forget()

    def read_config(self, driver: Any) -> str:
        """Return the running configuration."""
        text: str = driver.shell.ask(driver.shell.running_config_command, READ_TIMEOUT)
        return text

    def configure(self, driver: Any, lines: Sequence[str]) -> None:
        """Send the lines one by one, each after the device's answer to the one before."""
        driver.shell.push(lines)

    def execute(self, driver: Any, command: str) -> str:
        """Run one granted exec command."""
        answer: str = driver.shell.ask(command, READ_TIMEOUT)
        return answer
