"""Changes of every kind are played on the twin and then made on a router: what says `proven` is what the router shows.

The router is one of the lab's with some more configuration (`MORE`); every change begins from the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nornflow.engine.cancel import StopSwitch
from nornflow.engine.twins import Case, Played, play
from nornflow.errors import DeviceError, LineRejected
from nornflow.model.device import HostView
from nornflow.planning.diff import unified
from nornflow.platforms.load import platform_for
from nornflow.testing import FrrLab
from nornflow.testing.project import ProjectFolder
from nornflow_frr.twin import FrrTwin
from nornflow_frr.vtysh import type_lines

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("frr"), pytest.mark.timeout(400)]

FRR = platform_for("frr")

MORE = """
ip route 10.98.0.0/16 10.0.1.2
ip route 10.97.0.0/16 10.0.1.2 200
ip route 10.96.0.0/16 Null0
ip prefix-list PL seq 5 permit 10.0.0.0/8 le 24
ip prefix-list PL seq 10 deny any
access-list AL seq 5 permit 10.0.0.0/8
access-list AL seq 10 deny any
bgp community-list standard CL seq 5 permit 65001:1
bgp as-path access-list AP seq 5 permit ^65002_
route-map OUT permit 10
 match ip address prefix-list PL
 set local-preference 200
exit
route-map OUT deny 20
exit
interface eth1
 ip address 10.77.0.1/24
exit
router bgp 65001
 neighbor PG peer-group
 neighbor PG remote-as 65009
 neighbor 10.77.0.9 peer-group PG
 address-family ipv4 unicast
  network 10.1.0.0/16
  network 10.2.0.0/16
  neighbor 10.0.1.2 prefix-list PL in
  neighbor 10.0.1.2 route-map OUT out
