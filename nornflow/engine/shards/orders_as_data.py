"""Orders, and what came of them, as plain data (JSON) and back: for processes that share no memory and trust no pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from nornflow.engine.host_notes import HostNotes
from nornflow.engine.journal import armed_of, compact, host_plan_data, result_of
from nornflow.engine.plans.plan_notes import PlanNotes
from nornflow.engine.progress import PreImage
from nornflow.engine.shards.shard import Finished, Order
from nornflow.engine.shards.shards import Done, Round, Work
from nornflow.errors import NornFlowError, StepError, error_kinds
from nornflow.model.confirm import Armed, Hold
from nornflow.model.device import Way
from nornflow.model.kept_plan import host_plan_of, planned_of
from nornflow.model.plan import Risk
from nornflow.model.run import StepResult
from nornflow.planning.planner import Planner

Data = Mapping[str, Any]


def order_data(order: Order) -> dict[str, Any]:
    """Return an order as plain data."""
    return {
        "number": order.number,
        "round": {**compact(order.round), "work": order.round.work.value, "hosts": list(order.round.hosts)},
        "notes": {host: _notes_data(notes) for host, notes in order.notes.items()},
        "results": _results_data(order.results),
        "batch": order.batch,
        "over": order.over,
    }


def order_of(data: Data) -> Order:
    """Return the order that the data is of."""
    round = data["round"]
    return Order(
        data["number"],
        Round(**{**round, "work": Work(round["work"]), "hosts": tuple(round["hosts"])}),
        {host: _notes_of(host, notes) for host, notes in data["notes"].items()},
        _results_of(data["results"]),
        data["batch"],
        data["over"],
    )


def finished_data(finished: Finished) -> dict[str, Any]:
    """Return what came of an order as plain data."""
    done = finished.done
    return {
        "number": finished.number,
        "results": _results_data(done.results),
        "errors": {host: error_data(error) for host, error in done.errors.items()},
        "told": sorted(done.told),
        "kept": sorted(done.kept),
        "unplanned": dict(done.unplanned),
        "notes": {host: _notes_data(notes) for host, notes in finished.notes.items()},
    }


def finished_of(data: Data) -> Finished:
    """Return what came of an order."""
    done = Done(
        _results_of(data["results"]),
        {host: error_of(error) for host, error in data["errors"].items()},
        frozenset(data["told"]),
        frozenset(data["kept"]),
        data["unplanned"],
    )
    return Finished(data["number"], done, {host: _notes_of(host, notes) for host, notes in data["notes"].items()})


def error_data(error: NornFlowError) -> dict[str, str]:
    """Return an error as plain data: its class by name, its message and its hint."""
    return {"kind": type(error).__name__, "message": error.message, "hint": error.hint}


def error_of(data: Data) -> NornFlowError:
    """Return the error; one of a class that nobody here knows is a StepError."""
    kind = error_kinds().get(data["kind"], StepError)
    return kind(data["message"], hint=data["hint"])


def _results_data(results: Mapping[str, StepResult]) -> dict[str, Any]:
    return {name: compact(result) for name, result in results.items()}


def _results_of(data: Data) -> dict[str, StepResult]:
    return {name: result_of(each) for name, each in data.items()}


def _notes_data(notes: HostNotes) -> dict[str, Any]:
    data: dict[str, Any] = {"results": _results_data(notes.results), "open": dict(notes.open), "used": notes.used}
    data |= {"taken_back": notes.taken_back, "rolling": notes.rolling}
    if notes.step is not None:
        data["step"] = _plan_notes_data(notes.step)
    if notes.plan is not None:
        data["plan"] = host_plan_data(notes.plan)
    if notes.image is not None:
        data["image"] = {field.name: getattr(notes.image, field.name) for field in fields(PreImage)}
    if notes.armed is not None:
        data["armed"] = compact(notes.armed)
    if notes.hold is not None:
        data["hold"] = [notes.hold.token, notes.hold.seconds]
    if notes.held_save is not None:
        data["held_save"] = list(notes.held_save)
    return data


def _notes_of(host: str, data: Data) -> HostNotes:
    image, armed, hold, save = (data.get(name) for name in ("image", "armed", "hold", "held_save"))
    return HostNotes(
        _plan_notes_of(host, data["step"]) if "step" in data else None,
        host_plan_of(data["plan"]) if "plan" in data else None,
        _results_of(data["results"]),
        PreImage(**image) if image else None,
        data["taken_back"],
        data["open"],
        data["rolling"],
        _armed_of(armed) if armed else None,
        Hold(*hold) if hold else None,
        (save[0], save[1], save[2]) if save else None,
        data["used"],
    )


def _armed_of(data: Data) -> Armed:
    armed = armed_of({key: item for key, item in data.items() if key not in ("confirmed_at", "reverted_at")})
    for name in ("confirmed_at", "reverted_at"):
        if name in data:
            setattr(armed, name, datetime.fromisoformat(data[name]))
    return armed


def _plan_notes_data(notes: PlanNotes) -> dict[str, Any]:
    data: dict[str, Any] = {"digest": notes.digest}
    if notes.planned is not None:
        data["planned"] = compact(notes.planned)
    if notes.result is not None:
        data["result"] = compact(notes.result)
    if notes.risks is not None:
        data["risks"] = [compact(risk) for risk in notes.risks]
    if notes.planner is not None:
        state = notes.planner.__getstate__()
        risks = {step: [compact(risk) for risk in found] for step, found in state["risks"].items()}
        typed = [[step, list(lines), at_once] for step, lines, at_once in state["_typed"]]
        data["planner"] = {**state, "risks": risks, "_way": compact(state["_way"]), "_typed": typed}
    return data


def _plan_notes_of(host: str, data: Data) -> PlanNotes:
    planned, result, risks, state = (data.get(name) for name in ("planned", "result", "risks", "planner"))
    return PlanNotes(
        planned_of(planned) if planned is not None else None,
        result_of(result) if result is not None else None,
        tuple(Risk(**risk) for risk in risks) if risks is not None else None,
        data["digest"],
        _planner_of(state) if state is not None else None,
    )


def _planner_of(state: Data) -> Planner:
    planner = Planner.__new__(Planner)
    way: dict[str, Any] = {
        name: tuple(item) if isinstance(item, list) else item for name, item in state["_way"].items()
    }
    risks = {step: tuple(Risk(**risk) for risk in found) for step, found in state["risks"].items()}
    typed = [(step, tuple(lines), at_once) for step, lines, at_once in state["_typed"]]
    planner.__setstate__({**state, "risks": risks, "_way": Way(**way), "_typed": typed})
    return planner
