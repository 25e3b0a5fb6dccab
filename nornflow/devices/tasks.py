"""Importing an existing Nornir task by its dotted path, from where the profile lets it come from."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import site
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from nornflow.errors import PolicyDenied, StepError
from nornflow.plugins.as_written import AsWritten

_FILES = "steps read and write files of the run's workspace and of the project (`template`)"
_ACTS_HERE = {
    ("nornir_utils", "write_file"): ("writes files of this machine", _FILES),
    ("nornir_utils", "load_json"): ("reads files of this machine", _FILES),
    ("nornir_utils", "load_yaml"): ("reads files of this machine", _FILES),
    ("nornir_jinja2", "template_file"): ("runs what a template says", "steps render templates in a sandbox"),
    ("nornir_jinja2", "template_string"): ("runs what a template says", "steps render templates in a sandbox"),
    ("nornir_http", "http_method"): ("calls any address", "the step `webhook` calls those that the profile allows"),
}
"""Tasks of well-known packages, by package and name, that do not act on devices: what they do and what to use instead."""


def import_task(path: str, *, anywhere: bool, tasks: Path) -> Callable[..., Any]:
    """Return the Nornir task `module.function`: from installed nornir_* packages, the project's tasks folder, or anywhere.

    Raises PolicyDenied for a module outside of these, StepError when the module or function is not there.
    """
    module_name, _, function = path.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in path.split(".")):
        raise StepError(f"{path!r} is not a dotted path", hint="write it as nornir_netmiko.tasks.netmiko_send_command")
    own = _own_file(module_name, tasks)
    if own is not None:
        module = _load_own(module_name, own)
    else:
        if not anywhere and not module_name.split(".")[0].startswith("nornir_"):
            raise PolicyDenied(
                f"the task {path} is neither in an installed nornir_* package nor in {tasks}",
                hint="put the task into the project's tasks folder, or run under a profile with `tasks: any` (elevated)",
            )
        if not anywhere:
            _check_installed(module_name, path, tasks)
        module = _load_installed(module_name, path)
    task = getattr(module, function, None)
    if not callable(task):
        raise StepError(f"{module_name} has no task {function!r}", hint=f"it has: {', '.join(_callables(module))}")
    home = getattr(task, "__module__", None) or ""
    if own is None and not anywhere and not home.startswith("nornir_"):
        raise PolicyDenied(
            f"{path} is {home or 'builtins'}.{function}, which the nornir_* package only uses itself",
            hint="name a task of the package, or run under a profile with `tasks: any` (elevated)",
        )
    if own is None and not anywhere:
        _check_acts_on_devices(task, path, home)
    return task  # type: ignore[no-any-return]


def _check_acts_on_devices(task: Callable[..., Any], path: str, home: str) -> None:
    """Raise PolicyDenied for a task of a known package that acts on this machine, where no guard stands."""
    what, instead = _ACTS_HERE.get((home.split(".")[0], getattr(task, "__name__", "")), ("", ""))
    if what:
        raise PolicyDenied(
            f"the task {path} {what}, and no guard looks at that",
            hint=f"{instead}, or run under a profile with `tasks: any` (elevated)",
        )


def _check_installed(module_name: str, path: str, tasks: Path) -> None:
    """Raise PolicyDenied for a `nornir_*` package that no distribution brought: a folder that merely is on the way."""
    package = module_name.split(".")[0]
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return  # importing it says what is the matter
    places = [] if spec is None else [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else ())]
    sites = [Path(folder).resolve() for folder in (*site.getsitepackages(), site.getusersitepackages())]
    for file in (Path(place).resolve() for place in places):
        if any(file.is_relative_to(folder) for folder in sites):
            continue
        if any(file.is_relative_to(folder.resolve()) for folder in (tasks.parent, Path.cwd())):
            raise PolicyDenied(
                f"the task {path} lies in {file}, which is a file of the project and no installed package",
                hint="put the task into the project's tasks folder, or install its distribution",
            )
        if not _is_distributed(package, file):
            raise PolicyDenied(
                f"the task {path} lies in {file}, which no installed distribution brought",
                hint="install the distribution of the package; a folder on PYTHONPATH is not enough",
            )


def _is_distributed(package: str, file: Path) -> bool:
    """Tell whether a distribution lists the package, or was installed as editable from where the file lies."""
    if package in importlib.metadata.packages_distributions():
        return True
    for distribution in importlib.metadata.distributions():
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            folder = unquote(urlsplit(origin.get("url", "")).path)
            if folder and file.is_relative_to(Path(folder).resolve()):
                return True
    return False


def _own_file(module_name: str, tasks: Path) -> Path | None:
    parts = module_name.split(".")
    if parts[0] == tasks.name:  # `tasks.audit.check` and `audit.check` both mean tasks/audit.py
        parts = parts[1:]
    file = tasks.joinpath(*parts).with_suffix(".py") if parts else tasks / "__init__.py"
    if not file.is_file() or not file.resolve().is_relative_to(tasks.resolve()):
        return None
    return file


def _load_own(module_name: str, file: Path) -> ModuleType:
    name = f"nornflow_project_tasks.{file.resolve().as_posix().replace('/', '_').replace('.', '_')}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file, loader=AsWritten(name, str(file)))
    if spec is None or spec.loader is None:
        raise StepError(f"{file} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise StepError(f"{file} failed on import: {type(error).__name__}: {error}", hint="mend the task") from error
    return module


def _load_installed(module_name: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise StepError(f"{path}: {error}", hint=f"install the distribution that brings {module_name}") from error


def _callables(module: ModuleType) -> list[str]:
    return sorted(name for name, value in vars(module).items() if callable(value) and not name.startswith("_"))[:20]
