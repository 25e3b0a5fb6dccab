"""Configuring a device over its HTTP API: planned against the API, sent once, never a quiet rollback."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from nornflow.testing.project import ProjectFolder

pytestmark = pytest.mark.e2e

LOGIN = "Basic " + base64.b64encode(b"netops:api-password").decode()


class Api(ThreadingHTTPServer):
    """A device's HTTP API in memory: resources by path, PUT and PATCH change them, each request is noted."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("localhost", 0), Handler)
        self.resources: dict[str, Any] = {"/ntp": {"servers": ["192.0.2.1"], "source": "Loopback0"}}
        self.writes: list[str] = []
        self.refuses = False


class Handler(BaseHTTPRequestHandler):
    server: Api

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, value: Any = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != LOGIN:
            return self._answer(401)
        found = self.server.resources.get(self.path)
        return self._answer(404 if found is None else 200, found)

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != LOGIN:
            return self._answer(401)
        self.server.writes.append(f"{self.command} {self.path}")
        if self.server.refuses:
            return self._answer(422, {"error": "no"})
        before = self.server.resources.get(self.path, {})
        self.server.resources[self.path] = {**before, **body} if self.command == "PATCH" else body
        return self._answer(200, {"you_sent": self.headers["Authorization"], "password": "api-password"})

    do_PATCH = do_POST = do_PUT


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(api: Api, project: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    monkeypatch.setenv("NORNFLOW_API_PASSWORD", "api-password")
    return project(
        {
            "nornflow.yaml": "profiles: {api: {extends: standard, domains: [localhost]}}\nprofile: api\n",
            "inventory/hosts.yaml": "sw1: {hostname: localhost, platform: eos}\n",
            "workflows/ntp.yaml": f"""
                name: ntp
                version: 1.0
                inputs:
                  server: {{type: string, default: 192.0.2.10}}
                  method: {{type: string, default: PATCH}}
                on_failure: rollback
                steps:
                  - id: configure
                    type: http.config
                    endpoint: http://{{{{ host.hostname }}}}:{api.server_address[1]}/ntp
                    method: "{{{{ inputs.method }}}}"
                    body: {{servers: ["{{{{ inputs.server }}}}"]}}
                    auth: {{username: netops, password_env: NORNFLOW_API_PASSWORD}}
                  - id: check
                    type: assert
                    depends_on: configure
                    condition: "inputs.server != '203.0.113.99'"
                """,
        }
    )


def test_the_plan_reads_the_resource_and_sends_nothing(site: ProjectFolder, api: Api) -> None:
    outcome = site.run("plan", "workflows/ntp.yaml", "--detailed-exitcode")
    assert outcome.exit_code == 10, outcome.stderr
    assert '+    "192.0.2.10"' in outcome.stdout
    assert '-    "192.0.2.1"' in outcome.stdout
    assert api.writes == []


def test_what_was_planned_is_sent_once(site: ProjectFolder, api: Api) -> None:
    site.run("run", "workflows/ntp.yaml", "--yes").ok()
    assert api.resources["/ntp"] == {"servers": ["192.0.2.10"], "source": "Loopback0"}
    assert api.writes == ["PATCH /ntp"]
    shown = json.dumps(site.record())  # the device's answer held both
    assert "you_sent" in shown
    assert "api-password" not in shown
    assert LOGIN.split()[1].rstrip("=") not in shown


def test_a_password_that_another_process_resolves_is_kept_nowhere(site: ProjectFolder, api: Api) -> None:
    site.write("nornflow.yaml", (site.path / "nornflow.yaml").read_text() + "runner: {processes: 2}\n")
    site.write("inventory/hosts.yaml", "".join(f"sw{n}: {{hostname: localhost, platform: eos}}\n" for n in (1, 2)))
    text = (site.path / "workflows/ntp.yaml").read_text()
    site.write("workflows/ntp.yaml", text.replace("/ntp\n", "/{{ host.name }}\n"))
    api.resources = {f"/sw{n}": {"servers": []} for n in (1, 2)}
    site.run("run", "workflows/ntp.yaml", "--yes").ok()
    assert sorted(api.writes) == ["PATCH /sw1", "PATCH /sw2"]
    kept = [file.read_bytes() for file in (site.path / ".nornflow").rglob("*") if file.is_file()]
    assert any(b"you_sent" in content for content in kept)
    assert not any(b"api-password" in content for content in kept)


def test_a_second_run_sends_nothing(site: ProjectFolder, api: Api) -> None:
    site.run("run", "workflows/ntp.yaml", "--yes").ok()
    again = site.run("run", "workflows/ntp.yaml", "--yes").ok()
    assert "devices: 1 ok; +0 -0 lines" in again.stdout
    assert api.writes == ["PATCH /ntp"]


def test_other_variables_of_the_controller_are_not_sent_anywhere(site: ProjectFolder, api: Api) -> None:
    text = (site.path / "workflows/ntp.yaml").read_text()
    site.write("workflows/ntp.yaml", text.replace("NORNFLOW_API_PASSWORD", "AWS_SECRET_ACCESS_KEY"))
    assert site.run("plan", "workflows/ntp.yaml").exit_code == 2
    assert api.writes == []


PUT = '''
"""A step type that forgot to say what it would do."""

from pydantic import BaseModel

from nornflow import StepResult, StepType, hookimpl


class Put(StepType):
    """Write a resource."""

    name = "acme.put"
    permissions = frozenset({"device.configure", "http.request", "shell.execute"})

    class Params(BaseModel):
        """Where, or which program."""

        url: str = ""
        program: str = ""

    def apply(self, context, params):
        """Write."""
        if params.program:
            context.sandbox.program([params.program])
        else:
            context.sandbox.request("PUT", params.url, body="{}", login=("netops", "NORNFLOW_API_PASSWORD"))
        return StepResult()


@hookimpl
def nornflow_step_types():
    """Bring it."""
    yield Put()
'''


@pytest.mark.parametrize("how", ["url: http://localhost:{port}/ntp", "program: date"])
def test_a_step_that_does_not_plan_itself_writes_nothing_planned_or_run(
    site: ProjectFolder, api: Api, how: str
) -> None:
    site.write("plugins/put.py", PUT)
    site.write("nornflow.yaml", (site.path / "nornflow.yaml").read_text() + "plugins: {local: [plugins/put.py]}\n")
    keys = how.format(port=api.server_address[1]).replace(": ", ": '", 1) + "'"
    site.write("workflows/put.yaml", f"name: put\nversion: 1.0\nsteps:\n  - {{id: put, type: acme.put, {keys}}}\n")
    planned = site.run("plan", "workflows/put.yaml").ok()
    assert "not done while planning" in planned.stdout
    assert site.run("run", "workflows/put.yaml", "--yes").exit_code == 1
    assert site.record()["hosts"][0]["reason"] == "not-while-planning"
    assert api.writes == []


def test_put_replaces_the_whole_resource_and_post_is_shown_as_it_is_sent(site: ProjectFolder, api: Api) -> None:
    assert '-  "source": "Loopback0"' in site.run("plan", "workflows/ntp.yaml", "-i", "method=PUT").ok().stdout
    assert '+    "192.0.2.10"' in site.run("plan", "workflows/ntp.yaml", "-i", "method=POST").ok().stdout
    site.run("run", "workflows/ntp.yaml", "-i", "method=PUT", "--yes").ok()
    assert api.resources["/ntp"] == {"servers": ["192.0.2.10"]}


def test_without_an_approval_nothing_is_sent(site: ProjectFolder, api: Api) -> None:
    assert site.run("run", "workflows/ntp.yaml").exit_code == 4
    assert api.writes == []


def test_what_cannot_be_taken_back_by_lines_is_said_and_not_hidden(site: ProjectFolder) -> None:
    outcome = site.run("run", "workflows/ntp.yaml", "--yes", "-i", "server=203.0.113.99")
    assert outcome.exit_code == 1
    record = site.record()
    assert record["state"] == "rollback_failed"
    assert "cannot be taken back by lines" in record["hosts"][0]["rollback"]
    assert "203.0.113.99" in record["hosts"][0]["diff"]


def test_a_refusal_fails_the_device_with_the_answer(site: ProjectFolder, api: Api) -> None:
    api.refuses = True
    assert site.run("run", "workflows/ntp.yaml", "--yes").exit_code == 1
    result = site.record()["steps"][0]["hosts"]["sw1"]
    assert (result["reason"], result["outputs"]["status_code"]) == ("http-status", 422)


def test_a_wrong_password_and_a_foreign_domain_are_named(
    site: ProjectFolder, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = site.run("plan", "workflows/ntp.yaml", "--profile", "standard")
    assert denied.exit_code == 1
    assert "does not allow requests to localhost" in denied.stdout
    monkeypatch.setenv("NORNFLOW_API_PASSWORD", "wrong")
    refused = site.run("plan", "workflows/ntp.yaml")
    assert refused.exit_code == 1
    assert "status 401" in refused.stdout
    assert api.writes == []
