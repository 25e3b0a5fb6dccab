"""Steps that keep a device's configuration as a file, and push such a file back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, Mode, StepContext, StepError, StepResult, StepType, Talk, all_lines, split_blocks
from nornflow_netmiko.session import read_accepted, send_blocks

_COMMANDS = {"juniper_junos": {"running": "show configuration | display set"}}
_VOLATILE = re.compile(
    r"^\s*(?:Building configuration.*|(?:Current|Startup) configuration\b.*|Using \d+ .*|ntp clock-period .*|end)\s*$"
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _command(context: StepContext, config_type: str) -> str:
    return _COMMANDS.get(Talk(context).platform, {}).get(config_type, f"show {config_type}-config")


class BackupParams(BaseModel):
    """The keys of a `netmiko.backup` step."""

    model_config = ConfigDict(extra="forbid")

    config_type: Literal["running", "startup"] = Field("running", description="Which configuration is kept.")
    backup_dir: str = Field("backups", description="Folder in the run's workspace.")
    filename_template: str = Field(
        "{host}_{timestamp}.cfg",
        description="Name of the file; {host}, {timestamp} (UTC) and {config_type} are filled in.",
    )
    include_timestamp: bool = Field(True, description="Without it {timestamp} and the `_` before it are left out.")
    read_timeout: float = Field(60.0, description="Seconds to wait for the whole configuration.", gt=0, le=3600)


class BackupStep(StepType):
    """Read a device's running or startup configuration and keep it as a file in the run's workspace."""

    name = "netmiko.backup"
    permissions = frozenset({"device.read", "file.write"})
    result_keys = ("backup_file", "size_bytes")
    Params = BackupParams

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock

    def plan(self, context: StepContext, params: BackupParams) -> StepResult:
        """Read the configuration, to show that it can be read, and write nothing."""
        size = len(self._config(context, params).encode())
        return StepResult(outputs={"backup_file": self._path(context, params), "size_bytes": size})

    def apply(self, context: StepContext, params: BackupParams) -> StepResult:
        """Read and write; raises LineRejected, PolicyDenied for the file, and the device errors."""
        text = self._config(context, params)
        path = Talk(context).keep_backup(self._path(context, params), text)
        size = len(text.encode())
        return StepResult(
            outputs={"backup_file": str(path), "size_bytes": size}, stdout=f"{size} bytes of configuration in {path}"
        )

    def _config(self, context: StepContext, params: BackupParams) -> str:
        command = _command(context, params.config_type)
        text = read_accepted(context, context.connection("netmiko"), command, read_timeout=params.read_timeout)
        if not text.strip():
            raise StepError(
                f"{Talk(context).device} shows an empty {params.config_type} configuration",
                hint="the user may not be allowed to see it"
                if params.config_type == "running"
                else "it was never saved",
            )
        return text.rstrip() + "\n"

    def _path(self, context: StepContext, params: BackupParams) -> str:
        template = params.filename_template
        if not params.include_timestamp:
            template = re.sub(r"[_-]?\{timestamp\}", "", template)
        values = {
            "host": Talk(context).file_name,
            "timestamp": f"{self.clock():%Y%m%dT%H%M%SZ}",
            "config_type": params.config_type,
        }

        def fill(match: re.Match[str]) -> str:
            if match[1] not in values:
                raise StepError(
                    f"filename_template has no placeholder {match[0]}", hint=f"there are {{{'}, {'.join(values)}}}"
                )
            return values[match[1]]

        return f"{params.backup_dir}/{_PLACEHOLDER.sub(fill, template)}"


class RestoreParams(BaseModel):
    """The keys of a `netmiko.restore` step."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(description="The backup: a file of the workspace or the project.")
    require_exact: bool = Field(
        False, description="Fail when the device does not show exactly the backup afterwards (merging removes nothing)."
    )
    read_timeout: float = Field(60.0, description="Seconds to wait for one answer of the device.", gt=0, le=3600)


class RestoreStep(StepType):
    """Send the lines of a backup to a device again: a merge.

    What the backup has comes back; what the device has beside it stays, and is listed in `remaining`. To replace a
    configuration as a whole use `napalm.config` with `replace`, or the rollback of the run that made the change.
    """

    name = "netmiko.restore"
    permissions = frozenset({"device.read", "device.configure", "file.read"})
    result_keys = ("lines", "missing", "remaining", "exact")
    Params = RestoreParams

    def apply(self, context: StepContext, params: RestoreParams) -> StepResult:
        """Send the lines; then (not while planning) compare the device with the backup; StepError when it must be exact."""
        backup = context.sandbox.read_text(params.file)
        blocks = split_blocks(_body(backup))
        lines = all_lines(blocks)
        if not lines:
            raise StepError(f"the backup {params.file} holds no configuration lines")
        connection = context.connection("netmiko")
        output = send_blocks(context, connection, blocks, read_timeout=params.read_timeout)
        results: dict[str, Any] = {"lines": len(lines)}
        if context.mode is Mode.PLAN:
            return StepResult(HostState.CHANGED, changed=True, outputs=results, stdout=output)
        now = read_accepted(context, connection, _command(context, "running"), read_timeout=params.read_timeout)
        wanted, shown = _paths(backup), _paths(now)
        missing = [path for path in wanted if path not in set(shown)]
        remaining = [path for path in shown if path not in set(wanted)]
        results |= {"missing": missing, "remaining": remaining, "exact": not (missing or remaining)}
        if params.require_exact and (missing or remaining):
            first = f"lacks `{missing[0]}`" if missing else f"still has `{remaining[0]}`"
            raise StepError(
                f"{Talk(context).device} is not as in {params.file}: it {first}"
                f" ({len(missing)} lines missing, {len(remaining)} too many)",
                hint="remove the remaining lines with a netmiko.config step, or replace with napalm.config",
            )
        return StepResult(HostState.CHANGED, changed=True, outputs=results, stdout=output)


def _body(text: str) -> str:
    """Return a configuration without the lines that only `show` puts around it."""
    return "\n".join(line for line in text.splitlines() if not _VOLATILE.match(line))


def _paths(text: str) -> list[str]:
    """Return the lines of a configuration with their section path, in order, comments left out."""
    paths: list[str] = []
    sections: list[tuple[int, str]] = []
    for line in all_lines(split_blocks(_body(text))):
        indent = len(line) - len(line.lstrip())
        while sections and sections[-1][0] >= indent:
            sections.pop()
        sections.append((indent, line.strip()))
        paths.append(" / ".join(name for _, name in sections))
    return paths
