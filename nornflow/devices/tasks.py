"""Importing an existing Nornir task by its dotted path, from where the profile lets it come from."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from nornflow.errors import PolicyDenied, StepError


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
    return task  # type: ignore[no-any-return]


def _check_installed(module_name: str, path: str, tasks: Path) -> None:
    """Raise PolicyDenied for a `nornir_*` package that merely lies in a folder of the project or where we were started."""
    package = module_name.split(".")[0]
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return  # importing it says what is the matter
    places = [] if spec is None else [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else ())]
    for place in map(Path, places):
        file = place.resolve()
        if "site-packages" in file.parts or "dist-packages" in file.parts:
            continue
        if any(file.is_relative_to(folder.resolve()) for folder in (tasks.parent, Path.cwd())):
            raise PolicyDenied(
                f"the task {path} lies in {file}, which is a file of the project and no installed package",
                hint="put the task into the project's tasks folder, or install its distribution",
            )


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
    spec = importlib.util.spec_from_file_location(name, file)
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
