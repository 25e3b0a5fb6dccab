"""Results of steps that later runs may use: where they are kept, what tells that they are still the same, and who looks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.spec import digest_of, named_in
from nornflow.engine.tools import Results
from nornflow.errors import UsageError
from nornflow.model.cached import CachedEntry
from nornflow.model.step import Step
from nornflow.plugins.sources import modules_of
from nornflow.store.nothing import NoStore

if TYPE_CHECKING:
    from nornflow.store.cache import SqlResultCache

OWN = "nornflow-netops"
"""The distribution of the core."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def results_of(store: RunStore, project: Project, folders: Sequence[Path]) -> Results | None:
    """Return where results of steps are kept between runs: in the store, or nowhere.

    `folders` are those in which the steps of the run find files.
    """
    if isinstance(store, NoStore) or not project.settings.cache.max_entries:
        return None
    tasks = project.folder / project.settings.tasks

    def files(params: Any) -> Iterable[str]:
        return {digest_of(file) for file in named_in(params, folders, tasks)}

    return Results(_cache(store, project), _Makers(project), files)


def _cache(store: RunStore, project: Project) -> SqlResultCache:
    from nornflow.store.cache import SqlResultCache
    from nornflow.store.runs import SqlRunStore

    if not isinstance(store, SqlRunStore):
        raise TypeError("results are kept in the database of runs alone")
    settings = project.settings.cache
    return SqlResultCache(store, settings.max_entries, settings.max_size_mb * 2**20)


class _Makers:
    """Says which code does a step: the plugin with its version, what it is built on, and the task that it runs."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, list[Any]] = {}

    def __call__(self, step: Step) -> list[Any]:
        """Return it as plain data."""
        task = str(step.params.get("task", ""))
        return [*self._plugin(step.type), version_of(task.partition(".")[0].replace("_", "-"))]

    def _plugin(self, kind: str) -> list[Any]:
        if kind not in self._known:
            self._known[kind] = list(self._worked_out(kind))
        return self._known[kind]

    def _worked_out(self, kind: str) -> Iterator[Any]:
        host = self._project.plugin_host
        plugin = host.plugin(host.registries.supplier_of("step_types", kind))
        yield from (plugin.name, plugin.distribution, plugin.version, version_of(OWN))
        if plugin.distribution:
            yield [[name, version_of(name)] for name in _built_on(plugin.distribution)]
        else:  # a local one has no version: what it is made of is one
            yield sorted(digest_of(file) for file in modules_of(plugin.origin))


def version_of(distribution: str) -> str:
    """Return the installed version of a distribution; empty when there is none."""
    with suppress(metadata.PackageNotFoundError, ValueError):
        return metadata.version(distribution)
    return ""


def _built_on(distribution: str) -> list[str]:
    """Return the names of all distributions that one needs, and of those that these need."""
    found: set[str] = set()
    left = [distribution]
    while left:
        with suppress(metadata.PackageNotFoundError):
            for line in metadata.requires(left.pop()) or ():
                name = _NAME.match(line)
                if name and name[0] not in found and "extra ==" not in line:
                    found.add(name[0])
                    left.append(name[0])
    return sorted(found)


class CacheDesk:
    """The kept results for looking at them and removing them."""

    def __init__(self, cache: SqlResultCache, clock: Callable[[], datetime]) -> None:
        self._cache = cache
        self._clock = clock

    def entries(self, workflow: str = "", step: str = "", host: str = "") -> tuple[Sequence[CachedEntry], datetime]:
        """Return what is kept, newest first, and the moment at which it was."""
        return self._cache.entries(workflow, step, host), self._clock()

    def clear(self, pattern: str = "*", *, expired: bool = False) -> int:
        """Remove what fits the pattern, or of that what may not be used any more; return how many there were."""
        return self._cache.clear(pattern, expired=self._clock() if expired else None)


@contextmanager
def cache_desk(project: Project, clock: Callable[[], datetime]) -> Iterator[CacheDesk]:
    """Give the cache of the project's store; UsageError where nothing is remembered."""
    with closing(project.store(create=False)) as store:
        if isinstance(store, NoStore):
            raise UsageError("without a store there is no cache (store.url: none)", hint="set store.url")
        yield CacheDesk(_cache(store, project), clock)
