"""Which hosts an expression over host data is true for: targets, `--limit`, and the batches of a rollout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.device import HostView
from nornflow.model.rollout import Targets
from nornflow.workflow.expressions import Evaluator, host_names, names_used

_ALWAYS = frozenset(("name", "hostname", "platform", "groups", "inputs"))


def is_targeted(host: HostView, targets: Targets, inputs: Mapping[str, Any]) -> bool:
    """Tell whether a device is among targets; what it lacks is null. ExpressionError when that cannot be evaluated."""
    if (targets.hosts or targets.groups) and not (
        host.name in targets.hosts or any(group in targets.groups for group in host.groups)
    ):
        return False
    names = host_names(host)
    if any(names.get(key) != wanted for key, wanted in targets.filter.items()):
        return False
    names["inputs"] = inputs  # a copy would not know what is null
    return not targets.expression or bool(Evaluator(missing_is_null=True).evaluate(targets.expression, names))


def demand_names(expression: str, hosts: Mapping[str, HostView]) -> None:
    """Raise ExpressionError when an expression names something that none of all hosts has: it is misspelt."""
    wanted = names_used(expression) - _ALWAYS
    known = _ALWAYS | {key for view in hosts.values() for key in view.data} if wanted else _ALWAYS
    for name in sorted(wanted - known):
        near = get_close_matches(name, known, 1)
        raise ExpressionError(
            f"no device has {name!r}{f', did you mean {near[0]!r}?' if near else ''}",
            hint=f"what devices have: {', '.join(sorted(known)[:20])}",
        )


def matching(
    chosen: Iterable[HostView],
    hosts: Mapping[str, HostView],
    expression: str,
    inputs: Mapping[str, Any],
    evaluator: Evaluator | None = None,
) -> list[HostView]:
    """Return those of the chosen hosts for which the expression is true; what one host lacks is null there.

    ExpressionError when it cannot be evaluated, or names something that none of all `hosts` has.
    """
    demand_names(expression, hosts)
    evaluator = evaluator or Evaluator(missing_is_null=True)
    found = []
    for view in chosen:
        names = host_names(view)
        names["inputs"] = inputs
        if evaluator.evaluate(expression, names):
            found.append(view)
    return found
