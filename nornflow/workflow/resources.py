"""What the pools can never give, told before anybody waits for it."""

from __future__ import annotations

from nornflow.model.pool import Amounts, shown, too_much
from nornflow.model.quantity import written
from nornflow.workflow.diagnostics import did_you_mean


def impossible(wants: Amounts, pools: Amounts) -> tuple[str, str] | None:
    """Return why the pools can never give that, and what to do about it; None when they can."""
    for name, amount in too_much(wants, pools).items():
        if name in pools:
            return (
                f"{name} {written(name, amount)} is asked for, and there is {written(name, pools[name])} in all",
                "ask for less, or set `pools`",
            )
        near = did_you_mean(name, pools)
        hint = f"did you mean {near}?" if near else f"the setting `pools` can have one; now it has {shown(pools)}"
        return f"there is no pool {name!r}", hint
    return None
