"""How the steps of this plugin talk to a netmiko connection: reading, sending lines, and errors with a hint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nornflow import (
    AuthenticationFailed,
    Block,
    DeviceError,
    LineRejected,
    NornFlowError,
    StepContext,
    StepError,
    Talk,
    Unreachable,
    first_line,
)

COMMITTING = frozenset({"juniper_junos", "juniper", "junos"})
"""Platforms whose lines go into a candidate that this plugin commits."""

CANDIDATE_PLATFORMS = frozenset({"cisco_xr", "iosxr", "vyos", "paloalto_panos"})
"""Platforms with a candidate whose change nobody here can predict or take back."""

_EXCLUSIVE = "configure exclusive"
_COMMIT_TIMEOUT = 120.0

_SYSLOG = r"[A-Z0-9_]+(?:-[A-Z0-9_]+)*-\d-[A-Z0-9_]+:"
_NOTE = (
    r" ?(?:Warning|Note|Generating|The key|Portfast|Applying|Interface \S+ IPv[46] disabled|OSPF: Reference bandwidth)"
)
REJECTED = rf"^[ \t]*(?:%(?!{_SYSLOG}|{_NOTE}) ?[A-Z].*|syntax error.*|[Ee]rror: .*|unknown command.*)"
"""How the platforms refuse a configuration line: `% Invalid input ...`, `error: ...`; syslog and notes are no refusals."""

_NAMES = re.compile(
    r"\s*(?:no\s+|default\s+)?(?:(?:hostname|switchname|sysname)\b|(?:set|delete) system host-name\b)", re.IGNORECASE
)
_NETMIKO_INVALID = re.compile(r"command: (?P<line>.*), matched error: ", re.DOTALL)


def read(context: StepContext, connection: Any, command: str, **options: Any) -> str:
    """Send one command and return its output as text; raises DeviceError and its kinds."""
    with device_errors(context, f"`{command}`"):
        return str(connection.send_command(command, **options))


def read_accepted(context: StepContext, connection: Any, command: str, **options: Any) -> str:
    """Send one command and return its output; raises LineRejected when the device does not know the command."""
    return Talk(context).accepted(command, read(context, connection, command, **options))


def commits(context: StepContext) -> bool:
    """Tell whether the step's device takes lines into a candidate that has to be committed."""
    return Talk(context).platform in COMMITTING


def send_blocks(
    context: StepContext, connection: Any, blocks: Sequence[Block], *, read_timeout: float, commit: bool = True
) -> str:
    """Send configuration block by block and leave configuration mode; return what the device said.

    Every ordinary line is sent only after the device's answer to the one before it; the first refused line stops the
    rest. Lines of a banner have no answers of their own: the device's answer to the whole block is judged. On a platform
    with a candidate the lines are committed, or without `commit` compared, checked and discarded.
    Raises LineRejected with the line and the device's words, StepError where a candidate is not known well enough.
    """
    from netmiko.exceptions import ConfigInvalidException

    candidate = commits(context)
    _check_platform(context, commit)
    heard: list[str] = []
    with device_errors(context, "sending configuration"):
        try:
            for number, block in enumerate(blocks):
                options: dict[str, Any] = {"enter_config_mode": number == 0, "exit_config_mode": False}
                if candidate and number == 0:
                    options |= {"config_mode_command": _EXCLUSIVE}
                if block.answered:
                    options |= {"error_pattern": REJECTED, "bypass_commands": ""}
                else:
                    options |= {"cmd_verify": False}
                output = connection.send_config_set(list(block.lines), read_timeout=read_timeout, **options)
                heard.append(output)
                found = None if block.answered else re.search(REJECTED, output, re.MULTILINE)
                if found:
                    raise Talk(context).line_rejected(block.lines[0], found.group(0).strip())
            if candidate:
                heard.append(_concluded(connection, commit))
        except (ConfigInvalidException, LineRejected) as error:
            if not candidate:  # there the guard leaves, and says that the candidate is to be discarded
                _leave(connection, error)
            raise
        if candidate and not commit:
            return "".join(heard)
        heard.append(connection.exit_config_mode() if blocks else "")
        if any(_NAMES.match(line) for block in blocks for line in block.lines):
            connection.set_base_prompt()  # netmiko goes by the prompt of the login, which is now another one
    return "".join(heard)


def _check_platform(context: StepContext, commit: bool) -> None:
    platform = Talk(context).platform
    if platform in CANDIDATE_PLATFORMS:
        raise StepError(
            f"{platform} takes lines into a candidate that must be committed; this step knows only that of Junos",
            hint="use napalm.config, which compares, commits and can take a commit back",
        )
    if not commit and platform not in COMMITTING:
        raise StepError(
            f"{platform or 'this platform'} has no candidate: a line acts as soon as it is taken, so nothing can be left"
            " uncommitted",
            hint="leave `commit: false` out; `nornflow plan` shows what the step would change",
        )


def _concluded(connection: Any, commit: bool) -> str:
    """Commit what was loaded, or have it compared and checked; return what the device said."""
    last = ["commit"] if commit else ["show | compare", "commit check"]
    return str(
        connection.send_config_set(
            last,
            read_timeout=_COMMIT_TIMEOUT,
            enter_config_mode=False,
            exit_config_mode=False,
            error_pattern=REJECTED,
            bypass_commands="",
        )
    )


@contextmanager
def device_errors(context: StepContext, doing: str) -> Iterator[None]:
    """Turn netmiko's, paramiko's and the socket's exceptions into NornFlow's, each with a hint."""
    from netmiko.exceptions import (
        ConfigInvalidException,
        NetmikoAuthenticationException,
        NetmikoBaseException,
        NetmikoTimeoutException,
        ReadTimeout,
    )
    from paramiko.ssh_exception import SSHException

    talk = Talk(context)
    try:
        yield
    except NornFlowError:
        raise
    except ConfigInvalidException as error:
        found = _NETMIKO_INVALID.search(str(error))
        line = found["line"].strip() if found else ""
        words = str(error)[found.end() :] if found else str(error)
        raise talk.line_rejected(line, " ".join(words.split())) from error
    except NetmikoAuthenticationException as error:
        raise AuthenticationFailed(
            f"{talk.device} refused the login of the user",
            hint="check username and password of the host in the inventory",
        ) from error
    except NetmikoTimeoutException as error:
        raise Unreachable(
            f"{talk.device} cannot be reached: {first_line(error)}", hint="check hostname and port in the inventory"
        ) from error
    except ReadTimeout as error:
        raise talk.no_prompt(doing) from error
    except (SSHException, OSError, EOFError) as error:
        raise talk.connection_lost(doing, error) from error
    except NetmikoBaseException as error:
        raise DeviceError(
            f"{talk.device}: {doing} failed: {first_line(error)}", hint="see netmiko's documentation"
        ) from error


def _leave(connection: Any, error: Exception) -> None:
    """Leave configuration mode after a refused line; when that does not work either, it stands beside the first error."""
    from netmiko.exceptions import NetmikoBaseException
    from paramiko.ssh_exception import SSHException

    try:
        connection.exit_config_mode()
    except (NornFlowError, NetmikoBaseException, SSHException, OSError, EOFError) as second:
        error.add_note(f"and the session did not come back to the exec prompt: {first_line(second)}")
