"""How the steps of this plugin talk to a scrapli connection: reading, sending lines, and errors with a hint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nornflow import (
    ConnectionLost,
    DeviceError,
    LineRejected,
    NornFlowError,
    StepContext,
    StepError,
    UnexpectedPrompt,
)
from nornflow_scrapli.blocks import Block

CANDIDATE_PLATFORMS = frozenset(("juniper_junos", "juniper", "junos", "cisco_xr", "cisco_iosxr", "iosxr", "vyos"))
"""Platforms whose lines go into a candidate: this plugin commits none."""

_SAVES = {"cisco_nxos": "copy running-config startup-config", "nxos": "copy running-config startup-config"}
_REFUSED = re.compile(
    r"[ \t]*(?:% ?(?:Invalid|Incomplete|Ambiguous|Unknown|Unrecogni[sz]ed|Authorization failed|Permission denied)\b.*"
    r"|syntax error.*|unknown command.*)",
    re.IGNORECASE,
)


def refused(output: str) -> str:
    """Return the words with which a device refused a line, or an empty string.

    Only the first lines count, and `% BGP not active` is an answer: a log that quotes an error must not fail a read.
    """
    return next((line.strip() for line in output.splitlines()[:4] if _REFUSED.match(line)), "")


def read_accepted(context: StepContext, connection: Any, command: str, *, read_timeout: float) -> str:
    """Send one command and return its output; raises LineRejected when the device does not know the command."""
    with device_errors(context, f"`{command}`"):
        output = str(connection.send_command(command, timeout_ops=read_timeout).result)
    words = refused(output)
    if words:
        raise LineRejected(
            f"{device(context)} refused the command `{command}`: {words}",
            line=command,
            marker=words,
            hint="try the command on the device; another platform may need another spelling",
        )
    return output


def send_blocks(context: StepContext, connection: Any, blocks: Sequence[Block], *, read_timeout: float) -> str:
    """Send configuration block by block and leave configuration mode; return what the device said.

    Every ordinary line is sent only after the device's answer to the one before it; the first refused line stops the
    rest. Lines of a banner have no answers of their own. Raises LineRejected with the line and the device's words,
    StepError on a platform with a candidate.
    """
    platform = context.host.platform if context.host else ""
    if platform in CANDIDATE_PLATFORMS:
        raise StepError(
            f"{platform} takes lines into a candidate that must be committed, which this step does not do",
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
                    raise _rejected(context, answer.channel_input, refused(answer.result) or answer.result.strip())
        _leave(connection)
    return "\n".join(heard)


def save_config(context: StepContext, connection: Any) -> str:
    """Save the running configuration; LineRejected when the device refuses."""
    platform = context.host.platform if context.host else ""
    if platform in CANDIDATE_PLATFORMS:
        raise StepError(f"on {platform} what is committed is saved", hint="leave saving out")
    command = _SAVES.get(platform, "write memory")
    with device_errors(context, "saving the configuration"):
        output = str(connection.send_command(command).result)
    words = refused("\n".join(line for line in output.splitlines() if command not in line))
    if words:
        raise LineRejected(
            f"{device(context)} did not save its configuration: {words}",
            line=command,
            marker=words,
            hint="the running configuration is changed, the saved one is not; the user may lack the right to save",
        )
    return output


def _leave(connection: Any) -> None:
    connection.acquire_priv(connection.default_desired_privilege_level)


@contextmanager
def device_errors(context: StepContext, doing: str) -> Iterator[None]:
    """Turn scrapli's and the socket's exceptions into NornFlow's, each with a hint."""
    from scrapli.exceptions import ScrapliConnectionError, ScrapliException, ScrapliPrivilegeError, ScrapliTimeout

    name = device(context)
    try:
        yield
    except NornFlowError:
        raise
    except (ScrapliTimeout, ScrapliPrivilegeError) as error:
        raise UnexpectedPrompt(
            f"{name} did not come back to its prompt after {doing}",
            hint="raise `read_timeout`, or look whether the device asks a question there",
        ) from error
    except (ScrapliConnectionError, OSError, EOFError) as error:
        raise ConnectionLost(
            f"the session to {name} ended during {doing}: {_first_line(error)}",
            hint="the device may have restarted, or the change cut its management access",
        ) from error
    except ScrapliException as error:
        raise DeviceError(
            f"{name}: {doing} failed: {_first_line(error)}", hint="see scrapli's documentation"
        ) from error


def device(context: StepContext) -> str:
    """Return the name of the step's device for messages."""
    return context.host.name if context.host else "the device"


def _rejected(context: StepContext, line: str, words: str) -> LineRejected:
    return LineRejected(
        f"{device(context)} refused the line `{line}`: {words}",
        line=line,
        marker=words,
        hint="the lines before it were sent, the rest was not; correct the line or roll the device back",
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
