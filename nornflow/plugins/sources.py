"""Where plugins come from: entry points of installed distributions, and a project's own local modules."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from nornflow.errors import PluginError
from nornflow.plugins.as_written import AsWritten
from nornflow.record import record

GROUP = "nornflow"


@record
class Source:
    """One plugin that could be loaded: `load` imports it and raises whatever its import raises."""

    name: str
    origin: str
    load: Callable[[], Any]
    distribution: str = ""
    version: str = ""

    @property
    def supplier(self) -> str:
        """Return how a message names the one who supplies it."""
        return f"{self.distribution} {self.version}" if self.distribution else self.origin


def entry_point_sources(entry_points: Iterable[EntryPoint] | None = None) -> list[Source]:
    """Return the plugins that installed distributions announce in the group `nornflow`, ordered by name."""
    found = installed_entry_points(group=GROUP) if entry_points is None else entry_points
    sources = []
    for point in found:
        distribution = point.dist.name if point.dist else ""
        version = point.dist.version if point.dist else ""
        sources.append(Source(point.name, f"entry point {point.value}", point.load, distribution, version))
    return sorted(sources, key=lambda source: (source.name, source.distribution))


def local_sources(local: Sequence[str], project: Path | None) -> list[Source]:
    """Return a project's own plugins: each a path of a file or package folder, or the dotted name of a module."""
    return [local_source(reference, project or Path.cwd()) for reference in local]


def local_source(reference: str, project: Path) -> Source:
    """Return the plugin that a path or dotted name stands for; a dotted name is looked for in the project first.

    A file is loaded under a module name of its own, so that two hosts (or two projects) never share it and nothing is added
    to `sys.path`; what its folder holds is imported relatively (`from . import helper` in a package folder).
    """
    looks_like_path = reference.endswith(".py") or "/" in reference or "\\" in reference
    path = Path(reference) if looks_like_path else Path(*reference.split("."))
    base = project / path
    name = base.stem if looks_like_path else reference
    for candidate in (base, base / "__init__.py", base.with_name(f"{base.name}.py")):
        if candidate.is_file():
            return Source(name, f"file {candidate}", partial(_load_file, candidate))
    if looks_like_path:
        return Source(name, f"file {base}", partial(_missing, base))
    return Source(reference, f"module {reference}", partial(import_module, reference))


def _missing(path: Path) -> None:
    raise PluginError(f"there is no plugin file {path}", hint="correct the path under plugins.local in the settings")


def _load_file(path: Path) -> ModuleType:
    package = path.name == "__init__.py"
    stem = (path.parent if package else path).stem
    name = f"_nornflow_local_{''.join(c if c.isalnum() else '_' for c in stem)}_{uuid.uuid4().hex}"
    below = [str(path.parent)] if package else None
    spec = spec_from_file_location(name, path, loader=AsWritten(name, str(path)), submodule_search_locations=below)
    if path.suffix != ".py" or spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file", hint="a local plugin is a .py file or a package folder")
    module = module_from_spec(spec)
    # dataclasses and pydantic look their module up by name while it is executed, and relative imports do so later
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for loaded in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[loaded]
        raise
    return module


def modules_of(origin: str) -> Iterator[Path]:
    """Yield the Python files of a local plugin: its own, or all of its package."""
    kind, _, where = origin.partition(" ")
    if kind == "module":
        with suppress(ImportError, ValueError):
            spec = find_spec(where)
            where = (spec.origin or "") if spec else ""
    file = Path(where)
    yield from sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
