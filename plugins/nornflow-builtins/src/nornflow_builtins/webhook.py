"""A step that calls a web address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nornflow import HostState, Scope, StepContext, StepResult, StepType


class WebhookParams(BaseModel):
    """The keys of a `webhook` step."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        description="The address, http or https; its domain must be allowed.", min_length=1, max_length=4000
    )
    method: Literal["GET", "POST", "PUT", "DELETE"] = Field("POST", description="The method of the request.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of the request.")
    body: str | dict[str, Any] | list[Any] | None = Field(
        None, description="The body: a text as it is; a mapping or list as JSON."
    )
    request_timeout: int = Field(
        30,
        ge=1,
        le=300,
        description="Seconds within which the whole answer must be there; the step's `timeout` caps it.",
    )
    expected_status: list[int] = Field(
        default_factory=list, description="Status codes that count as success; all below 400 when empty."
    )


class WebhookStep(StepType):
    """Send an HTTP request to an allowed domain.

    A status of 400 and above fails the step (see `expected_status`), which keeps the answer. `json` is the parsed body
    when the answer is JSON.
    """

    name = "webhook"
    scope = Scope.RUN
    permissions = frozenset({"http.request"})
    result_keys = ("status_code", "headers", "body", "json")
    Params = WebhookParams

    def reads_only(self, params: Mapping[str, Any]) -> bool:
        """Return True for GET, the safe one (RFC 9110, 9.2.1) of the methods."""
        return bool(params.get("method") == "GET")

    def apply(self, context: StepContext, params: WebhookParams) -> StepResult:
        """Send the request and keep the answer."""
        headers, body = dict(params.headers), params.body
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
            if not any(name.lower() == "content-type" for name in headers):
                headers["Content-Type"] = "application/json"
        answer = context.sandbox.request(
            params.method,
            params.url,
            headers=headers,
            body=body,
            timeout=min(float(params.request_timeout), context.timeout or 300.0),
        )
        outputs = {
            "status_code": answer.status,
            "headers": dict(answer.headers),
            "body": answer.body,
            "json": _parsed(answer.headers.get("content-type", ""), answer.body),
        }
        good = answer.status in params.expected_status if params.expected_status else answer.status < 400
        if good:
            return StepResult(outputs=outputs, stdout=answer.body)
        return StepResult(
            HostState.FAILED,
            outputs=outputs,
            stdout=answer.body,
            error=f"the answer has status {answer.status}",
            reason="http-status",
            hint="its body stands in the run record; `expected_status` says what counts as success",
        )


def _parsed(kind: str, body: str) -> Any:
    if "json" not in kind.lower():
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None
