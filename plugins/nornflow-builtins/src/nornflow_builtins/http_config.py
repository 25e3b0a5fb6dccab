"""A step that configures a device over its HTTP API, planned against what the API answers."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nornflow import AuthenticationFailed, HostState, Scope, StepContext, StepError, StepResult, StepType


class BasicAuth(BaseModel):
    """A login by name and password (RFC 7617); the password never stands in the workflow."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(description="The user's name.", min_length=1)
    password_env: str = Field(
        description="The environment variable that holds the password; its name begins with NORNFLOW_.",
        pattern="^NORNFLOW_[A-Z0-9_]+$",
    )


class HttpConfigParams(BaseModel):
    """The keys of an `http.config` step."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(
        description="The resource, e.g. `https://{{ host.hostname }}/restconf/data/...`; its domain must be allowed.",
        min_length=1,
        max_length=4000,
    )
    method: Literal["POST", "PUT", "PATCH"] = Field(
        "PUT", description="PUT replaces the resource, PATCH merges into it (RFC 7396), POST adds to it."
    )
    body: dict[str, Any] | list[Any] = Field(description="What is sent, as JSON.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of every request.")
    auth: BasicAuth | None = Field(None, description="How to log in; without it the headers have to do.")
    verify_ssl: bool = Field(True, description="Whether the device's certificate must be valid.")
    request_timeout: int = Field(60, ge=1, le=300, description="Seconds within which each answer must be there.")


class HttpConfigStep(StepType):
    """Send configuration to a device's HTTP API; a resource that is already as it should be is not sent again.

    The plan reads the resource and shows what PUT or PATCH would make of it; what POST adds is shown as it is sent. What
    it changed is not taken back by `on_failure: rollback`, which then ends as `rollback_failed`; say `rollback: false`
    when that is meant.
    """

    name = "http.config"
    scope = Scope.DEVICE
    permissions = frozenset({"device.configure", "http.request"})
    result_keys = ("status_code", "body", "json")
    Params = HttpConfigParams

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.configure` and `http.request`, and `secret.read` with a login."""
        return self.permissions | ({"secret.read"} if params.get("auth") else set())

    def plan(self, context: StepContext, params: HttpConfigParams) -> StepResult:
        """Read the resource and say what would change; nothing is sent."""
        return StepResult(HostState.PLANNED, diff=_diff(context, params))

    def apply(self, context: StepContext, params: HttpConfigParams) -> StepResult:
        """Send the body unless the resource is already so; raises AuthenticationFailed and StepError."""
        diff = _diff(context, params)
        if not diff:
            return StepResult(outputs={"status_code": None, "body": "", "json": None}, stdout="nothing to send")
        status, text = _request(context, params, params.method, json.dumps(params.body))
        outputs = {"status_code": status, "body": text, "json": _parsed(text)}
        if status >= 400:
            return StepResult(
                HostState.FAILED,
                outputs=outputs,
                stdout=text,
                error=f"{params.method} {params.endpoint} was answered with status {status}",
                reason="http-status",
                hint="the answer's body stands in the run record",
            )
        return StepResult(HostState.CHANGED, changed=True, outputs=outputs, stdout=text, diff=diff)


def _diff(context: StepContext, params: HttpConfigParams) -> str:
    if params.method == "POST":
        return "".join(f"+{line}\n" for line in _shown(params.body))
    status, text = _request(context, params, "GET", None)
    if status >= 400 and status != 404:
        raise StepError(
            f"GET {params.endpoint} was answered with status {status}",
            hint="the resource must be readable to be planned",
        )
    now = None if status == 404 else _parsed(text)
    then = _merged(now, params.body) if params.method == "PATCH" else params.body
    if now == then:
        return ""
    lines = difflib.unified_diff([] if now is None else _shown(now), _shown(then), "before", "after", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _request(context: StepContext, params: HttpConfigParams, method: str, body: str | None) -> tuple[int, str]:
    headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {}), **params.headers}
    answer = context.sandbox.request(
        method,
        params.endpoint,
        headers=headers,
        body=body,
        timeout=min(float(params.request_timeout), context.timeout or 300.0),
        verify=params.verify_ssl,
        login=(params.auth.username, params.auth.password_env) if params.auth else None,
    )
    if answer.status in (401, 403):
        raise AuthenticationFailed(
            f"{method} {params.endpoint} was refused with status {answer.status}", hint="check `auth` or `headers`"
        )
    return answer.status, answer.body


def _merged(now: Any, patch: Any) -> Any:
    """Return what a merge patch makes of a value (RFC 7396): null removes a key, mappings go into each other."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(now) if isinstance(now, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _shown(value: Any) -> list[str]:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
