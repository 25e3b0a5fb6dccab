"""Makes the model's frozen values out of what was read and found to be in order."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nornflow.model.diagnostic import NOWHERE, Location
from nornflow.model.inputs import Input, Output
from nornflow.model.pool import Asked
from nornflow.model.rollout import Amount, Confirm, Matching, Rollout, Targets
from nornflow.model.step import Cache, Edge, OnFailure, Retry, Step
from nornflow.model.wait import Awaited, WaitKind
from nornflow.model.workflow import Workflow
from nornflow.workflow.document import Document, Path
from nornflow.workflow.drafts import Draft
from nornflow.workflow.references import ALWAYS


def amount(value: Any) -> Amount:
    """Return a number of devices (`3`) or a share of them (`"10%"`)."""
    if isinstance(value, str):
        return Amount(float(value.removesuffix("%")), percent=True)
    return Amount(value)


def failures(value: Any) -> tuple[Amount, Mapping[str, Amount], Mapping[str, Amount]]:
    """Return how many devices may fail: in all, by group, and by a key of which each value has its own devices."""
    if not isinstance(value, Mapping):
        return amount(value), {}, {}
    groups, each = ({name: amount(one) for name, one in value.get(key, {}).items()} for key in ("per_group", "in_each"))
    return amount(value["total"]), groups, each


def batch(value: Any, where: Location = NOWHERE) -> Amount | Matching:
    """Return what a batch is made of: an amount of devices, or an expression that names them."""
    named = isinstance(value, str) and not re.fullmatch(r"[\d.]+%", value)
    return Matching(value, where) if named else amount(value)


def source(text: str, step_ids: Collection[str]) -> str:
    """Return the expression of an output in full: `build.exit_code` and `step.build.…` mean `steps.build.…`."""
    rest = text.lstrip().removeprefix("step.")
    # the longest id that stands at the start, as everywhere after `steps.`
    for step_id in sorted(step_ids, key=len, reverse=True):
        after = rest[len(step_id) : len(step_id) + 1]
        if rest.startswith(step_id) and after in (".", "[") and step_id not in ALWAYS:
            return f"steps.{rest}"
    return text


def workflow(
    keys: Mapping[str, Any],
    steps: Sequence[Step],
    inputs: Mapping[str, Input],
    document: Document,
    step_ids: Collection[str],
    digest: str,
) -> Workflow:
    """Return the workflow of a document without errors."""
    permissions = keys.get("permissions")
    return Workflow(
        name=keys["name"],
        version=keys["version"],
        steps=tuple(steps),
        description=keys.get("description", ""),
        author=keys.get("author", ""),
        tags=tuple(keys.get("tags", ())),
        inputs=inputs,
        outputs={one.name: one for one in _outputs(keys, (), document, step_ids)},
        targets=_targets(keys.get("targets"), document),
        environment=keys.get("environment", {}),
        profile=keys.get("profile", ""),
        permissions=None if permissions is None else frozenset(permissions),
        timeout=None if keys.get("timeout") is None else float(keys["timeout"]),
        retry=_retry(keys.get("retry")),
        cache=_cache(keys.get("cache")),
        rollout=_rollout(keys.get("rollout", {}), document),
        confirm=Confirm(keys["confirm"]["within"]) if "confirm" in keys else None,
        on_failure=OnFailure(keys.get("on_failure", "stop")),
        file=document.file,
        digest=digest,
        asks=Asked(keys.get("resources", {}), keys.get("priority", 0)),
    )


def step(
    draft: Draft, permissions: frozenset[str], after: tuple[Edge, ...], top: Mapping[str, Any], document: Document
) -> Step:
    """Return one step; retry and cache fall back to what the workflow says, the profile to that of the block's owner."""
    keys, path = draft.keys, draft.path
    retry = _retry({**top["retry"], **keys.get("retry", {})} if "retry" in top else keys.get("retry"))
    if "until" in keys and retry is None:
        retry = Retry()
    timeout = keys.get("timeout")
    rollback = keys.get("rollback", True)
    profile = next((one.keys["profile"] for one in (draft, *draft.owners()) if "profile" in one.keys), "")
    return Step(
        id=draft.id,
        type=draft.type.name,
        scope=draft.type.scope,
        permissions=permissions,
        name=keys.get("name", ""),
        description=keys.get("description", ""),
        after=after,
        when=_expression(keys.get("when", "")),
        for_each=keys.get("for_each"),
        until=_expression(keys.get("until", "")),
        timeout=None if timeout is None else float(timeout),
        retry=retry,
        cache=_cache(keys.get("cache"), top.get("cache")),
        on_failure=OnFailure(keys.get("on_failure", _without_key(retry))),
        environment=keys.get("environment", {}),
        profile=profile,
        rollback=tuple(rollback) if isinstance(rollback, list) else rollback,
        once=keys.get("once", False),
        check=draft.check,
        outputs=tuple(_outputs(keys, path, document, ())),
        params=draft.params,
        inputs=keys.get("inputs", {}),
        location=document.at((*path, "id")),
        places={key: document.at((*path, key)) for key in (*keys, *draft.params)},
    )


