"""Which devices a change is for: an expression over host data, or names, groups and a filter; then `--limit`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from nornflow.errors import ExpressionError, InventoryError, UsageError
from nornflow.model.device import HostView
from nornflow.model.rollout import Targets
from nornflow.workflow.expressions import Evaluator, host_names
from nornflow.workflow.matching import demand_names, matching


def select(
    hosts: Mapping[str, HostView],
    targets: Targets,
    limit: str,
    evaluator: Evaluator,
    inputs: Mapping[str, Any],
) -> tuple[str, ...]:
    """Return the names of the targeted devices in the inventory's order.

    Raises InventoryError for a host or group that is not there, UsageError for an expression that cannot be
    evaluated or names something that no host has.
    """
    chosen = list(hosts.values())
    _demand_named(hosts, targets)
    if targets.hosts or targets.groups:
        chosen = [v for v in chosen if v.name in targets.hosts or any(g in targets.groups for g in v.groups)]
    for key, wanted in targets.filter.items():
        chosen = [view for view in chosen if host_names(view).get(key) == wanted]
    if targets.expression:
        chosen = _matching(chosen, hosts, targets.expression, evaluator, inputs, str(targets.location))
    if limit:
        chosen = _limited(chosen, hosts, limit, evaluator, inputs)
    return tuple(view.name for view in chosen)


def demand_known(hosts: Mapping[str, HostView], targets: Targets) -> None:
    """Raise what `select` raises for targets that name a host, a group or a key which is nowhere in the inventory."""
    _demand_named(hosts, targets)
    if not targets.expression:
        return
    try:
        demand_names(targets.expression, hosts)
    except ExpressionError as error:
        raise UsageError(f"{targets.location}: {error.message}", hint=error.hint) from None


def _demand_named(hosts: Mapping[str, HostView], targets: Targets) -> None:
    _must_exist("host", targets.hosts, hosts, str(targets.location))
    groups = {group for view in hosts.values() for group in view.groups} if targets.groups else ()
    _must_exist("group", targets.groups, groups, str(targets.location))


def _matching(
    chosen: list[HostView],
    hosts: Mapping[str, HostView],
    expression: str,
    evaluator: Evaluator,
    inputs: Mapping[str, Any],
    place: str,
) -> list[HostView]:
    try:
        return matching(chosen, hosts, expression, inputs, evaluator)
    except ExpressionError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from None


def _limited(
    chosen: list[HostView], hosts: Mapping[str, HostView], limit: str, evaluator: Evaluator, inputs: Mapping[str, Any]
) -> list[HostView]:
    patterns = [part.strip() for part in limit.split(",") if part.strip()]
    if all(any(fnmatchcase(name, pattern) for name in hosts) for pattern in patterns):
        return [view for view in chosen if any(fnmatchcase(view.name, pattern) for pattern in patterns)]
    first = patterns[0]
    if len(patterns) > 1 or first.replace("-", "").replace("_", "").isalnum() or any(mark in first for mark in "*?["):
        strange = next(pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in hosts))
        if " " not in strange and "=" not in strange:
            _must_exist("host", (strange,), hosts, "--limit", UsageError)
    return _matching(chosen, hosts, limit, evaluator, inputs, "--limit")


def _must_exist(
    kind: str, names: tuple[str, ...], known: Any, place: str, error: type[InventoryError | UsageError] = InventoryError
) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            guess = f", did you mean {near[0]!r}?" if near else ""
            raise error(f"{place}: there is no {kind} {name!r} in the inventory{guess}", hint="look into the inventory")
