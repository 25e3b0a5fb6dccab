"""What is said of those that are in a run's way, and of the devices that it leaves to them."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.errors import DevicesHeld, LockLost
from nornflow.model.lock import Claim, DeviceClaim, Holder
from nornflow.model.pool import Amounts, Asked, shown
from nornflow.model.run import HostState, StepResult

_FEW = 6


def in_the_way(claims: Sequence[DeviceClaim]) -> tuple[str, int]:
    """Say which run holds which devices since when, and who waits before us; with our place in the queue."""
    groups: dict[tuple[bool, Claim], list[str]] = {}
    for each in claims:
        groups.setdefault((each.waiting, each.claim), []).append(each.device)
    parts = [
        f"{claim} {'waits for' if waiting else 'holds'} {_some(devices)} since {claim.since:%H:%M:%S} UTC"
        for (waiting, claim), devices in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1].since))
    ]
    return "; ".join(parts), 1 + len({claim.run for waiting, claim in groups if waiting})


def busy(what: str, limit: int, working: Sequence[Claim], waiting: Sequence[Claim]) -> tuple[str, int]:
    """Say who is at work under the profile, and how many wait before us; with our place in the queue."""
    if not working and not waiting:
        return "", 1
    runs = "; ".join(f"{claim} since {claim.since:%H:%M:%S} UTC" for claim in working)
    before = f"; {len(waiting)} wait before this one" if waiting else ""
    return f"{what} lets {limit} work at once (max_concurrent_workflows): {runs}{before}", len(waiting) + 1


def short(asked: Asked, taken: Amounts, holders: Sequence[Claim], waiting: Sequence[Claim]) -> tuple[str, int]:
    """Say what is taken by whom of that which a run asks for, and how many are served before it; with its place."""
    if not holders and not waiting:
        return "", 1
    runs = f" by {'; '.join(map(str, holders))}" if holders else ""
    before = f"; {len(waiting)} are served before this one" if waiting else ""
    what = f"it asks for {shown(asked.wants)}; of that are taken {shown(taken) or 'none'}"
    return f"{what}{runs}{before}", len(waiting) + 1


def by_device(claims: Sequence[DeviceClaim]) -> dict[str, list[DeviceClaim]]:
    """Return the claims on each device."""
    found: dict[str, list[DeviceClaim]] = {}
    for each in claims:
        found.setdefault(each.device, []).append(each)
    return found


def left_out(device: str, claims: Sequence[DeviceClaim]) -> StepResult:
    """Return how a run ends on a device that others hold and it leaves to them."""
    return StepResult(
        HostState.SKIPPED,
        error=f"left out: {claims[0]}",
        reason=DevicesHeld.reason,
        hint=f"run the change again for it when run {claims[0].claim.run} has ended: --limit {device}",
    )


def given_up(holder: Holder, run: str) -> StepResult:
    """Return how the run ends on a device that it does not touch any more because another one has had it."""
    whose = f"nornflow runs show {holder.run}" if holder.run else f"nornflow runs logs {run}"
    return StepResult(
        HostState.STALE,
        error=f"{holder}, after this run had begun: this run does not touch it any more",
        reason=LockLost.reason,
        hint=f"see what was done there ({whose}), read the device, and run the change again for it: --limit {holder.device}",
    )


def held(text: str, waited: float) -> DevicesHeld:
    """Return the error of a run that does not wait, or not any longer; `waited` in seconds."""
    after = f"after {waited:.0f} s of waiting " if waited else ""
    return DevicesHeld(
        f"{after}others are in the way: {text}",
        hint="try again when they have ended (nornflow runs list), or let the run wait: --locked wait, locks.timeout",
    )


def _some(devices: Sequence[str]) -> str:
    more = f" and {len(devices) - _FEW} more" if len(devices) > _FEW else ""
    return ", ".join(devices[:_FEW]) + more
