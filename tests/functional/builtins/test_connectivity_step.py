"""`test_connectivity` against real programs and servers: `api` over http and https, `ping` with the system's own program."""

from __future__ import annotations

import datetime
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_httpserver import HTTPServer

from nornflow import HostState, HostView, StepError
from nornflow_builtins.connectivity import ConnectivityStep, NoPing

CONNECTIVITY = ConnectivityStep()
HERE = HostView("r1", "localhost")
HAS_PING = pytest.mark.skipif(
    shutil.which("ping") is None, reason="there is no ping here; .ci/run installs it (apt-get install iputils-ping)"
)


@pytest.fixture
def bench(run_bench: Any) -> Any:
    run_bench.profiles["local"] = replace(run_bench.profiles["standard"], name="local", domains=("localhost",))
    return run_bench


@pytest.fixture
def api() -> Iterator[HTTPServer]:
    with HTTPServer(host="localhost") as server:
        yield server


@pytest.fixture
def own_certificate(tmp_path: Path) -> ssl.SSLContext:
    """TLS with a certificate that nobody signed but the device itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "device.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def fake_ping(bench: Any, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = bench.project / "ping"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bench.project}:/usr/bin:/bin")


def test_api_speaks_plain_http_on_the_port_that_is_given(bench: Any, api: HTTPServer) -> None:
    api.expect_oneshot_request("/alive", method="GET").respond_with_data("fine")
    params = {"method": "api", "scheme": "http", "port": api.port, "path": "/alive"}
    result = bench.run(CONNECTIVITY, params, profile="local", host=HERE)
    api.check_assertions()
    assert (result.state, result.outputs["success"], result.outputs["output"]) == (HostState.OK, True, "status 200")
    assert result.outputs["response_time_ms"] > 0


def test_a_bad_status_is_an_answer_too(bench: Any, api: HTTPServer) -> None:
    api.expect_request("/").respond_with_data("no", status=503)
    result = bench.run(CONNECTIVITY, {"method": "api", "scheme": "http", "port": api.port}, profile="local", host=HERE)
    assert (result.state, result.outputs["output"]) == (HostState.OK, "status 503")


def test_a_certificate_of_the_devices_own_is_taken_only_when_that_is_said(
    bench: Any, own_certificate: ssl.SSLContext
) -> None:
    with HTTPServer(host="localhost", ssl_context=own_certificate) as device:
        device.expect_request("/").respond_with_data("fine")
        params = {"method": "api", "port": device.port, "count": 1}
        refused = bench.run(CONNECTIVITY, params, profile="local", host=HERE)
        taken = bench.run(CONNECTIVITY, {**params, "verify_ssl": False}, profile="local", host=HERE)
    assert (refused.state, refused.reason, refused.outputs["success"]) == (HostState.FAILED, "unreachable", False)
    assert "certificate" in refused.error.lower()
    assert (taken.state, taken.outputs["output"]) == (HostState.OK, "status 200")


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_without_a_port_it_is_that_of_the_scheme(bench: Any, scheme: str, port: int) -> None:
    asked: list[str] = []

    class Deaf:
        def request(self, method: str, url: str, **options: Any) -> Any:
            asked.append(url)
            raise StepError("nobody listens")

    context = bench_context(Deaf())
    params = CONNECTIVITY.Params(method="api", scheme=scheme, count=1)
    assert CONNECTIVITY.apply(context, params).outputs["success"] is False
    assert asked == [f"{scheme}://[2001:db8::1]:{port}/"]


def bench_context(sandbox: Any) -> Any:
    host = HostView("r1", "2001:db8::1")
    return SimpleNamespace(sandbox=sandbox, host=host, task=SimpleNamespace(host=SimpleNamespace(port=22)))


@HAS_PING
def test_the_systems_own_ping_reaches_this_machine(bench: Any) -> None:
    result = bench.run(CONNECTIVITY, {"method": "ping", "count": 2}, host=HostView("r1", "127.0.0.1"))
    assert (result.state, result.outputs["success"]) == (HostState.OK, True), result.error
    assert 0 < result.outputs["response_time_ms"] < 30_000
    assert "1 received" in result.outputs["output"]


@HAS_PING
def test_a_name_that_nobody_knows_is_told_in_pings_own_words(bench: Any) -> None:
    params = {"method": "ping", "count": 1, "wait": 1}
    result = bench.run(CONNECTIVITY, params, host=HostView("r1", "no-such-host.invalid"))
    assert (result.state, result.reason) == (HostState.FAILED, "unreachable")
    assert "no-such-host.invalid" in result.outputs["output"]
    assert result.outputs["response_time_ms"] is None


def test_a_device_that_does_not_answer_is_pinged_as_often_as_asked(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ping(bench, 'echo x >> "$HOME/pings"; echo "1 packets transmitted, 0 received"; exit 1', monkeypatch)
    result = bench.run(CONNECTIVITY, {"method": "ping", "count": 3}, host=HostView("r1", "192.0.2.1"))
    assert (result.state, result.outputs["success"]) == (HostState.FAILED, False)
    assert (bench.workspace / "pings").read_text() == "x\nx\nx\n"


def test_a_machine_without_ping_is_told_what_to_install(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from nornflow.sandbox import commands

    monkeypatch.setenv("PATH", str(bench.project))
    monkeypatch.setattr(commands, "_SYSTEM", (str(bench.project),))
    with pytest.raises(NoPing, match="this machine cannot ping: there is no program 'ping'") as missing:
        bench.run(CONNECTIVITY, {"method": "ping"}, host=HostView("r1", "127.0.0.1"))
    assert "apt-get install iputils-ping" in missing.value.hint


def test_a_ping_that_may_not_send_says_nothing_of_the_device(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ping(bench, 'echo "ping: socktype: SOCK_RAW: Operation not permitted" >&2; exit 2', monkeypatch)
    with pytest.raises(NoPing, match="may not send: ping: socktype") as refused:
        bench.run(CONNECTIVITY, {"method": "ping"}, host=HostView("r1", "127.0.0.1"))
    assert "ping_group_range" in refused.value.hint
