"""Logins of devices, learned so that what people and programs write of them is masked or sealed where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from nornflow.app.build import Project
from nornflow.app.services.spec import Spec
from nornflow.errors import NornFlowError

Tell = Callable[[str], object]
"""Is told what whoever answers should know beside."""


def unheard(text: str) -> None:
    """Tell nobody."""


def learn_logins(project: Project, spec: Spec, tell: Tell) -> None:
    """Learn the logins of a run's devices; `tell` says when that cannot be, for who answers need not have what the run needs."""
    if not spec.targets:
        return
    targets = frozenset(spec.targets)
    try:
        inventory = Path(spec.inventory) if spec.inventory else None
        with closing(project.devices(inventory, lambda host: host.name in targets)) as devices:
            devices.hosts()
    except NornFlowError as error:
        tell(f"logins of its devices are not masked in what you wrote: {error.message}")
