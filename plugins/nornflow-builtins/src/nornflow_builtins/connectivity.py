"""A step that tests the way to a device without logging in."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, NornFlowError, PolicyDenied, StepContext, StepResult, StepType

_NEEDS: Mapping[str, frozenset[str]] = {
    "tcp": frozenset(),
    "ssh": frozenset(),
    "ping": frozenset({"shell.execute"}),
    "api": frozenset({"http.request"}),
}
_ANY = frozenset({"shell.execute", "http.request"})


class ConnectivityParams(BaseModel):
    """The keys of a `test_connectivity` step."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["ping", "tcp", "ssh", "api"] = Field(
        "tcp",
        description="`tcp` opens the port, `ssh` also waits for the server's greeting, `api` sends a GET, `ping` pings.",
    )
    port: int | None = Field(
        None, ge=1, le=65_535, description="The port; the inventory's, else 22 (443 for `api`), when not given."
    )
    path: str = Field("/", description="Path of the GET of `api`.", pattern=r"^/")
    count: int = Field(3, ge=1, le=100, description="How many attempts are made; one success is enough.")
    wait: float = Field(5.0, gt=0, le=60, description="Seconds that each attempt may take.")


class ConnectivityStep(StepType):
    """Test whether a device can be reached, without logging in.

    `ping` uses the system's own program and needs `shell.execute`, `api` needs `http.request` and the host among the
    allowed domains. Not run while planning.
    """

    name = "test_connectivity"
    permissions = frozenset({"device.read"})
    verifies = True
    result_keys = ("success", "response_time_ms", "output")
    Params = ConnectivityParams

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.read` and what the method uses besides; a method that is not known yet may be any."""
        return self.permissions | _NEEDS.get(str(params.get("method", "tcp")), _ANY)

    def apply(self, context: StepContext, params: ConnectivityParams) -> StepResult:
        """Try until one attempt succeeds."""
        address = (context.host.hostname or context.host.name) if context.host else ""
        port = params.port or (443 if params.method == "api" else getattr(context.task.host, "port", None) or 22)
        output = ""
        for _ in range(params.count):
            begin = time.monotonic()
            try:
                output, took = _attempt(context, params, address, port)
            except PolicyDenied:
                raise
            except (OSError, NornFlowError) as error:
                output = f"{type(error).__name__}: {error}"
                continue
            elapsed = took if took is not None else (time.monotonic() - begin) * 1000
            outputs = {"success": True, "response_time_ms": round(elapsed, 2), "output": output}
            return StepResult(outputs=outputs, stdout=f"{output}\n")
        return StepResult(
            HostState.FAILED,
            outputs={"success": False, "response_time_ms": None, "output": output},
            error=f"{address} did not answer to {params.method} in {params.count} attempts: {output}",
            reason="unreachable",
            hint="check address, port and the way there",
        )


def _attempt(context: StepContext, params: ConnectivityParams, address: str, port: int) -> tuple[str, float | None]:
    """Make one attempt; return what was seen and, when the tool measured it, the time in milliseconds."""
    if params.method == "api":
        answer = context.sandbox.request(
            "GET", f"https://{_bracketed(address)}:{port}{params.path}", timeout=params.wait
        )
        return f"status {answer.status}", None
    if params.method == "ping":
        seconds = max(1, round(params.wait))
        ended = context.sandbox.program(
            ["ping", "-n", "-c", "1", "-W", str(seconds), "--", address], timeout=params.wait + 5
        )
        if ended.exit_code:
            raise OSError((ended.stdout + ended.stderr).strip().rpartition("\n")[2] or "no answer")
        measured = re.search(r"time[=<]([0-9.]+) ?ms", ended.stdout)
        return ended.stdout.strip(), float(measured[1]) if measured else None
    with socket.create_connection((address, port), timeout=params.wait) as connection:
        if params.method == "tcp":
            return f"{address}:{port} is open", None
        connection.settimeout(params.wait)
        greeting = connection.recv(255).decode("ascii", "replace").splitlines()
        if not greeting or not greeting[0].startswith("SSH-"):
            raise OSError(f"{greeting[0] if greeting else 'an empty answer'!r} is no greeting of SSH")
        return greeting[0], None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
