"""A step that tests the way to a device without logging in."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, NornFlowError, PolicyDenied, StepContext, StepError, StepResult, StepType

_NEEDS: Mapping[str, frozenset[str]] = {
    "tcp": frozenset(),
    "ssh": frozenset(),
    "ping": frozenset({"shell.execute"}),
    "api": frozenset({"http.request"}),
}
_ANY = frozenset({"shell.execute", "http.request"})
_PORTS = {"https": 443, "http": 80}
_NO_SOCKET = re.compile(r"operation not permitted|permission denied", re.IGNORECASE)


class ConnectivityParams(BaseModel):
    """The keys of a `test_connectivity` step."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["ping", "tcp", "ssh", "api"] = Field(
        "tcp",
        description="`tcp` opens the port, `ssh` also waits for the server's greeting, `api` sends a GET, `ping` pings.",
    )
    port: int | None = Field(
        None,
        ge=1,
        le=65_535,
        description="The port; when not given the inventory's, else 22; for `api` that of its scheme (443 or 80).",
    )
    scheme: Literal["https", "http"] = Field("https", description="What `api` speaks.")
    verify_ssl: bool = Field(True, description="Whether the certificate that `api` meets must be valid.")
    path: str = Field("/", description="Path of the GET of `api`.", pattern=r"^/")
    count: int = Field(3, ge=1, le=100, description="How many attempts are made; one success is enough.")
    wait: float = Field(5.0, gt=0, le=60, description="Seconds that each attempt may take.")


class ConnectivityStep(StepType):
    """Test whether a device can be reached, without logging in.

    `ping` uses the system's own program and needs `shell.execute`, `api` needs `http.request` and the host among the
    allowed domains; any status that it answers with will do. `response_time_ms` is that of the attempt that succeeded, in
    milliseconds, and null when none did; `output` is what was seen last. A machine without a `ping` that works is told as
    such and not as a device that does not answer. Not run while planning.
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
        """Try until one attempt succeeds; raises StepError when this machine cannot ping, PolicyDenied when it may not."""
        address = (context.host.hostname or context.host.name) if context.host else ""
        port = params.port or (
            _PORTS[params.scheme] if params.method == "api" else getattr(context.task.host, "port", None) or 22
        )
        output = ""
        for _ in range(params.count):
            begin = time.monotonic()
            try:
                output, took = _attempt(context, params, address, port)
            except (PolicyDenied, NoPing):
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
        url = f"{params.scheme}://{_bracketed(address)}:{port}{params.path}"
        answer = context.sandbox.request("GET", url, timeout=params.wait, verify=params.verify_ssl)
        return f"status {answer.status}", None
    if params.method == "ping":
        return _ping(context, address, params.wait)
    with socket.create_connection((address, port), timeout=params.wait) as connection:
        if params.method == "tcp":
            return f"{address}:{port} is open", None
        connection.settimeout(params.wait)
        greeting = connection.recv(255).decode("ascii", "replace").splitlines()
        if not greeting or not greeting[0].startswith("SSH-"):
            raise OSError(f"{greeting[0] if greeting else 'an empty answer'!r} is no greeting of SSH")
        return greeting[0], None


def _ping(context: StepContext, address: str, wait: float) -> tuple[str, float | None]:
    """Ping once; OSError when nothing came back, NoPing when this machine cannot ping at all."""
    seconds = max(1, round(wait))
    try:
        ended = context.sandbox.program(["ping", "-n", "-c", "1", "-W", str(seconds), "--", address], timeout=wait + 5)
    except StepError as error:
        if type(error) is not StepError:  # it ran: its time was over, a limit was hit, the run was cancelled
            raise
        raise NoPing(
            f"this machine cannot ping: {error.message}",
            hint="install it (`apt-get install iputils-ping` on Debian and Ubuntu, `dnf install iputils` on Fedora),"
            " or use `method: tcp`",
        ) from error
    if ended.exit_code:
        said = (ended.stderr + ended.stdout).strip()
        if _NO_SOCKET.search(ended.stderr):
            raise NoPing(
                f"this machine's ping may not send: {said.splitlines()[0]}",
                hint="let the user's group ping (sysctl net.ipv4.ping_group_range), or use `method: tcp`",
            )
        raise OSError(said.rpartition("\n")[2] or "no answer")
    measured = re.search(r"time[=<]([0-9.]+) ?ms", ended.stdout)
    return ended.stdout.strip(), float(measured[1]) if measured else None


class NoPing(StepError):
    """This machine has no `ping` that works: nothing is known about the device."""


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
