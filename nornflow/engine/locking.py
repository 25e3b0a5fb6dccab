"""A run's turn: a place at work under its profile, and the locks of the devices that it will change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from nornflow.engine import queue_words as words
from nornflow.engine.progress import Progress
from nornflow.engine.tools import Tools
from nornflow.engine.turns import DeviceFence, Turns
from nornflow.errors import DevicesHeld, NornFlowError, StoreError
from nornflow.model.event import EventKind
from nornflow.model.lock import WhenHeld
from nornflow.model.plan import Plan
from nornflow.model.run import RunInfo, StepResult
from nornflow.model.step import Step

R = TypeVar("R")
SOONEST, LATEST = 0.1, 0.5
"""Seconds between two looks of a run that waits: many of them do not look at the same moment."""


class Turn:
    """One run's way to its devices and back; `queued` is called once when it has to wait.

    Without `Tools.turns` there is nobody to share with: it is always this run's turn.
    """

    def __init__(self, info: RunInfo, tools: Tools, queued: Callable[[], None]) -> None:
        self._info = info
        self._tools = tools
        self._queued = queued
        self._tokens: dict[str, int] = {}
        self._told_lost: set[str] = set()
        self._telling = threading.Lock()
        self._told: object = None
        self._untouched: frozenset[str] = frozenset()

    def come_to_work(self) -> bool:
        """Take a place under the profile and the resources that the run asks for, waiting for them, always in this order.

        False when the run was stopped meanwhile. DevicesHeld.
        """
        turns, limit = self._tools.turns, self._info.profile.max_concurrent_workflows
        if turns is None:
            return True
        ticket = turns.slots.request(self._info.id, self._info.profile.name)

        what = f"profile {self._info.profile.name}"
        granted = self._wait(
            turns,
            what,
            lambda: turns.slots.grant(ticket, limit) or None,
            lambda: words.busy(what, limit, *turns.slots.in_the_way(ticket)),
        )
        return granted is not None and self._take_resources(turns)

    def _take_resources(self, turns: Turns) -> bool:
        pools, asked = turns.pools, turns.asked
        if pools is None or not asked.wants:
            return True
        ticket = pools.request(self._info.id, asked)
        granted = self._wait(
            turns,
            "resources",
            lambda: pools.grant(ticket) or None,
            lambda: words.short(asked, *pools.in_the_way(ticket)),
        )
        return granted is not None

    def lock(self, devices: Sequence[str]) -> Mapping[str, StepResult] | None:
        """Lock these devices, all in one go, and put whatever is written behind the fence.

        Return those that are left out because others hold them (`skip`), each with its result; None when the run was
        stopped while it waited. DevicesHeld when it was not to wait, or not any longer.
        """
        turns = self._tools.turns
        if turns is None:
            return {}
        left_out: dict[str, StepResult] = {}
        tokens: Mapping[str, int] | None = {}
        if devices:
            ticket = turns.locks.request(self._info.id, devices)
            granted = False
            try:
                if turns.when_held is WhenHeld.SKIP:
                    tokens = self._what_is_free(turns, ticket, devices, left_out)
                else:
                    tokens = self._wait(
                        turns,
                        "devices",
                        lambda: turns.locks.grant(ticket),
                        lambda: words.in_the_way(turns.locks.in_the_way(ticket)),
                    )
                granted = tokens is not None
            finally:
                if not granted:
                    with suppress(StoreError):  # a ticket goes with its process in any case
                        turns.locks.withdraw(ticket)
        if tokens is None:
            return None
        self._tokens = dict(tokens)
        if self._tools.devices is not None:
            fence = DeviceFence(self._info.id, self._tokens, turns.locks, self._lost, turns.monotonic)
            self._tools.devices.put_behind(fence)
        if tokens:
            self._tools.emitter.emit(EventKind.LOCK_TAKEN, hosts=sorted(tokens))
        return left_out

    def found(self, devices: Collection[str]) -> None:
        """Note that the run found these devices as they should be, for a run that was cut off on one of them."""
        if self._tools.turns is not None and devices:
            self._tools.turns.locks.found(self._info.id, devices)

    def give_up(self, begun: Collection[str]) -> Mapping[str, StepResult]:
        """Let devices be that others have had since the run, which was cut off, first held them; return how it ends there.

        What stands there now is the others' business. A device that another run only found in order is given up where this
        run has `begun` something: the other counts on what it found. From now on the fence lets nothing through to them.
        """
        turns = self._tools.turns
        if turns is None or not self._tokens:
            return {}
        since = turns.locks.had_since(self._info.id, self._tokens)
        results = {
            host: words.given_up(holder, self._info.id)
            for host, holder in since.items()
            if holder.held or host in begun
        }
        if results:
            self._tools.log.given_up(results)
            turns.locks.release(self._info.id, {host: self._tokens.pop(host) for host in results})
        for host, result in results.items():
            self._tell_lost(host, result.error)
        return results

    def rest(self, begun: Collection[str]) -> None:
        """Note that the run waits, and that it has `begun` something on these devices alone: others may have the rest."""
        self._untouched = frozenset(self._tokens.keys() - set(begun))

    def close(self) -> None:
        """Give back what the run holds, and tell of the locks that it had lost without coming to know."""
        turns = self._tools.turns
        if turns is None:
            return
        tokens, self._tokens = self._tokens, {}
        with suppress(StoreError):  # the store is away, or we count as dead: all of it goes with this process
            if tokens:
                for device, how in turns.locks.release(self._info.id, tokens, self._untouched).items():
                    self._tell_lost(device, f"{device}: the run had lost its lock: {how}")
            turns.slots.release(self._info.id)
            if turns.pools is not None and turns.asked.wants:
                turns.pools.release(self._info.id)

    def _what_is_free(
        self, turns: Turns, ticket: int, devices: Sequence[str], left_out: dict[str, StepResult]
    ) -> Mapping[str, int]:
        while (tokens := turns.locks.grant(ticket)) is None:
            for device, claims in words.by_device(turns.locks.in_the_way(ticket)).items():
                left_out[device] = words.left_out(device, claims)
                self._tools.emitter.emit(EventKind.LOCK_SKIPPED, left_out[device].error, host=device)
            if len(left_out) == len(set(devices)):
                turns.locks.withdraw(ticket)
                return {}
            turns.locks.leave_out(ticket, left_out)
        return tokens

    def _wait(
        self, turns: Turns, what: str, grant: Callable[[], R | None], in_the_way: Callable[[], tuple[str, int]]
    ) -> R | None:
        """Wait for a grant, telling who is in the way whenever that changes; None when the run was stopped."""
        began = turns.monotonic()
        while (found := grant()) is None:
            text, place = in_the_way()
            if not text:  # whoever was in the way has just left
                continue
            waited = turns.monotonic() - began
            if turns.when_held is WhenHeld.FAIL or (turns.timeout and waited >= turns.timeout):
                raise words.held(text, 0.0 if turns.when_held is WhenHeld.FAIL else waited)
            if self._told != (what, text):
                if self._told is None:
                    self._queued()
                self._told = what, text
                self._tools.emitter.emit(EventKind.QUEUE_WAITING, text, of=what, place=place)
            if self._tools.sleep(turns.rng.uniform(SOONEST, LATEST)):
                return None
        return found

    def _lost(self, device: str, error: NornFlowError) -> None:
        self._tell_lost(device, error.message)

    def _tell_lost(self, device: str, text: str) -> None:
        with self._telling:
            if device in self._told_lost:
                return
            self._told_lost.add(device)
        self._tools.emitter.emit(EventKind.LOCK_LOST, text, host=device)


def devices_to_lock(plan: Plan, steps: Sequence[Step], targets: Sequence[str]) -> tuple[str, ...]:
    """Return the devices that a run of the plan may write to: where something changes, is saved, or is not known yet."""
    configuring = [step for step in steps if step.configures]
    planned = {host.host: {each.step: each for each in host.steps} for host in plan.hosts}

    def writes(host: str) -> bool:
        for step in configuring:
            if step.once and host != targets[0]:
                continue
            found = planned.get(host, {}).get(step.id)
            if found is None or found.changes or (found.lines and not found.configuration):
                return True
        return False

    return tuple(host for host in targets if writes(host))


def touched(progress: Progress) -> set[str]:
    """Return the devices to which the run has come to change them, whether or not there was something to change."""
    configuring = [step.id for step in progress.workflow.steps if step.configures]
    done = {host for step in configuring for host in list(progress.host_results.get(step, {}))}
    return done | progress.pre_images.keys() | {host for _, host in progress.past.open}


def demand_none_of(begun: Collection[str], left_out: Mapping[str, StepResult]) -> None:
    """Raise DevicesHeld when a device would be left out that was at work: it may be half done."""
    for host in left_out:
        if host in begun:
            raise DevicesHeld(f"{host} cannot be left out, it was at work: {left_out[host].error}")


def in_order(plan: Plan | None, locked: Collection[str]) -> tuple[str, ...]:
    """Return the devices on which a plan has nothing to do: it found them as it wants them."""
    hosts = plan.hosts if plan is not None else ()
    return tuple(host.host for host in hosts if host.host not in locked and host.steps and not host.error)
