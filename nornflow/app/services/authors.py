"""Who made a change: those do not approve it."""

from __future__ import annotations

import pwd
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nornflow.model.sealed import SealedPlan

if TYPE_CHECKING:
    from nornflow.app.services.prepared import Change


def authors_of(change: Change, before: SealedPlan | None = None) -> tuple[str, ...]:
    """Return who wrote the workflow, as it says and as its file belongs to, and who made the plan that this one goes on from."""
    names = [change.workflow.author, *((before.requester, *before.authors) if before is not None else ())]
    with suppress(OSError, KeyError):  # the file is gone, or its owner has no name here: what the workflow says is left
        file = Path(change.spec.folder) / Path(change.spec.file).name  # wherever this process was started
        names.append(pwd.getpwuid(file.stat().st_uid).pw_name)
    return tuple(dict.fromkeys(name for name in names if name))
