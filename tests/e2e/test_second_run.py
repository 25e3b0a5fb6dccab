"""Every workflow under workflows/ is idempotent: its second run plans nothing and changes nothing. And the helper can fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from nornflow.testing import configurations, second_run_is_empty
from nornflow.testing.project import ProjectFolder

WORKFLOWS = Path(__file__).parents[2] / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yaml"))
ACCESS = {name: ["access"] for name in ("r2", "r3")}


@dataclass(frozen=True)
class Case:
    """What a workflow needs: devices (`routers`, `switches`, `frr` or none), inputs, and more of the project."""

    devices: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()


LOG = {"lines": ["logging host 192.0.2.60"]}
CASES = {
    "backup": Case("routers"),
    "baseline": Case("routers"),
    "bgp-network": Case("frr", inputs={"router": "r1", "network": "203.0.113.0/24"}),
    "branches": Case(),
    "careful-rollout": Case("routers", {"count": 4}, LOG),
    "ci-gate": Case(inputs={"url": ""}),
    "eos-napalm": Case("switches", inputs={"server": "192.0.2.10"}),
    "health-check": Case("routers"),
    "hello": Case(),
    "interface-descriptions": Case(
        "routers", inputs={"descriptions": {"r1": {"GigabitEthernet3": "spare"}, "r2": {"Loopback0": "the id"}}}
    ),
    "mop-change": Case(
        "routers", inputs={**LOG, "expect": ["^logging host 192.0.2.60$"], "commands": ["show ip bgp summary"]}
    ),
    "ntp-rollout": Case("routers", {"count": 4}, {"servers": ["192.0.2.10", "192.0.2.11"]}),
    "os-upgrade-precheck": Case("routers", inputs={"wanted": "99.1"}),
    "vlan-and-acl": Case(
        "routers", {"count": 3, "groups": ACCESS}, {"vlan": 110, "name": "guests", "subnet": "10.110.0.0"}
    ),
    "watched-change": Case("routers", inputs=LOG, words=("--limit", "name == 'r1'")),
}
MARKS = {"bgp-network": [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]}


def started(case: Case, request: pytest.FixtureRequest) -> Any:
    if case.devices == "frr":
        return request.getfixturevalue("frr_lab")
    if not case.devices:
        return None
    fixture = "fleet" if case.devices == "routers" else "eos_fleet"
    return request.getfixturevalue(fixture)(**{"count": 2, **case.options})


@pytest.fixture
def hook() -> Any:
    """A web server that takes what it is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, [])) for name in CASES])
def test_the_second_run_of_an_example_is_empty(
    name: str, request: pytest.FixtureRequest, project: Callable[..., ProjectFolder], hook: str
) -> None:
    case = CASES[name]
    devices = started(case, request)
    site = project({"nornflow.yaml": "allowed_domains: [127.0.0.1]\n", "inventory/groups.yaml": "access: {}\n"})
    words = list(case.words)
    if devices is not None:
        devices.write_inventory(site.path / "inventory" / "hosts.yaml")
    for key, value in case.inputs.items():
        told = hook if key == "url" else value
        words += ["-i", f"{key}={told if isinstance(told, str) else json.dumps(told)}"]
    runs = second_run_is_empty(
        site, str(WORKFLOWS / f"{name}.yaml"), *words, devices=configurations(devices) if devices else None
    )
    changes = {
        "baseline",
        "bgp-network",
        "careful-rollout",
        "eos-napalm",
        "interface-descriptions",
        "mop-change",
        "ntp-rollout",
    }
    changes |= {"vlan-and-acl", "watched-change"}
    assert any(host["state"] == "changed" for host in runs.first["hosts"]) is (name in changes)


def test_every_example_is_run_twice() -> None:
    assert set(CASES) == {file.stem for file in FILES}


GROWING = """
name: growing
version: 1.0
steps:
  - id: seen
    type: netmiko.command
    command: show running-config
  - id: grow
    type: netmiko.config
    depends_on: [seen]
    lines: ["ntp server 192.0.2.{{ 9 if 'server 192.0.2.9' not in steps.seen.output else 10 }}"]
"""


def test_a_workflow_that_changes_something_again_is_told_with_its_diff(
    fleet: Callable[..., Any], project: Callable[..., ProjectFolder]
) -> None:
    routers = fleet(count=1)
    site = project({"growing.yaml": GROWING}, fleet=routers)
    with pytest.raises(AssertionError, match="not idempotent, the plan of the second run") as told:
        second_run_is_empty(site, "growing.yaml")
    assert "r1: step grow would change" in str(told.value)
    assert "+ntp server 192.0.2.10" in str(told.value)


def test_devices_that_change_behind_the_record_are_told(
    fleet: Callable[..., Any], project: Callable[..., ProjectFolder]
) -> None:
    routers = fleet(count=1)
    site = project(
        {"quiet.yaml": GROWING.replace("{{ 9 if 'server 192.0.2.9' not in steps.seen.output else 10 }}", "9")},
        fleet=routers,
    )
    told = iter(["before", "after"])
    with pytest.raises(AssertionError, match="the devices show that it did"):
        second_run_is_empty(site, "quiet.yaml", devices=lambda: next(told))


def test_a_first_run_that_fails_is_no_proof(fleet: Callable[..., Any], project: Callable[..., ProjectFolder]) -> None:
    site = project({"wrong.yaml": GROWING.replace("ntp server", "bogus server")}, fleet=fleet(count=1))
    with pytest.raises(AssertionError, match="exit code 1"):
        second_run_is_empty(site, "wrong.yaml")
