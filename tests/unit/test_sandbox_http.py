"""Requests of steps, against a real server on loopback."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nornflow.errors import PolicyDenied, ResourceExhausted, StepError, StepTimeout, UsageError
from nornflow.policy.profiles import load_profiles
from nornflow.sandbox.http import check_url, matches, shown
from nornflow.sandbox.sandbox import LocalSandbox

PROFILES = load_profiles({"here": {"extends": "standard", "domains": ["localhost"]}})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
        elif self.path == "/once":
            self.send_response(302)
            self.send_header("Location", "/ok")
        elif self.path == "/slow":
            self.server.gate.wait(10)  # type: ignore[attr-defined]
            self.send_response(200)
        elif self.path == "/big":
            self.send_response(200)
            self.end_headers()
            for _ in range(12):
                self.wfile.write(b"x" * 1_048_576)
            return
        else:
            self.send_response(200)
            self.send_header("X-Kind", "Test")
            self.end_headers()
            self.wfile.write(b"h\xc3\xa4llo")
            return
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(self.headers.get("X-Token", "").encode() + b":" + body)

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            return  # the client had seen enough

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("localhost", 0), Handler) as http:
        http.gate = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://localhost:{http.server_port}"
        http.gate.set()  # type: ignore[attr-defined]
        http.shutdown()
        thread.join()


@pytest.fixture
def sandbox(tmp_path: Path) -> LocalSandbox:
    return LocalSandbox(PROFILES["here"], workspace=tmp_path, project=tmp_path)


def test_a_request_brings_status_headers_and_text(sandbox: LocalSandbox, server: str) -> None:
    answer = sandbox.request("GET", f"{server}/ok")
    assert (answer.status, answer.headers["x-kind"], answer.body) == (200, "Test", "hällo")
    assert sandbox.request("POST", server, headers={"X-Token": "t"}, body="{}").body == "t:{}"


def test_redirects_are_followed_inside_the_list_and_refused_out_of_it(sandbox: LocalSandbox, server: str) -> None:
    assert sandbox.request("GET", f"{server}/once").body == "hällo"
    with pytest.raises(PolicyDenied, match=r"127\.0\.0\.1"):
        sandbox.request("GET", f"{server}/away")
    with pytest.raises(StepError, match="redirects more than 5 times"):
        sandbox.request("GET", f"{server}/round")


def test_a_slow_answer_ends_in_a_timeout_and_a_large_one_is_cut_off(sandbox: LocalSandbox, server: str) -> None:
    begin = time.monotonic()
    with pytest.raises(StepTimeout, match="did not answer"):
        sandbox.request("GET", f"{server}/slow", timeout=0.2)
    assert time.monotonic() - begin < 5
    with pytest.raises(ResourceExhausted, match="10 MiB"):
        sandbox.request("GET", f"{server}/big")


def test_nobody_there_is_a_step_error_without_the_query(sandbox: LocalSandbox) -> None:
    with pytest.raises(StepError, match="localhost") as failed:
        sandbox.request("GET", "http://localhost:1/path?token=abcdef")
    assert "abcdef" not in failed.value.message


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost/",
        "file:///etc/passwd",
        "//localhost/",
        "http://",
        "http://user:pass@localhost/",
        "http://localhost.evil.example/",
        "http://evil.example/?localhost",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://localhost@evil.example/",
        "http://local host/",
        "http://localhost/\r\nX: y",
        "http://localhost:port/",
    ],
)
def test_what_is_not_listed_is_not_called(sandbox: LocalSandbox, url: str) -> None:
    with pytest.raises(PolicyDenied) as denied:
        sandbox.request("GET", url)
    assert "pass@" not in denied.value.message


def test_profiles_without_network_and_the_setting_forbid_every_request(tmp_path: Path, server: str) -> None:
    with pytest.raises(PolicyDenied, match=r"http\.request"):
        LocalSandbox(PROFILES["restricted"], workspace=tmp_path, project=tmp_path).request("GET", server)
    with pytest.raises(PolicyDenied, match="switched off"):
        LocalSandbox(PROFILES["here"], workspace=tmp_path, project=tmp_path, outbound=False).request("GET", server)


def test_any_domain_does_not_mean_the_own_machine(tmp_path: Path, server: str) -> None:
    for url in (server, "http://169.254.169.254/latest/meta-data", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/"):
        with pytest.raises(PolicyDenied, match="loopback or link-local"):
            LocalSandbox(PROFILES["elevated"], workspace=tmp_path, project=tmp_path).request("GET", url)
    check_url(server, ("*", "localhost"), "mine")


def test_an_unknown_method_is_told(sandbox: LocalSandbox) -> None:
    with pytest.raises(UsageError, match="TRACE"):
        sandbox.request("TRACE", "http://localhost/")


def test_domains_match_exactly_or_below_a_star() -> None:
    assert matches("API.Example.com.", "*.example.com")
    assert matches("example.com", "example.com")
    assert not matches("example.com", "*.example.com")
    assert not matches("notexample.com", "*.example.com")
    assert not matches("example.com.evil.net", "example.com")


def test_a_url_is_shown_without_credentials_and_query() -> None:
    assert shown("https://u:p@host/path?key=1#x") == "'https://host/path'"
