"""What is allowed in settings but seldom meant: told by `nornflow config validate`, never an error."""

from __future__ import annotations

from pathlib import Path

from nornflow.model.diagnostic import Severity
from nornflow.record import record
from nornflow.settings.model import Settings


@record
class Advice:
    """One thing to look at: the key, how serious it is, and why."""

    severity: Severity
    key: str
    message: str


def advise(settings: Settings) -> tuple[Advice, ...]:
    """Return what a careful reader would ask about these settings; looks at the file system, changes nothing."""
    found = []
    if settings.default_timeout < 300:
        told = f"{settings.default_timeout} seconds are short for a change of many devices"
        found.append(Advice(Severity.WARNING, "default_timeout", told))
    if settings.environment == "production" and settings.profile == "elevated":
        found.append(
            Advice(Severity.WARNING, "profile", "elevated in production lets every workflow do nearly anything")
        )
    if not settings.workspace.parent.is_dir():
        told = f"its parent folder {settings.workspace.parent} does not exist"
        found.append(Advice(Severity.WARNING, "workspace", told))
    if isinstance(settings.inventory, Path) and not settings.inventory.exists():
        told = f"{settings.inventory} does not exist; only workflows without device steps can run"
        found.append(Advice(Severity.INFO, "inventory", told))
    both = sorted(set(settings.plugins.disabled) & set(settings.plugins.required))
    if both:
        told = f"{', '.join(both)} is disabled and required at once: nothing will run"
        found.append(Advice(Severity.ERROR, "plugins", told))
    return tuple(found)