def _without_key(retry: Retry | None) -> str:
    return "continue" if retry is not None and retry.on_failure == "continue" else "fail"


def _expression(value: Any) -> Any:
    """Return a condition that was written as `true` or `false` as the expression it means."""
    return str(value).lower() if isinstance(value, bool) else value


def _outputs(keys: Mapping[str, Any], path: Path, document: Document, step_ids: Collection[str]) -> list[Output]:
    return [
        Output(
            name,
            source(read["from"], step_ids),
            read.get("type", "any"),
            read.get("description", ""),
            document.key_at((*path, "outputs", name)),
        )
        for name, read in keys.get("outputs", {}).items()
        if "from" in read
    ]


def _targets(read: Any, document: Document) -> Targets:
    where = document.at(("targets",))
    if isinstance(read, str):
        return Targets(expression=read, location=where)
    if read is None:
        return Targets()
    return Targets("", tuple(read.get("hosts", ())), tuple(read.get("groups", ())), read.get("filter", {}), where)


def _rollout(read: Mapping[str, Any], document: Document) -> Rollout:
    at, path = document.at, ("rollout", "batches")
    pauses = read.get("pause_after", ())
    asking = pauses if isinstance(pauses, Mapping) else None
    batches = tuple(batch(one, at((*path, index))) for index, one in enumerate(read.get("batches", ())))
    total, groups, each = failures(read.get("max_failures", 0))
    return Rollout(
        batches or Rollout().batches,
        total,
        float(read.get("soak", 0)),
        frozenset(pauses if asking is None else asking["batches"]) - {0},
        float(read.get("host_timeout", 0)),
        groups,
        each,
        None if asking is None else _pause(asking),
        at(("rollout", "max_failures")),
    )


def _pause(read: Mapping[str, Any]) -> Awaited:
    return Awaited(
        WaitKind.APPROVAL,
        text=read.get("text", ""),
        approvers=read.get("approvers", 1),
        who=(*read.get("users", ()), *(f"@{group.removeprefix('@')}" for group in read.get("groups", ()))),
        different_each_batch=read.get("different_each_batch", False),
        expires=float(read.get("expires", 0)),
        remind=float(read.get("remind", 0)),
    )


def _retry(read: Mapping[str, Any] | None) -> Retry | None:
    if read is None:
        return None
    backoff = read.get("backoff") or ("exponential" if read.get("exponential_backoff") else "fixed")
    return Retry(
        read.get("attempts", 3),
        float(read.get("delay", 30)),
        backoff,
        float(read.get("max_delay", 3600)),
        read.get("on_failure", "retry"),
    )


def _cache(read: Any, top: Any = None) -> Cache | None:
    if read is None and top is None:
        return None
    merged = {**_cache_keys(top), **_cache_keys(read)}
    return Cache(merged.get("enabled", True), merged.get("key", ""), merged.get("ttl", 3600), merged.get("version", ""))


def _cache_keys(read: Any) -> Mapping[str, Any]:
    if isinstance(read, bool):
        return {"enabled": read}
    return read or {}
