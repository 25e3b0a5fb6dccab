"""Results of earlier runs: found by what a step does, and never where a change could be made or judged by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nornflow.engine.progress import Progress
from nornflow.engine.tools import Results, Tools
from nornflow.engine.work import StepWork
from nornflow.errors import NornFlowError
from nornflow.model.cached import Doing
from nornflow.model.event import EventKind
from nornflow.model.run import HostState, StepResult
from nornflow.model.step import Cache, Step


class CachedStep:
    """One execution of a step beside the cache: what it finds there before, and what it leaves there after.

    What the step does is worked out before it is done: a file that is changed meanwhile must not stand for its result.
    """

    def __init__(self, work: StepWork, progress: Progress, tools: Tools) -> None:
        self._work = work
        self._step: Step = work.step
        self._progress = progress
        self._tools = tools
        self._doing: dict[str, Doing] = {}

    @property
    def used(self) -> bool:
        """Tell whether the step has anything to do with the cache."""
        return self._cache is not None and not self._step.configures and self._work.repeatable

    @property
    def _cache(self) -> Cache | None:
        cache = self._step.cache
        return cache if cache is not None and cache.enabled and self._tools.results is not None else None

    def look_up(self, hosts: Sequence[str] = ("",)) -> dict[str, StepResult]:
        """Return the results that may be used on these devices (`""` for a step of the run), and tell hits and misses.

        A device that a run is changing at this moment is not looked up. ExpressionError and its kind are answered as the
        failed result of the device whose step they end.
        """
        cache, results = self._cache, self._tools.results
        if cache is None or results is None or not self.used:
            return {}
        found: dict[str, StepResult] = {}
        changes = results.kept.changes([host for host in hosts if host])
        for host in hosts:
            if host and (changes.get(host) is None or host in self._progress.pre_images):
                continue
            try:
                self._doing[host] = self._what(host, cache, results, changes.get(host))
            except NornFlowError as error:
                found[host] = self._work.failed(error, host)
            except ValueError:
                continue  # what holds itself has no key
        known = results.kept.get(list(self._doing.values()), self._tools.clock(), cache.ttl)
        hits = {host: known[doing.key] for host, doing in self._doing.items() if doing.key in known}
        misses = [host for host in self._doing if host not in hits]
        for host in hits:
            del self._doing[host]
        self._tell(EventKind.CACHE_HIT, list(hits))
        self._tell(EventKind.CACHE_MISS, misses)
        return found | {host: replace(result, state=HostState.CACHED) for host, result in hits.items()}

    def keep(self, ended: Mapping[str, StepResult]) -> None:
        """Leave results that ended well, and changed nothing, to later runs."""
        cache, results = self._cache, self._tools.results
        if cache is None or results is None:
            return
        good = [
            (self._doing[host], result)
            for host, result in ended.items()
            if host in self._doing and _may_be_kept(result)
        ]
        if good:
            results.kept.put(good, self._tools.clock(), cache.ttl)

    def named(self, host: str, result: StepResult) -> StepResult:
        """Return a result that was worked out with the key that it was looked for under, which tells a miss."""
        doing = self._doing.get(host)
        return result if doing is None else replace(result, cache_key=doing.key)

    def _tell(self, kind: EventKind, hosts: Sequence[str]) -> None:
        if hosts:
            about: dict[str, Any] = {"hosts": hosts} if hosts[0] else {}
            self._tools.emitter.emit(kind, step=self._step.id, count=len(hosts), **about)

    def _what(self, host: str, cache: Cache, results: Results, changes: int | None) -> Doing:
        names = self._progress.names(host or None, self._step.frame)
        what = {
            **self._work.fingerprint(host or None),
            "key": self._tools.renderer.render(cache.key, names) if cache.key else "",
            "version": cache.version,
            "made by": results.made_by(self._step),
        }
        named = [output.source.partition(":")[2].strip() for output in self._step.outputs]
        what["files"] = sorted(results.files([what["rounds"], named]))
        if host:
            view, devices = self._progress.hosts[host], self._tools.devices
            what["device"] = [view, devices.reached_by(host) if devices is not None else {}, changes]
        return Doing(self._progress.workflow.name, self._step.id, self._step.type, host, what)


def _may_be_kept(result: StepResult) -> bool:
    return result.state is HostState.OK and not result.changed
