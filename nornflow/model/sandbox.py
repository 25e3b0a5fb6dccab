"""What comes back from outside: how a child process ended, and what an HTTP server answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from nornflow.record import record


@record
class ProgramResult:
    """How a child process ended; `usage` has cpu_seconds and max_memory_mb of the child."""

    exit_code: int
    stdout: str
    stderr: str
    usage: Mapping[str, float] = field(default_factory=dict)


@record
class HttpResult:
    """An HTTP response; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: str
