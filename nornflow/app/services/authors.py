"""Who made a change: those do not approve it."""

from __future__ import annotations

import pwd
from contextlib import suppress
from pathlib import Path

from nornflow.app.services.decided import Change
from nornflow.model.sealed import SealedPlan


def authors_of(change: Change, before: SealedPlan | None = None) -> tuple[str, ...]:
    """Return who wrote the workflow and what it calls, and who made the plan that this one goes on from.

    A workflow is by whom it says, and by whom its file belongs to.
    """
    names = [*change.workflow.authors, *((before.requester, *before.authors) if before is not None else ())]
    own = str(Path(change.spec.folder) / Path(change.spec.file).name)  # wherever this process was started
    for file in (own, *change.workflow.called):
        with suppress(OSError, KeyError):  # it is gone, or its owner has no name here: what the workflow says is left
            names.append(pwd.getpwuid(Path(file).stat().st_uid).pw_name)
    return tuple(dict.fromkeys(name for name in names if name))