"""

CHANGES = {
    "addresses": """
        interface eth0 | ip address 10.50.0.1/24
        interface eth1 | no ip address 10.77.0.1/24 | ip address 10.78.0.1/24
        interface eth1 | ip address 10.77.0.1/24
        interface lo | ip address 10.255.9.1/32 | ip address 10.255.9.2/32
        interface lo | no ip address 10.255.0.1/32 | ip address 10.255.0.1/32
        interface eth1 | no ip address 10.77.0.1/24 | interface lo | ip address 10.77.0.1/24
        interface eth0 | ip address 10.51.0.1 255.255.255.0
        interface eth0 | ipv6 address 2001:db8:5::1/64
        interface eth0 | description a line to the second router, with a comma
        interface eth0 | no description
        interface eth0 | description first | description second
        interface eth1 | shutdown
        interface eth1 | no shutdown
        interface eth1 | shutdown | no shutdown
        interface eth0 | bandwidth 1000 | no link-detect
        interface eth0 | description to r2
        interface eth7 | description a port that nothing is known of
        int lo | desc looped
    """,
    "static routes, lists and filters": """
        ip route 203.0.113.0/24 10.0.1.2
        ip route 203.0.113.0/24 10.0.1.2 | ip route 203.0.113.0/24 10.0.1.2
        ip route 203.0.113.77/24 blackhole
        ip route 198.51.100.0 255.255.255.0 Null0 200
        ip route 10.98.0.0/16 10.0.1.2 150
        ip route 10.97.0.0/16 10.0.1.2
        ip route 10.98.0.0/16 10.0.1.6
        no ip route 10.96.0.0/16 Null0
        no ip route 10.98.0.0/16 10.0.1.2 | ip route 10.98.0.0/16 10.0.1.2
        ip route 10.95.0.0/16 eth0 | ip route 10.95.0.0/16 10.0.1.2 tag 7
        ipv6 route 2001:db8:9::/48 2001:db8::1
        ip prefix-list PL seq 7 permit 172.16.0.0/12
        ip prefix-list PL permit 192.168.0.0/16 le 32
        ip prefix-list PL seq 5 permit 10.0.0.0/8 le 28
        no ip prefix-list PL seq 10
        no ip prefix-list PL
        ip prefix-list NEW deny any | ip prefix-list NEW permit 10.0.0.0/8
        ip prefix-list PL description what comes from the second router
        ipv6 prefix-list SIX seq 5 permit 2001:db8::/32 ge 48
        access-list AL permit 172.16.0.0/12
        access-list AL seq 5 deny 10.0.0.0/8
        no access-list AL seq 10
        access-list 10 permit host 10.0.0.1 | access-list 10 deny any
        access-list AL remark who may speak to us
        no access-list AL
        bgp community-list standard CL permit 65001:2
        no bgp community-list standard CL seq 5 permit 65001:1
        bgp as-path access-list AP permit ^65003_
        bgp community-list expanded EX seq 5 permit 65001:.*
    """,
    "route maps": """
        route-map NEW permit 10 | match ip address prefix-list PL | set metric 50
        route-map OUT permit 10 | set local-preference 300
        route-map OUT permit 10 | no set local-preference
        route-map OUT permit 10 | no match ip address prefix-list PL
        route-map OUT permit 10 | match community CL | set community 65001:9 additive
        route-map OUT deny 10
        route-map OUT permit 15 | set as-path prepend 65001 65001
        no route-map OUT deny 20
        no route-map OUT permit 10
        no route-map OUT
        route-map OUT permit 10 | description the way out | on-match next
        route-map OUT permit 10 | set local-preference 200
        route-map OUT permit 10 | match as-path AP | set weight 10 | exit | route-map OUT deny 20 | match ip address AL
        route-map OUT permit 10 | set ip next-hop 10.0.1.9 | call NEW
    """,
    "BGP": """
        router bgp 65001 | network 203.0.113.0/24
        router bgp 65001 | address-family ipv4 unicast | no network 10.1.0.0/16
        router bgp 65001 | address-family ipv4 unicast | network 10.1.0.0/16
        router bgp 65001 | neighbor 10.0.1.2 description the second one
        router bgp 65001 | no neighbor 10.0.1.2 description
        router bgp 65001 | neighbor 10.0.1.2 shutdown
        router bgp 65001 | no neighbor 10.0.1.2 shutdown
        router bgp 65001 | neighbor 10.0.1.2 remote-as 65077
        router bgp 65001 | no neighbor 10.0.1.2
        router bgp 65001 | no neighbor 10.0.1.2 | neighbor 10.0.1.2 remote-as 65002
        router bgp 65001 | no neighbor PG peer-group
        router bgp 65001 | neighbor 10.99.0.1 peer-group PG
        router bgp 65001 | neighbor 10.0.1.2 timers 10 30 | no timers bgp
        router bgp 65001 | timers bgp 60 180
        router bgp 65001 | no bgp router-id | bgp router-id 10.255.0.99
        router bgp 65001 | bgp log-neighbor-changes | bgp bestpath as-path multipath-relax
        router bgp 65001 | address-family ipv4 unicast | redistribute connected route-map OUT | maximum-paths 4
        router bgp 65001 | address-family ipv4 unicast | aggregate-address 10.0.0.0/8 summary-only
        router bgp 65001 | address-family ipv4 unicast | no neighbor 10.0.1.2 route-map OUT out
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 route-map OUT in
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 prefix-list OTHER in
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 next-hop-self | neighbor 10.0.1.2 send-community
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 maximum-prefix 100 80 warning-only
        router bgp 65001 | address-family ipv4 unicast | no neighbor 10.0.1.2 activate
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 soft-reconfiguration inbound
        router bgp 65001 | address-family ipv6 unicast | network 2001:db8:1::/48 | neighbor 10.0.1.2 activate
        router bgp 65001 | neighbor 10.0.1.2 ebgp-multihop 3 | neighbor 10.0.1.2 update-source lo
        router bgp 65001 | neighbor 10.0.1.2 password s3cr3t-of-two
        router bgp 65001 | bgp ebgp-requires-policy
        no router bgp 65001
        ip forwarding
        no ip forwarding
        no ipv6 forwarding
        log syslog informational
    """,
}
FRESH = f"NEW{os.getpid()}"
"""A name that this lab has never seen: FRR remembers the place of a list that was once there, and nobody else knows it."""

PROVEN = {"addresses": 17, "static routes, lists and filters": 28, "route maps": 14, "BGP": 34}
"""How many of each kind are proven: all but two of the 95, which FRR 8.4 refuses on the router as well."""


EVERY = os.environ.get("EVERY_CHANGE") == "1"
"""Whether all of them are played, as `make lab` does; otherwise every fourth is."""


def parts(row: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in row.split("|"))


def changes(kind: str) -> list[tuple[str, ...]]:
    rows = CHANGES[kind].strip().splitlines()
    return [parts(row.replace("NEW", FRESH)) for row in (rows if EVERY else rows[::4])]


@pytest.fixture
def shown(frr_lab: FrrLab) -> str:
    """The router's configuration with more in it, as a session over SSH shows it."""
    typed(frr_lab, MORE.strip().splitlines())
    return running(frr_lab)


