"""Plans as they were kept, read back from plain data; what the data leaves out has its default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nornflow.model.plan import Batch, HostPlan, Method, Plan, PlannedStep, Rehearsal, Risk


def plan_of(data: Mapping[str, Any]) -> Plan:
    """Return the plan; TypeError, KeyError or ValueError when the data is not that of a plan."""
    hosts = tuple(host_plan_of(host) for host in data["hosts"])
    batches = tuple(_batch(batch) for batch in data.get("batches", ()))
    return Plan(**{"inputs": {}, **data, "hosts": hosts, "batches": batches, "checks": tuple(data.get("checks", ()))})


def planned_of(data: Mapping[str, Any]) -> PlannedStep:
    """Return the planned step; TypeError or ValueError when the data is not that of one."""
    lists = {name: tuple(data.get(name, ())) for name in ("lines", "rollback", "digests")}
    return PlannedStep(**{**data, **lists, "method": Method(data.get("method", Method.MODEL))})


def host_plan_of(data: Mapping[str, Any]) -> HostPlan:
    """Return the plan of one device; TypeError, KeyError or ValueError when the data is not that of one."""
    rehearsed = data.get("rollback")
    steps = tuple(planned_of(step) for step in data["steps"])
    risks = tuple(Risk(**risk) for risk in data.get("risks", ()))
    return HostPlan(**{**data, "steps": steps, "rollback": rehearsed and _rehearsal(rehearsed), "risks": risks})


def _batch(data: Mapping[str, Any]) -> Batch:
    return Batch(**{**data, "hosts": tuple(data.get("hosts", ()))})


def _rehearsal(data: Mapping[str, Any]) -> Rehearsal:
    method = Method(data.get("method", Method.MODEL))
    return Rehearsal(**{**data, "method": method, "lines": tuple(data.get("lines", ()))})
