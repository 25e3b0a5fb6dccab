"""`nornflow` in a process that kills itself at one entry of its journal: `python dying.py COUNTS ENTRY before|after WORDS...`.

Nothing of this is in the product: the recorder's methods are wrapped here. The kinds of all entries are appended to the
file COUNTS as they come; with ENTRY 0 the process lives.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from nornflow.cli.main import main
from nornflow.store.recorder import RunRecorder


def die_at(number: int, after: bool, counts: Path) -> None:
    """Let this process end, as by `kill -9`, before or right after the entry of that number is durable."""
    lock, seen = threading.Lock(), [0]
    write = RunRecorder.write

    def wrapped(method: Any) -> Any:
        def call(recorder: RunRecorder, *entries: Any) -> None:
            with lock:
                first = seen[0]
                seen[0] += len(entries)
                with counts.open("a") as file:
                    file.writelines(f"{entry.kind}\n" for entry in entries)
                mine = first < number <= seen[0]
                if mine and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
            method(recorder, *entries)
            if mine:
                write(recorder)
                os.kill(os.getpid(), signal.SIGKILL)

        return call

    RunRecorder.write = wrapped(RunRecorder.write)  # type: ignore[method-assign]
    RunRecorder.note = wrapped(RunRecorder.note)  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(int(sys.argv[2]), sys.argv[3] == "after", Path(sys.argv[1]))
    sys.argv = ["nornflow", *sys.argv[4:]]
    main()
