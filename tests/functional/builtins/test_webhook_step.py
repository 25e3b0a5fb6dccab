"""The `webhook` step against a real server."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from nornflow import HostState, PolicyDenied, StepError
from nornflow_builtins.webhook import WebhookStep

WEBHOOK = WebhookStep()


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="localhost") as server:
        yield server


@pytest.fixture
def bench(run_bench: Any) -> Any:
    run_bench.profiles["local"] = replace(run_bench.profiles["standard"], name="local", domains=("localhost",))
    return run_bench


def test_a_mapping_is_sent_as_json_and_the_answer_is_kept(bench: Any, server: HTTPServer) -> None:
    server.expect_oneshot_request(
        "/changes", method="POST", json={"text": "done on ams-1"}, headers={"X-Team": "net"}
    ).respond_with_json({"id": 7}, status=201)
    result = bench.run(
        WEBHOOK,
        {
            "url": server.url_for("/changes"),
            "body": {"text": "done on {{ inputs.host }}"},
            "headers": {"X-Team": "{{ inputs.team }}"},
        },
        {"inputs": {"host": "ams-1", "team": "net"}},
        profile="local",
    )
    server.check_assertions()
    assert result.state is HostState.OK
    assert (result.outputs["status_code"], result.outputs["json"]) == (201, {"id": 7})


def test_a_bad_status_fails_and_keeps_the_answer(bench: Any, server: HTTPServer) -> None:
    server.expect_request("/x").respond_with_data("closed", status=503)
    result = bench.run(WEBHOOK, {"url": server.url_for("/x"), "method": "GET"}, profile="local")
    assert (result.state, result.outputs["status_code"], result.outputs["body"]) == (HostState.FAILED, 503, "closed")
    assert "503" in result.error
    result = bench.run(
        WEBHOOK, {"url": server.url_for("/x"), "method": "GET", "expected_status": [503]}, profile="local"
    )
    assert result.state is HostState.OK


def test_what_the_profile_does_not_list_is_not_called(bench: Any, server: HTTPServer) -> None:
    with pytest.raises(PolicyDenied, match="does not allow requests to localhost"):
        bench.run(WEBHOOK, {"url": server.url_for("/")})
    with pytest.raises(PolicyDenied, match=r"http\.request"):
        bench.run(WEBHOOK, {"url": server.url_for("/")}, profile="restricted")
    assert server.log == []


def test_a_header_cannot_be_smuggled_in(bench: Any, server: HTTPServer) -> None:
    with pytest.raises(StepError):
        bench.run(WEBHOOK, {"url": server.url_for("/"), "headers": {"X-A": "1\r\nX-B: 2"}}, profile="local")
    assert server.log == []


def test_wrong_parameters_are_told(bench: Any) -> None:
    with pytest.raises(StepError, match="request_timeout"):
        bench.run(WEBHOOK, {"url": "http://localhost", "request_timeout": 301})
    with pytest.raises(StepError, match="method"):
        bench.run(WEBHOOK, {"url": "http://localhost", "method": "TRACE"})