def typed(lab: FrrLab, lines: list[str] | tuple[str, ...]) -> None:
    type_lines(["vtysh", "-N", lab["r1"].space], lines)


def running(lab: FrrLab) -> str:
    return lab["r1"].vtysh("show running-config")


@pytest.mark.parametrize("kind", CHANGES)
def test_what_is_proven_is_what_the_router_shows_there_and_back(kind: str, frr_lab: FrrLab, shown: str) -> None:
    cases = [Case(HostView(" | ".join(lines)), FRR, shown, [lines]) for lines in changes(kind)]
    played = play(FrrTwin(), cases, StopSwitch())
    unproven = {name: found for name, found in played.items() if found.failure or found.remaining}
    wrong = []
    for name, found in played.items():
        if name in unproven:
            continue
        typed(frr_lab, parts(name))
        if other := unified(found.after[-1], running(frr_lab), FRR):
            wrong.append(f"{name}: the router shows otherwise\n{other}")
        typed(frr_lab, found.lines)
        if other := unified(shown, running(frr_lab), FRR):
            wrong.append(f"{name}: the router does not come back by {found.lines}\n{other}")
            back_by_hand(frr_lab)
    assert not wrong, "\n".join(wrong)
    if EVERY:
        assert len(played) - len(unproven) == PROVEN[kind], told(unproven)
    assert len(played) > len(unproven) * 3, told(unproven)
    for name in unproven:
        with pytest.raises(LineRejected):
            typed(frr_lab, parts(name))


def back_by_hand(lab: FrrLab) -> None:
    lab["r1"].restore()
    typed(lab, MORE.strip().splitlines())


def told(unproven: dict[str, Played]) -> str:
    return "\n".join(f"{name}: {found.failure or found.remaining}" for name, found in unproven.items())


LOOPBACK = """
name: loopback
version: 1.0
targets: "name in ['r1', 'r2']"
steps:
  - id: describe
    type: netmiko.config
    lines: ["interface lo", " description {{ host.name }} itself", " ip address 203.0.113.{{ host.asn - 65000 }}/32"]
  - id: announce
    type: netmiko.config
    depends_on: describe
    lines: ["router bgp {{ host.asn }}", " network 203.0.113.{{ host.asn - 65000 }}/32"]
"""
CAREFUL = "profiles: {careful: {extends: standard, rollback: proven}}\n"


def test_a_change_is_planned_on_twins_demanded_to_be_proven_made_and_taken_back_later(
    frr_lab: FrrLab, project: Callable[..., ProjectFolder]
) -> None:
    site = project({"loopback.yaml": LOOPBACK, "nornflow.yaml": CAREFUL})
    frr_lab.write_inventory(site.path / "inventory" / "hosts.yaml")
    before = {name: frr_lab[name].running_config for name in ("r1", "r2")}

    plan = site.run("plan", "loopback.yaml", "--profile", "careful", "--format", "json").ok().json()
    assert {host["rollback"]["method"] for host in plan["hosts"]} == {"proven"}
    assert {step["method"] for host in plan["hosts"] for step in host["steps"]} == {"proven"}
    shown = site.run("plan", "loopback.yaml", "--profile", "careful").ok().stdout
    assert "rollback: proven (played on the twin frr: the pre-image again, line for line, after 1 pass)" in shown

    site.run("run", "loopback.yaml", "--profile", "careful", "--yes").ok()
    made = site.record()
    for host in plan["hosts"]:
        done = {step["step_id"]: step["hosts"][host["host"]]["diff"] for step in made["steps"]}
        assert done == {step["step"]: step["diff"] for step in host["steps"]}, "what was planned is what it showed"

    site.run("rollback", made["id"], "--profile", "careful", "--yes").ok()
    assert {name: frr_lab[name].running_config for name in before} == before
    assert site.record()["inputs"]["run"] == made["id"]


