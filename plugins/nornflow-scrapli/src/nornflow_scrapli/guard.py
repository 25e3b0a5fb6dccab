"""The guard of scrapli connections: opened with the wire below them, and used by tasks through a closed list of methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from nornflow import ConnectionGuard, NornFlowError, Surface, Target

READ_TIMEOUT = 90.0
_CREDENTIALS = ("auth_password", "auth_secondary", "auth_private_key_passphrase")

SURFACE = Surface(
    attributes=frozenset(
        (
            *("comms_prompt_pattern", "comms_return_char", "default_desired_privilege_level", "failed_when_contains"),
            *("genie_platform", "host", "port", "textfsm_platform", "timeout_ops", "timeout_socket"),
            *("timeout_transport", "transport_name"),
        )
    ),
    calls=frozenset(("acquire_priv", "get_prompt", "isalive")),
    commands={
        "send_command": "command",
        "send_commands": "commands",
        "send_and_read": "channel_input",
        "send_interactive": "interact_events",
    },
    command_files={"send_commands_from_file": "file"},
    configures={"send_config": "config", "send_configs": "configs"},
    configure_files={"send_configs_from_file": "file"},
    raw=frozenset(("channel", "transport")),
)


class ScrapliGuard(ConnectionGuard):
    """Guards the connection plugin `scrapli` (nornir-scrapli). `read_timeout` is in seconds, for the guard's own reads.

    `commandeer`, `read_callback` (it hands the driver itself to the caller's code), `open` and `close` are not there.
    """

    connection = "scrapli"
    surface = SURFACE

    def __init__(self, *, read_timeout: float = READ_TIMEOUT) -> None:
        self.read_timeout = read_timeout

    def load(self) -> None:
        """Import the driver."""
        from nornflow_scrapli.login import log_in  # noqa: F401

    def open(self, target: Target, wrap: Callable[[Any], Any]) -> Any:
        """Log in, reach the privileged exec prompt, and return the scrapli driver with the wire below it."""
        from nornflow_scrapli.login import log_in

        return log_in(target, wrap)

    def close(self, driver: Any) -> None:
        """End the session; scrapli's own `on_close` asks the device for its prompt first, which may be gone."""
        with suppress(OSError, EOFError, NornFlowError):
            driver.transport.close()

    def forget(self, driver: Any) -> None:
        """Clear passwords and passphrase from the driver, and from paramiko where that is below it."""
        for name in _CREDENTIALS:
            if getattr(driver, name, None):
                setattr(driver, name, "")
        _channel(driver).forget()

    def settle(self, driver: Any) -> None:
        """Tell scrapli that its session is back at the exec prompt."""
        from nornflow_scrapli.login import at_exec_prompt

        at_exec_prompt(driver, _channel(driver))

    def read_config(self, driver: Any) -> str:
        """Return the running configuration, read by the prompt."""
        channel = _channel(driver)
        text: str = channel.ask(channel.running_config_command, self.read_timeout)
        return text

    def configure(self, driver: Any, lines: Sequence[str]) -> None:
        """Send the lines one by one, each after the device's answer to the one before."""
        _channel(driver).push(lines, self.read_timeout)

    def execute(self, driver: Any, command: str) -> str:
        """Run one granted exec command."""
        answer: str = _channel(driver).ask(command, self.read_timeout)
        return answer


def _channel(driver: Any) -> Any:
    """Return the guarded channel below a driver that was opened here."""
    return driver.transport.guarded
