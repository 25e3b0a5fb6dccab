"""A plan file of very many devices: how large it is, and how long it takes to open it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from nornflow.engine.journal import approved_data
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep, Rehearsal
from nornflow.model.sealed import SealedPlan
from nornflow.planning.diff import unified
from nornflow.planning.seal import opened, sealed, written
from nornflow.platforms.load import platform_for

DEVICES, LINES = 1000, 40
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def plan_file() -> dict[str, float]:
    """Return megabytes of the plan of 40 lines, others on each of 1,000 devices, and seconds until it is open."""
    platform = platform_for("cisco_ios")
    before = "\n".join(["hostname r", *(f"ntp server 192.0.2.{line}" for line in range(LINES)), "end"]) + "\n"
    hosts = []
    for number in range(DEVICES):
        lines = tuple(f"ntp server 10.{number // 256}.{number % 256}.{line} prefer" for line in range(LINES))
        diff = unified(before, before + "\n".join(lines) + "\n", platform)
        back, digest = tuple(f"no {line}" for line in lines), f"{number:064x}"
        step = PlannedStep("configure", f"r{number}", lines, "netmiko", diff, Method.MODEL, digest, back)
        rehearsal = Rehearsal(Method.MODEL, back, "predicted on the text")
        hosts.append(HostPlan(f"r{number}", "cisco_ios", (step,), pre_hash=digest, rollback=rehearsal))
    plan = Plan("ntp", "1.0", "standard", {}, tuple(hosts))
    spec = {
        "text": "",
        "targets": [host.host for host in hosts],
        "devices": {host.host: host.pre_hash for host in hosts},
    }
    made = sealed(SealedPlan(NOON, "ann", ("bob",), {}, spec, (), approved_data(plan, {})))
    data = written(made)
    began = time.perf_counter()
    assert len(opened(data, "x.plan").plan.hosts) == DEVICES
    return {"plan MB": len(data) / 1e6, "plan opened s": time.perf_counter() - began}
