"""Which steps may take a result of an earlier run: those that only read, and by which no change is made or judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from nornflow.abc import StepType
from nornflow.model.step import Scope, Step
from nornflow.registration import Expression
from nornflow.workflow.drafts import CALL, Draft
from nornflow.workflow.forms import Reader
from nornflow.workflow.parameters import markers

_HARMLESS = frozenset(("device.read", "file.read", "http.request", "secret.read", "shell.execute", "shell.script"))
"""What a step may use and still be read-only; of programs it is the author's word."""
_HINT = "see docs/how-to/cache.md"


def settle_caches(
    steps: Sequence[Step], drafts: Mapping[str, Draft], before: Mapping[str, Collection[str]], reader: Reader
) -> list[Step]:
    """Return the steps, `cache` only where it may be used; one that says so itself where it may not is reported.

    `before` maps each step to those that it comes after. What the top of a workflow says of caching is for steps that run
    once: a device is asked anew unless its own step says otherwise.
    """
    changing = {step.id for step in steps if step.configures}
    grounds = {ground for one in changing for ground in before[one]}
    settled = []
    for step in steps:
        draft = drafts[step.id]
        if step.type == CALL:  # each step of what it calls says it for itself
            settled.append(replace(step, cache=None))
            continue
        says = draft.keys.get("read_only", False)
        why_not = _writes(step) if says else ""
        if why_not:
            message = f"step {step.id!r} says that it only reads, and {why_not}"
            reader.report("NF406", message, (*draft.path, "read_only"), hint="leave the key out")
        if step.cache is None or not step.cache.enabled:
            settled.append(step)
            continue
        why_not = why_not or _why_not(step, draft, says, grounds, set(before[step.id]) & changing)
        own = draft.keys.get("cache")
        if own not in (None, False) and not (isinstance(own, dict) and own.get("enabled") is False):
            if why_not:
                message = f"the result of step {step.id!r} cannot be taken from an earlier run: {why_not}"
                reader.report("NF406", message, (*draft.path, "cache"), hint=f"leave `cache` out; {_HINT}")
        elif step.scope is Scope.DEVICE:
            why_not = "a device is asked anew unless its own step says otherwise"
        settled.append(replace(step, cache=None) if why_not else step)
    return settled


def _why_not(step: Step, draft: Draft, says: bool, grounds: Collection[str], after: Collection[str]) -> str:
    """Return why a result of the step may not be used again; nothing when it may."""
    if step.check or draft.type.verifies or Expression in markers(draft.type.Params).values():
        return "it judges, and what was found once must not stand for what is so now"
    if type(draft.type).awaits is not StepType.awaits:
        return "it waits for people, a time or a signal, and what came once must not stand for what comes now"
    if step.until:
        return "it waits (`until`), and what was seen once must not end that"
    why = _writes(step)
    if why:
        return why
    if not says and not _declared(draft):
        return f"{step.type} does not declare itself read-only; where it is, say so with `read_only: true`"
    if step.scope is Scope.DEVICE and after:
        return f"it looks at devices after step {min(after)!r} may have changed them"
    if step.scope is Scope.DEVICE and step.id in grounds:
        return "a step that changes devices builds on it, and a change is made of what they say now"
    return ""


def _writes(step: Step) -> str:
    other = sorted(step.permissions - _HARMLESS)
    return f"it may do more ({', '.join(other)})" if other else ""


def _declared(draft: Draft) -> bool:
    try:
        return draft.type.reads_only(draft.params) is True
    except (Exception, SystemExit):  # noqa: BLE001 - a plugin's code, given values that may be wrong: it has declared nothing
        return False