def test_where_no_twin_can_run_the_plan_says_why_and_a_careful_profile_denies_it(
    frr_lab: FrrLab, project: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrrTwin, "obstacle", lambda self: "a twin of FRR needs root, for namespaces")
    site = project({"loopback.yaml": LOOPBACK, "nornflow.yaml": CAREFUL})
    frr_lab.write_inventory(site.path / "inventory" / "hosts.yaml")
    said = "predicted on the text; not on the twin frr: a twin of FRR needs root, for namespaces"
    assert f"rollback: model ({said})" in site.run("plan", "loopback.yaml").ok().stdout
    denied = site.run("run", "loopback.yaml", "--profile", "careful", "--yes")
    assert (denied.exit_code, said in denied.stdout) == (3, True)


CONFIG = "frr version 8.4.4\nfrr defaults traditional\nhostname r1\n!\ninterface eth0\n ip address 192.0.2.1/24\nexit\n!\nend\n"


@pytest.fixture
def config() -> str:
    twin = FrrTwin()
    if problem := twin.obstacle():
        pytest.skip(problem)
    with twin.stage() as stage:
        return CONFIG.replace("8.4.4", stage.version)


def worlds() -> list[int]:
    """The processes of FRR on this machine that live in a world of a twin: their root cannot be written."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            comm, mounts = (folder / "comm").read_text().strip(), (folder / "mounts").read_text().splitlines()
        except OSError:
            continue
        if comm in ("zebra", "staticd", "bgpd") and any(
            line.split()[1] == "/tmp" and " tmpfs " in line for line in mounts
        ):
            found.append(int(folder.name))
    return found


def forebears(pid: int) -> set[int]:
    """The processes that a process comes from; other tests may have twins of their own at the same time."""
    found: set[int] = set()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def test_after_kill_9_nothing_of_a_twin_is_left(config: str, tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom nornflow_frr.twin import FrrTwin\nfrom nornflow import HostView\n"
        "with FrrTwin().stage() as stage:\n"
        "    stage.load(HostView('r1'), sys.stdin.read(), [])\n    print('up', flush=True)\n    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(config)
        process.stdin.close()
        assert process.stdout.readline() == "up\n"
        ours = {pid for pid in worlds() if process.pid in forebears(pid)}
        assert len(ours) == 3
        os.kill(process.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while ours & set(worlds()) and time.monotonic() < until:
        time.sleep(0.02)
    assert not ours & set(worlds())
    assert not list(Path("/etc/frr").glob("*twin*"))


def test_a_twin_that_dies_says_so_and_another_takes_its_place(config: str) -> None:
    with FrrTwin().stage() as stage:
        assert unified(config, stage.load(HostView("r1"), config, []), FRR) == ""
        stage.run("sh", "-c", "kill -9 -1")
        with pytest.raises(DeviceError, match="twin"):
            stage.apply(["hostname other"])
        assert unified(config, stage.load(HostView("r1"), config, []), FRR) == ""


@pytest.mark.parametrize("line", ["do start-shell", "do show run", "do write memory", "description \x1b[2J"])
def test_nothing_but_configuration_is_typed(config: str, line: str) -> None:
    with FrrTwin().stage() as stage:
        stage.load(HostView("r1"), config, [])
        with pytest.raises(LineRejected):
            stage.apply([line])


def test_lines_that_leave_the_configuration_do_not_reach_the_machine(config: str, tmp_path: Path) -> None:
    proof = tmp_path / "written"
    proof.parent.chmod(0o777)
    lines = ["exit", "start-shell sh", f"touch {proof}", "exit", "end", f"log file {proof}", "hostname r1"]
    with FrrTwin().stage() as stage:
        stage.load(HostView("r1"), config, lines)
        for line in lines:
            try:
                stage.apply(["exit", "exit", line])
            except LineRejected:
                continue
        with pytest.raises(DeviceError):
            stage.run("touch", "/etc/nornflow-was-here")
        shown = stage.run("ip", "-o", "link")
        assert all(name in ("lo", "eth0", "twin0") for name in names_of(shown))
        assert stage.run("ip", "route") == "192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1 \n"
    assert not proof.exists()


def names_of(links: str) -> list[str]:
    return [line.split(":")[1].strip().partition("@")[0] for line in links.splitlines()]


def test_another_version_is_another_router(config: str) -> None:
    with FrrTwin().stage() as stage, pytest.raises(DeviceError, match=r"r1 has 1\.0"):
        stage.load(HostView("r1"), config.replace(stage.version, "1.0"), [])
    with FrrTwin().stage() as stage, pytest.raises(DeviceError, match="does not say its version"):
        stage.load(HostView("r1"), "hostname r1\n", [])


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert FrrTwin().obstacle() == "a twin of FRR needs root, for namespaces"
