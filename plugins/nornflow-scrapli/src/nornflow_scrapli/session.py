"""How the steps of this plugin talk to a scrapli connection: reading, sending lines, and errors with a hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nornflow import Block, DeviceError, NornFlowError, StepContext, StepError, Talk, first_line

CANDIDATE_PLATFORMS = frozenset(("juniper_junos", "juniper", "junos", "cisco_xr", "cisco_iosxr", "iosxr", "vyos"))
"""Platforms whose lines go into a candidate: this plugin commits none."""

_SAVES = {"cisco_nxos": "copy running-config startup-config", "nxos": "copy running-config startup-config"}


def read_accepted(context: StepContext, connection: Any, command: str, *, read_timeout: float) -> str:
    """Send one command and return its output; raises LineRejected when the device does not know the command."""
    with device_errors(context, f"`{command}`"):
        output = str(connection.send_command(command, timeout_ops=read_timeout).result)
    return Talk(context).accepted(command, output)


def send_blocks(context: StepContext, connection: Any, blocks: Sequence[Block], *, read_timeout: float) -> str:
    """Send configuration block by block and leave configuration mode; return what the device said.

    Every ordinary line is sent only after the device's answer to the one before it; the first refused line stops the
    rest. Lines of a banner have no answers of their own. Raises LineRejected with the line and the device's words,
    StepError on a platform with a candidate.
    """
    talk = Talk(context)
    if talk.platform in CANDIDATE_PLATFORMS:
        raise StepError(
            f"{talk.platform} takes lines into a candidate that must be committed, which this step does not do",
            hint="use napalm.config, which compares, commits and can take a commit back",
        )
    heard: list[str] = []
    with device_errors(context, "sending configuration"):
        for block in blocks:
            answers = connection.send_configs(
                list(block.lines), stop_on_failed=True, eager=not block.answered, timeout_ops=read_timeout
            )
            heard.extend(answer.result for answer in answers)
            for answer in answers:
                if answer.failed:
                    _leave(connection)
                    words = talk.refused(answer.result) or answer.result.strip()
                    raise talk.line_rejected(answer.channel_input, words)
        _leave(connection)
    return "\n".join(heard)


def save_config(context: StepContext, connection: Any) -> str:
    """Save the running configuration; LineRejected when the device refuses."""
    platform = Talk(context).platform
    if platform in CANDIDATE_PLATFORMS:
        raise StepError(f"on {platform} what is committed is saved", hint="leave saving out")
    command = _SAVES.get(platform, "write memory")
    with device_errors(context, "saving the configuration"):
        output = str(connection.send_command(command).result)
    Talk(context).saved(command, "\n".join(line for line in output.splitlines() if command not in line))
    return output


def _leave(connection: Any) -> None:
    connection.acquire_priv(connection.default_desired_privilege_level)


@contextmanager
def device_errors(context: StepContext, doing: str) -> Iterator[None]:
    """Turn scrapli's and the socket's exceptions into NornFlow's, each with a hint."""
    from scrapli.exceptions import ScrapliConnectionError, ScrapliException, ScrapliPrivilegeError, ScrapliTimeout

    talk = Talk(context)
    try:
        yield
    except NornFlowError:
        raise
    except (ScrapliTimeout, ScrapliPrivilegeError) as error:
        raise talk.no_prompt(doing) from error
    except (ScrapliConnectionError, OSError, EOFError) as error:
        raise talk.connection_lost(doing, error) from error
    except ScrapliException as error:
        raise DeviceError(
            f"{talk.device}: {doing} failed: {first_line(error)}", hint="see scrapli's documentation"
        ) from error
