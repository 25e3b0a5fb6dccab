"""The pools of a project: what can never be had of them is refused at once, and who holds what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from nornflow.app.build import Project
from nornflow.errors import UsageError
from nornflow.model.pool import Asked, total
from nornflow.record import record
from nornflow.workflow.resources import impossible


@record
class PoolView:
    """One resource: how much there is, how much of it is taken, and who holds or awaits how much, with priorities."""

    name: str
    total: float
    used: float
    holders: Sequence[Share] = ()
    waiting: Sequence[Share] = ()


@record
class Share:
    """What one run holds of a resource or waits for; `passed` counts those that were served before it."""

    run: str
    process: str
    amount: float
    priority: int
    passed: int = 0


def demand_possible(project: Project, asked: Asked) -> None:
    """Raise UsageError when the pools never have what is asked for: waiting for it would have no end."""
    why = impossible(asked.wants, project.settings.pools)
    if why:
        place = project.settings.origin("pools").place
        where = f" ({place})" if place else ""
        raise UsageError(f"`resources`: {why[0]}{where}", hint=why[1])


def pools_of(project: Project) -> Sequence[PoolView]:
    """Return the pools of the project with who takes part in them, by name; UsageError where nothing is remembered."""
    from nornflow.store.pools import PoolUse, uses
    from nornflow.store.runs import SqlRunStore

    with closing(project.store(create=False)) as store:
        if not isinstance(store, SqlRunStore):
            raise UsageError("without a store nothing is shared (store.url: none)", hint="set store.url")
        found = uses(store.engine)

    def share(use: PoolUse, name: str) -> Share:
        request = use.request
        return Share(request.run, str(use.claim), request.wants[name], request.priority, request.passed)

    names = [*project.settings.pools, *sorted({name for use in found for name in use.request.wants})]
    return [
        PoolView(
            name,
            project.settings.pools.get(name, 0.0),
            total(use.request.wants for use in found if not use.waiting).get(name, 0.0),
            [share(use, name) for use in found if not use.waiting and name in use.request.wants],
            [share(use, name) for use in found if use.waiting and name in use.request.wants],
        )
        for name in dict.fromkeys(names)
    ]
