"""Resources that runs share (cpu, memory, bandwidth, storage, and what a site counts itself), and whose turn it is for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nornflow.model.quantity import amount_of, parts_of, written
from nornflow.record import record

Amounts = Mapping[str, float]
"""How much of each resource, by its name: cores of `cpu`, MiB of `memory`, Mbit/s of `bandwidth`, GiB of `storage`."""

DEFAULT_POOLS: Amounts = {"cpu": 8, "memory": 16384, "bandwidth": 1000, "storage": 100}
"""What there is in all of the resources that every site has, unless the settings say otherwise."""
POOL_NAME = r"[a-z][a-z0-9_-]{0,63}"
"""How a resource can be called."""
MOST_PASSED = 10
"""How many later requests may be served before one that waits; then nobody is until it is served."""


@record
class Asked:
    """What a run asks the pools for, and how much it matters: a higher priority is served first."""

    wants: Amounts
    priority: int = 0


NOTHING = Asked({})
"""What a run asks for that has no `resources`."""


@record
class Request:
    """A run that holds resources or waits for them; `passed` counts those that came later and were served before it."""

    ticket: int
    run: str
    wants: Amounts
    priority: int = 0
    passed: int = 0


def total(requests: Iterable[Amounts]) -> dict[str, float]:
    """Return how much it is together, exactly: tenths of a core add up to a whole one, and bytes to bytes."""
    found: dict[str, int] = {}
    for wants in requests:
        for name, amount in wants.items():
            found[name] = found.get(name, 0) + parts_of(name, amount)
    return {name: amount_of(name, parts) for name, parts in found.items()}


def fits(wants: Amounts, taken: Amounts, pools: Amounts) -> bool:
    """Tell whether there is enough of everything beside what is taken."""
    return all(
        parts_of(name, taken.get(name, 0)) + parts_of(name, amount) <= parts_of(name, pools.get(name, 0))
        for name, amount in wants.items()
    )


def too_much(wants: Amounts, pools: Amounts) -> dict[str, float]:
    """Return what of it the pools never have, however long one waits."""
    return {name: amount for name, amount in wants.items() if not fits({name: amount}, {}, pools)}


def in_order(waiting: Iterable[Request]) -> list[Request]:
    """Return requests in the order in which they are served: those passed often enough, then by priority, then by ticket."""

    def place(one: Request) -> tuple[bool, int, int]:
        rested = one.passed < MOST_PASSED
        return rested, -one.priority if rested else 0, one.ticket

    return sorted(waiting, key=place)


def served(pools: Amounts, taken: Amounts, waiting: Sequence[Request]) -> list[Request]:
    """Return who of those that wait is served at this moment.

    As many as fit, in their order: one that does not fit is passed by smaller ones, but at most `MOST_PASSED` times. So
    whatever is large or of low priority is served in the end, as long as each request fits the pools and each run ends.
    """
    found: list[Request] = []
    for request in in_order(waiting):
        if fits(request.wants, taken, pools):
            taken = total((taken, request.wants))
            found.append(request)
        elif request.passed >= MOST_PASSED:
            break
    return found


def passed_by(request: Request, pools: Amounts, taken: Amounts, waiting: Sequence[Request]) -> list[Request] | None:
    """Return who asked earlier and is passed when this request is served now; None when it is not its turn."""
    found = served(pools, taken, waiting)
    if request not in found:
        return None
    return [one for one in waiting if one.ticket < request.ticket and one not in found]


def shown(amounts: Amounts) -> str:
    """Return amounts as people read them: `cpu 2, memory 512Mi`."""
    return ", ".join(f"{name} {written(name, amount)}" for name, amount in amounts.items())
