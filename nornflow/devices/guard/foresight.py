"""What the guard will say of planned lines: the planning gate asks here, so that plan and apply cannot disagree."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.devices.guard.judge import Judge
from nornflow.devices.guard.lease import GuardDeniedByRule, Lease, held
from nornflow.errors import GuardDenied
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, LineRule, Mode
from nornflow.platforms.load import platform_for

_EXEC = "exec:"


def refused_lines(platform: str, lines: Sequence[str], rules: Sequence[LineRule]) -> list[tuple[str, LineRule]]:
    """Return each line that is refused, in full words with its section path, and the rule (without a pattern where none is).

    Permissions are not looked at, and neither is what only counts for lines that were planned: other gates judge that.
    """
    grant = Grant("", "", Mode.APPLY, frozenset({"device.*"}), None, tuple(rules))
    found: list[tuple[str, LineRule]] = []
    with held(Lease(grant, platform_for(platform), LeaseReport())) as lease:
        judge = Judge(lease)
        for line in lines:
            try:
                if line.startswith(_EXEC):
                    judge.exec_line(line.removeprefix(_EXEC))
                else:
                    judge.config_line(line)
            except GuardDeniedByRule as error:
                found.append((error.line, error.rule))
            except GuardDenied as error:
                found.append((line.strip(), LineRule("", reason=error.message.removeprefix(f"{lease.who}: "))))
    return found
