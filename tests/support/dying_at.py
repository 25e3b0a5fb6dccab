"""`nornflow` in a process that kills itself around one call to its store: `python dying_at.py CALL before|after WORDS...`.

CALL is the name of a method of the waits in the store (`ask`, `leave`, `answer`), or of the runs in it (`take_over`, and
`move.waiting` for the move to that state). Nothing of this is in the product: the methods are wrapped here.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from nornflow.cli.main import main
from nornflow.store.runs import SqlRunStore
from nornflow.store.waits import SqlWaits


def die_at(call: str, after: bool) -> None:
    """Let this process end, as by `kill -9`, before or right after the call."""
    name, _, state = call.partition(".")
    owner: Any = SqlRunStore if hasattr(SqlRunStore, name) else SqlWaits
    method = getattr(owner, name)

    def wrapped(*given: Any, **more: Any) -> Any:
        mine = not state or state in [getattr(value, "value", "") for value in given[3:4]]
        if mine and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = method(*given, **more)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    die_at(sys.argv[1], sys.argv[2] == "after")
    sys.argv = ["nornflow", *sys.argv[3:]]
    main()
