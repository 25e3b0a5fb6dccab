"""A Nornir runner whose threads can be left behind: a device that hangs never holds up the others, or the process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nornflow.devices.guard import current_lease
from nornflow.errors import GuardDenied

if TYPE_CHECKING:
    from nornir.core.inventory import Host
    from nornir.core.task import AggregatedResult, Task

LEAVE_AFTER = 2.0
"""Seconds that a device's thread gets to notice that its sessions were closed before it is left behind."""
_SOON = 0.05


class HostRunner:
    """Runs a task on each host in its own daemon thread, at most `workers` at once.

    Each host has `timeout` seconds, or fewer where `limits` says so. `expired` is called (in the waiting thread) for a host
    whose time is over; it closes the host's sessions, so that the work ends by an error of its own, or answers False while
    that must still wait, and is asked again. A thread that does not end even then is left behind and `lost` is told.

    It runs once: Nornir hands it to every task as `task.nornir.runner`, and a task that ran others with it would take the
    hosts of the run it is part of.
    """

    def __init__(
        self,
        workers: int,
        timeout: float | None,
        expired: Callable[[str], bool],
        lost: Callable[[str], None],
        *,
        limits: Mapping[str, float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers = workers
        self._timeout = timeout
        self._limits = limits or {}
        self._expired = expired
        self._lost = lost
        self._now = monotonic
        self._changed = threading.Condition()
        self._todo: deque[Host] = deque()
        self._started: dict[str, float] = {}
        self._cut: dict[str, float] = {}
        self._left: set[str] = set()
        self._open = 0
        self._hurry = False
        self._begun = False

    def hurry(self) -> None:
        """Let the time of every host be over, from now on."""
        with self._changed:
            self._hurry = True
            self._changed.notify()

    def run(self, task: Task, hosts: list[Host]) -> AggregatedResult:
        """Run the task on the hosts and wait until each has ended or was left behind; GuardDenied at the second call."""
        from nornir.core.task import AggregatedResult

        with self._changed:
            if self._begun:
                raise _no_second_run()
            self._begun = True
        result: AggregatedResult = AggregatedResult(task.name)
        self._todo = deque(hosts)
        self._open = len(hosts)
        for _ in range(min(self._workers, len(hosts))):
            self._start_thread(task, result)
        with self._changed:
            while self._open:
                self._changed.wait(self._until_next_deadline())
                self._look_at_deadlines(task, result)
        return result

    def _start_thread(self, task: Task, result: Any) -> None:
        threading.Thread(target=self._work, args=(task, result), daemon=True, name=f"host-{task.name}").start()

    def _work(self, task: Task, result: Any) -> None:
        while True:
            with self._changed:
                if not self._todo:
                    return
                host = self._todo.popleft()
                self._started[host.name] = self._now()
            answer = task.copy().start(host)
            with self._changed:
                del self._started[host.name]
                if host.name in self._left:  # somebody else took this thread's place when it was given up
                    return
                result[host.name] = answer
                self._open -= 1
                if not self._open:
                    self._changed.notify()

    def _until_next_deadline(self) -> float | None:
        """Return how long nothing can happen; None when nothing has a deadline."""
        if self._timeout is None and not self._limits and not self._hurry:
            return None
        at_work = [name for name in self._started if name not in self._left]
        if self._hurry or not at_work:
            return _SOON
        if any(self._over(name, self._now()) >= 0 for name in at_work):
            return _SOON
        return min(1.0, *(max(_SOON, -self._over(name, self._now())) for name in at_work))

    def _over(self, name: str, now: float) -> float:
        """Return for how many seconds a host's time has been over; less than 0 when it is not."""
        if self._hurry:
            return 0.0
        times = [seconds for seconds in (self._timeout, self._limits.get(name)) if seconds is not None]
        return now - self._started[name] - min(times, default=float("inf"))

    def _look_at_deadlines(self, task: Task, result: Any) -> None:
        now = self._now()
        for name in list(self._started):
            if name in self._left or name not in self._started or self._over(name, now) < 0:
                continue
            if name not in self._cut:
                # closing a socket takes no lock of ours, but a callback may: do not hold the condition meanwhile
                self._changed.release()
                try:
                    done = self._expired(name)
                finally:
                    self._changed.acquire()
                if done:
                    self._cut[name] = self._now()
            elif now - self._cut[name] > LEAVE_AFTER:
                self._left.add(name)
                self._lost(name)
                self._open -= 1
                if self._todo:
                    self._start_thread(task, result)


def _no_second_run() -> GuardDenied:
    what = "a task may not start another run (task.nornir.run): which devices a step runs on is the workflow's to say"
    hint = "use task.run() for a subtask on the same device, and a step of its own for other devices"
    lease = current_lease()
    return lease.denied(what, hint=hint) if lease is not None else GuardDenied(what, hint=hint)
