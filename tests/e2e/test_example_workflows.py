"""Every workflow under workflows/ is run from the command line, on devices of the kind that it is for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from nornflow.testing import Fleet

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yaml"))


Stage = Any  # conftest.py


def step(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in record["steps"] if step["step_id"] == name)
    return found


def states(record: Mapping[str, Any], name: str) -> dict[str, str]:
    return {host: result["status"] for host, result in step(record, name)["hosts"].items()}


def ends(record: Mapping[str, Any]) -> dict[str, str]:
    return {host["host"]: host["state"] for host in record["hosts"]}


def hello(stage: Stage) -> None:
    assert step(stage.run("hello"), "greet")["result"]["stdout"] == "Hello Developer!\n"
    assert (
        step(stage.run("hello", **{"name": "'; rm -rf / #"}), "greet")["result"]["stdout"] == "Hello '; rm -rf / #!\n"
    )
    assert "Hello Ada!" in stage.nornflow("run", str(WORKFLOWS / "hello.yaml"), "-i", "name=Ada")


def ntp_rollout(stage: Stage) -> None:
    fleet = stage.routers(count=4)
    servers = ["192.0.2.10", "192.0.2.11"]
    record = stage.run("ntp-rollout", fleet, servers=servers)
    assert record["state"] == "succeeded"
    assert record["outputs"]["changed"] == ["r2", "r3", "r4"]
    for name in ("r2", "r3", "r4"):
        assert "ntp server 192.0.2.10 prefer\nntp server 192.0.2.11\n" in fleet[name].running_config
        assert "192.0.2.1\n" not in fleet[name].running_config
        assert not fleet[name].unsaved
    assert "ntp server 192.0.2.1\n" in fleet["r1"].running_config  # core is not a target
    again = stage.run("ntp-rollout", fleet, servers=servers)
    assert again["outputs"]["changed"] == []
    assert set(states(again, "configure").values()) == {"ok"}


def bgp_network(stage: Stage) -> None:
    lab = stage.request.getfixturevalue("frr_lab")
    record = stage.run("bgp-network", lab, router="r1", network="203.0.113.0/24")
    assert record["state"] == "succeeded"
    assert record["outputs"]["announced_by"] == ["r1"]
    assert states(record, "arrived") == {"r1": "skipped", "r2": "ok", "r3": "ok", "r4": "ok"}
    again = stage.run("bgp-network", lab, router="r1", network="203.0.113.0/24")
    assert again["outputs"]["announced_by"] == []


def interface_descriptions(stage: Stage) -> None:
    fleet = stage.routers(count=3)
    wanted = {"r1": {"GigabitEthernet3": "spare one"}, "r3": {"Loopback0": "the id", "GigabitEthernet3": "(new)"}}
    (stage.folder / "wanted.yaml").write_text(yaml.safe_dump({"descriptions": wanted}))
    words = [str(WORKFLOWS / "interface-descriptions.yaml"), "-i", f"@{stage.folder / 'wanted.yaml'}"]
    stage.nornflow("run", *words, "--inventory", str(stage.inventory(fleet)), "--yes")
    assert "interface Loopback0\n description the id\n" in fleet["r3"].running_config
    assert " description spare one\n" in fleet["r1"].running_config
    assert fleet["r2"].counters.connections == 0


def vlan_and_acl(stage: Stage) -> None:
    fleet = stage.routers(count=3, groups={"r2": ["access"], "r3": ["access"]})
    inventory = stage.inventory(fleet)
    (inventory.parent / "groups.yaml").write_text("access: {}\n")
    inputs = {"vlan": 110, "name": "guests", "subnet": "10.110.0.0"}
    given = [word for key, value in inputs.items() for word in ("-i", f"{key}={value}")]
    words = [str(WORKFLOWS / "vlan-and-acl.yaml"), *given, "--inventory", str(inventory.parent)]
    before = {router.name: router.running_config for router in fleet}
    plan = stage.nornflow("plan", *words, "--detailed-exitcode", expect=10)
    assert "+ip access-list extended VLAN110-IN" in plan
    assert {router.name: router.running_config for router in fleet} == before
    stage.nornflow("run", *words, "--yes")
    assert "vlan 110\n name guests\n" in fleet["r2"].running_config
    assert " deny ip 10.110.0.0 0.0.0.255 172.16.0.0 0.0.255.255" in fleet["r3"].running_config
    assert fleet["r1"].running_config == before["r1"]
    stage.nornflow("plan", *words, "--detailed-exitcode", expect=0)


def baseline(stage: Stage) -> None:
    fleet = stage.routers(count=2)
    record = stage.run("baseline", fleet)
    assert record["outputs"]["changed"] == ["r1", "r2"]
    assert all("logging host 192.0.2.60\n" in router.running_config and not router.unsaved for router in fleet)
    assert [name for name in (one["step_id"] for one in record["steps"]) if "." in name] == [
        *("part.1.change", "part.1.shown", "part.2.change", "part.2.shown"),
    ]
    bad = [{"lines": ["logging host 192.0.2.61"], "expect": "^nowhere$"}]
    failed = stage.run("baseline", fleet, exit_code=1, parts=bad)
    assert "part.1.shown" in failed["hosts"][0]["failed_step"]
    assert all("192.0.2.61" not in router.running_config for router in fleet)  # the way back is that of the run


def backup(stage: Stage) -> None:
    fleet = stage.routers(count=2)
    fleet["r1"].configure("ntp server 192.0.2.99")
    before = fleet["r1"].running_config
    record = stage.run("backup", fleet)
    assert record["outputs"]["backed_up"] == ["r1", "r2"]
    kept = Path(step(record, "running")["hosts"]["r1"]["outputs"]["backup_file"])
    assert kept.is_relative_to(stage.folder)
    assert "ntp server 192.0.2.99" in kept.read_text()
    assert fleet["r1"].running_config == before


def health_check(stage: Stage) -> None:
    fleet = stage.routers(count=3)
    record = stage.run("health-check", fleet)
    assert record["state"] == "succeeded"
    assert len(record["outputs"]["software"]) == 1
    fleet["r2"].configure("interface Loopback0", "shutdown")
    sick = stage.run("health-check", fleet, exit_code=1)
    assert states(sick, "loopback-is-up") == {"r1": "ok", "r2": "failed", "r3": "ok"}
    assert fleet.counters()["config_lines"] == 0


def os_upgrade_precheck(stage: Stage) -> None:
    fleet = stage.routers(count=2)
    fleet["r1"].save()
    record = stage.run("os-upgrade-precheck", fleet, wanted="99.1")
    report = Path(record["outputs"]["report"]).read_text()
    assert report.startswith("# Upgrade to 99.1\n")
    assert "| r1 |" in report
    assert "| r2 |" in report


def mop_change(stage: Stage) -> None:
    fleet = stage.routers(count=3)
    lines, expect = ["logging host 192.0.2.60"], ["^logging host 192.0.2.60$"]
    record = stage.run("mop-change", fleet, lines=lines, expect=expect, commands=["show ip bgp summary"])
    assert sorted(record["outputs"]["changed"]) == ["r1", "r2", "r3"]
    before = {router.name: router.running_config for router in fleet}
    failed = stage.run(
        "mop-change", fleet, exit_code=1, lines=["logging host 192.0.2.61"], expect=expect, absent=["61"]
    )
    assert failed["state"] == "rolled_back"
    assert {router.name: router.running_config for router in fleet} == before


def careful_rollout(stage: Stage) -> None:
    fleet = stage.routers(count=4)
    record = stage.run("careful-rollout", fleet, lines=["logging host 192.0.2.60"])
    assert [(batch["number"], batch["hosts"], batch["good"]) for batch in record["batches"]] == [
        (1, 2, True),
        (2, 1, True),
        (3, 1, True),
    ]
    assert {host["host"]: host["batch"] for host in record["hosts"]} == {"r1": 3, "r2": 2, "r3": 1, "r4": 1}
    again = stage.run("careful-rollout", fleet, lines=["logging host 192.0.2.60"])
    assert again["outputs"]["changed"] == []
    before = {router.name: router.running_config for router in fleet}
    lines = ["interface GigabitEthernet1", "shutdown"]
    failed = stage.run("careful-rollout", fleet, exit_code=1, lines=lines, first="ams")
    assert (failed["state"], ends(failed)["r2"], ends(failed)["r1"]) == ("rolled_back", "rolled_back", "skipped")
    assert failed["batches"][0]["checks"][0]["failed"] == ["r2"]
    assert {router.name: router.running_config for router in fleet} == before


def watched_change(stage: Stage) -> None:
    fleet = stage.routers(count=3)
    words = ["--inventory", str(stage.inventory(fleet)), "--limit", "name == 'r1'", "--yes", "--format", "json"]

    def change(*lines: str, expect: int = 0) -> tuple[dict[str, Any], dict[str, str]]:
        file = str(WORKFLOWS / "watched-change.yaml")
        record = json.loads(stage.nornflow("run", file, "-i", f"lines={json.dumps(lines)}", *words, expect=expect))
        found = step(record, "state:differences")["hosts"]["r1"]["outputs"]["differences"]
        return record, {each["path"]: each["class"] for each in found}

    drained, found = change("router bgp 65001", "neighbor 10.0.0.2 shutdown")
    assert drained["hosts"][0]["state"] == "changed"
    assert set(found.values()) == {"intended", "noise"}
    _, found = change("router bgp 65001", "no neighbor 10.0.0.2 shutdown")
    assert "intended" in found.values()
    before = fleet["r1"].running_config
    cut, found = change("interface GigabitEthernet1", "shutdown", expect=1)
    assert (cut["hosts"][0]["state"], cut["hosts"][0]["failed_step"]) == ("rolled_back", "state:differences")
    assert found["interfaces.GigabitEthernet1.up"] == "intended"
    assert {path for path, kind in found.items() if kind == "collateral"} == {"bgp.10.0.0.2.state_or_prefixes_received"}
    assert fleet["r1"].running_config == before
    assert not fleet["r1"].unsaved


def eos_napalm(stage: Stage) -> None:
    fleet = stage.switches(count=2)
    record = stage.run("eos-napalm", fleet, server="192.0.2.10")
    assert record["outputs"]["changed"] == ["sw1", "sw2"]
    assert states(record, "confirm") == {"sw1": "ok", "sw2": "ok"}
    assert "ntp server 192.0.2.10" in fleet["sw1"].running_config
    again = stage.run("eos-napalm", fleet, server="192.0.2.10")
    assert again["outputs"]["changed"] == []
    assert states(again, "confirm") == {"sw1": "skipped", "sw2": "skipped"}


def branches(stage: Stage) -> None:
    record = stage.run("branches")
    assert record["outputs"] == {"branch": "else", "polls": 3}
    assert step(record, "plan-batches")["status"] == "skipped"
    assert step(record, "repair")["status"] == "skipped"
    assert step(record, "tidy-up")["status"] == "ok"
    broken = stage.run("branches", kind="large", break_it=True)
    assert broken["outputs"]["branch"] == "then"
    assert step(broken, "repair")["status"] == "ok"
    assert step(broken, "risky")["result"]["rescued"] is True


def ci_gate(stage: Stage) -> None:
    with listening() as (url, told):
        (stage.folder / "nornflow.yaml").write_text("allowed_domains: [127.0.0.1]\n")
        assert stage.run("ci-gate", url=url)["outputs"] == {"passed": 6}
        assert told == [{"gate": "ci-gate", "passed": 6}]
        stage.run("ci-gate", url=url, tests="4 passed", exit_code=1)
        assert len(told) == 1
        (stage.folder / "nornflow.yaml").unlink()
        refused = stage.run("ci-gate", url=url, exit_code=1)
        assert step(refused, "tell")["result"]["reason"] == "denied"
        assert len(told) == 1


class listening:
    """A web server that keeps the JSON bodies it was sent."""

    def __enter__(self) -> tuple[str, list[Any]]:
        told: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/hook", told

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


STORIES: dict[str, Callable[[Stage], None]] = {
    "backup": backup,
    "baseline": baseline,
    "bgp-network": bgp_network,
    "branches": branches,
    "careful-rollout": careful_rollout,
    "ci-gate": ci_gate,
    "eos-napalm": eos_napalm,
    "health-check": health_check,
    "hello": hello,
    "interface-descriptions": interface_descriptions,
    "mop-change": mop_change,
    "ntp-rollout": ntp_rollout,
    "os-upgrade-precheck": os_upgrade_precheck,
    "vlan-and-acl": vlan_and_acl,
    "watched-change": watched_change,
}
MARKS = {"bgp-network": [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]}


@pytest.mark.parametrize("name", [pytest.param(file.stem, marks=MARKS.get(file.stem, [])) for file in FILES])
def test_the_example_does_what_it_says(name: str, stage: Stage) -> None:
    assert name in STORIES, f"workflows/{name}.yaml has no story here: every example is run by a test"
    STORIES[name](stage)


def test_no_story_is_told_of_a_workflow_that_is_gone() -> None:
    assert set(STORIES) == {file.stem for file in FILES}


def test_every_example_is_valid(stage: Stage) -> None:
    told = stage.nornflow("validate", *map(str, FILES))
    assert [line.partition(" (")[0] for line in told.splitlines()] == [f"{file}: ok" for file in FILES]


def test_unreachable_servers_are_taken_back(stage: Stage) -> None:
    fleet = stage.routers(count=4, ntp_reachable=["192.0.2.1"])
    before = {router.name: router.running_config for router in fleet}
    record = stage.run("ntp-rollout", fleet, servers=["192.0.2.10"], exit_code=1)
    assert record["state"] == "rolled_back"
    assert ends(record)["r2"] == "rolled_back"
    assert {router.name: router.running_config for router in fleet} == before
    assert fleet["r3"].counters.config_lines == 0  # the rollout stopped after the first batch


def test_a_plan_of_switches_is_the_devices_own_and_leaves_nothing(stage: Stage) -> None:
    fleet = stage.switches(count=1)
    before = fleet["sw1"].running_config
    words = [str(WORKFLOWS / "eos-napalm.yaml"), "-i", "server=192.0.2.10", "--inventory", str(stage.inventory(fleet))]
    plan = json.loads(stage.nornflow("plan", *words, "--format", "json"))
    planned = next(step for step in plan["hosts"][0]["steps"] if step["step"] == "change")
    assert planned["method"] == "native"
    assert "+ntp server 192.0.2.10" in planned["diff"]
    assert fleet["sw1"].running_config == before


def test_the_inventory_of_the_repository_is_the_simulated_network() -> None:
    hosts = yaml.safe_load((ROOT / "inventory" / "hosts.yaml").read_text())
    groups = yaml.safe_load((ROOT / "inventory" / "groups.yaml").read_text())
    defaults = yaml.safe_load((ROOT / "inventory" / "defaults.yaml").read_text())
    fleet = Fleet(4)
    assert list(hosts) == [router.name for router in fleet]
    for router in fleet:
        host = hosts[router.name]
        data = {key: value for group in host["groups"] for key, value in groups[group]["data"].items()} | host["data"]
        assert data == router.data
    assert [host["port"] for host in hosts.values()] == [2201, 2202, 2203, 2204]
    assert (defaults["username"], defaults["password"]) == (fleet.credentials.username, fleet.credentials.password)
    assert defaults["platform"] == fleet.platform
