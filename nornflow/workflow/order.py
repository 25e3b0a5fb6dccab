"""The graph of steps: edges out of `depends_on` and blocks, circles by name, and an order in which steps can run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nornflow.model.step import Edge, On
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.drafts import Draft
from nornflow.workflow.forms import Reader

Edges = Mapping[str, tuple[Edge, ...]]


def check_ids(drafts: Sequence[Draft], reader: Reader) -> dict[str, Draft]:
    """Return the steps by id; ids that stand twice, or differ only in hyphens and underscores, are reported."""
    by_id: dict[str, Draft] = {}
    folded: dict[str, Draft] = {}
    for draft in drafts:
        where = (*draft.path, "id")
        if draft.id in by_id:
            first = reader.document.at((*by_id[draft.id].path, "id"))
            message = f"the id {draft.id!r} is already that of the step in line {first.line}"
            reader.report("NF202", message, where, found=draft.id, expected="an id of its own")
            continue
        by_id[draft.id] = draft
        other = folded.setdefault(draft.id.replace("-", "_"), draft)
        if other is not draft:
            message = f"the ids {other.id!r} and {draft.id!r} differ only in hyphens and underscores"
            reader.report("NF203", message, where, found=draft.id, hint="give one of the two another name")
    return by_id


def connect(drafts: Sequence[Draft], by_id: Mapping[str, Draft], reader: Reader) -> Edges:
    """Return the edges of every step; dependencies on steps that do not exist are reported."""
    return {draft.id: _edges(draft, by_id, reader) for draft in drafts if by_id.get(draft.id) is draft}


def _edges(draft: Draft, by_id: Mapping[str, Draft], reader: Reader) -> tuple[Edge, ...]:
    edges: dict[Edge, None] = {}
    owners = {owner.id for owner in draft.owners()}
    if draft.owner is not None:
        edges[Edge(draft.owner.id, draft.on)] = None
        if draft.on is On.FINISHED:  # `always` also waits for what the other blocks of its step do
            for other in draft.owner.nested:
                if other.on is not On.FINISHED:
                    edges.update(dict.fromkeys(Edge(one.id, On.FINISHED) for one in (other, *other.everything_in())))
    wanted = draft.keys.get("depends_on")
    if wanted is None:
        same_block = draft.before is not None and draft.before.on is draft.on
        wanted = [draft.before.id] if draft.before is not None and same_block else []
    raw = reader.document
    for index, name in enumerate(wanted):
        other_step = by_id.get(name)
        if other_step is None:
            near = did_you_mean(name, by_id)
            hint = "" if near else f"steps: {listing(by_id)}"
            where = (*draft.path, "depends_on", index)
            where = where if where in raw.places else where[:-1]
            message = f"step {draft.id!r} depends on {name!r}, which is no step"
            reader.report("NF204", message, where, found=name, suggestion=near, hint=hint)
            continue
        if name in owners:
            continue  # the edge of the block says it already, and says it better
        edges[Edge(name)] = None
        for inner in other_step.everything_in():
            if inner is not draft and inner.id not in owners:
                edges[Edge(inner.id)] = None
    return tuple(edges)


def sort(edges: Edges, by_id: Mapping[str, Draft], reader: Reader) -> list[str]:
    """Return the ids in an order in which each step stands after what it depends on, else as written; circles are reported."""
    waiting = {step: {edge.step for edge in after if edge.step in edges} for step, after in edges.items()}
    done: dict[str, None] = {}
    while waiting:
        ready = next((step for step, after in waiting.items() if after <= done.keys()), None)
        if ready is None:
            found = circle(waiting, done.keys())
            named = " -> ".join((*found, found[0]))
            where = (*by_id[found[0]].path, "depends_on")
            reader.report("NF205", f"steps depend on each other in a circle: {named}", where, found=named)
            for step in found:
                done[step] = None
                del waiting[step]
            continue
        done[ready] = None
        del waiting[ready]
    return list(done)


def circle(waiting: Mapping[str, set[str]], done: Collection[str]) -> list[str]:
    """Return the steps of one circle, the first written first, each depending on the next."""
    step = next(iter(waiting))
    trail: list[str] = []
    while step not in trail:
        trail.append(step)
        step = next(other for other in waiting if other in waiting[step] and other not in done)
    found = trail[trail.index(step) :]
    first = min(range(len(found)), key=lambda index: list(waiting).index(found[index]))
    return found[first:] + found[:first]


def ancestors(order: Sequence[str], edges: Edges) -> dict[str, frozenset[str]]:
    """Return for every step the steps that have ended before it starts; `order` is that of `sort`."""
    found: dict[str, frozenset[str]] = {}
    for step in order:
        direct = [edge.step for edge in edges[step] if edge.step in edges]
        found[step] = frozenset(direct).union(*(found.get(one, frozenset()) for one in direct))
    return found
