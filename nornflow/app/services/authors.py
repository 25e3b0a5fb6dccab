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
    """Return who wrote the workflow, as it says and as its file belongs to, and who made the plan that this one goes on from.

    Whoever wrote a workflow that it calls wrote a part of it.
    """
    workflow, spec = change.workflow, change.spec
    names = [workflow.author, *((before.requester, *before.authors) if before is not None else ())]
    names += [frame.author for frame in workflow.frames.values()]
    own = Path(spec.folder) / Path(spec.file).name  # wherever this process was started
    for file in (own, *(Path(frame.path) for frame in workflow.frames.values())):
        with suppress(OSError, KeyError):  # it is gone, or its owner has no name here: what the workflow says is left
            names.append(pwd.getpwuid(file.stat().st_uid).pw_name)
    return tuple(dict.fromkeys(name for name in names if name))
