"""Work that goes on in a process of its own after the program that started it has ended."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from nornflow.errors import NornFlowError

_STOP = (signal.SIGTERM, signal.SIGINT)


def detach(work: Callable[[Callable[[], None]], None], log: Path) -> None:
    """Run `work(ready)` in a detached process, and return when it has called `ready`.

    Has to be called before the program starts any thread. Raises NornFlowError with the words of the work's own error.
    """
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as answers:
            answer = answers.read()
        # The first child only starts the second one, which belongs to nobody and so never becomes a zombie of ours.
        os.waitpid(child, 0)
        if answer != "ready":
            message, _, hint = answer.partition("\0")
            raise NornFlowError(message or "the background process ended at once", hint=hint or f"see {log}")
        return
    os.close(read)
    os.setsid()
    if os.fork():
        os._exit(0)
    code = 1
    try:
        code = _run(work, write, log)
    finally:
        # Whatever happened, this copy of the program must not go on as the program itself.
        os._exit(code)


def _run(work: Callable[[Callable[[], None]], None], write: int, log: Path) -> int:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, target)

    def tell(words: str) -> None:
        os.write(write, words.encode())
        os.close(write)

    try:
        work(lambda: tell("ready"))
    except NornFlowError as error:
        tell(f"{error.message}\0{error.hint}")
        return error.exit_code
    except Exception:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def block_stop_signals() -> None:
    """Keep the signals that end a program for `wait_for_stop`; to be called before any thread starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)


def wait_for_stop() -> None:
    """Wait until the process is asked to end."""
    signal.sigwait(_STOP)


def birth(pid: int) -> str | None:
    """Return when a process was started, in the kernel's ticks, or None when there is no such process.

    Together with the number it names a process for good: numbers are used again.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def end(pid: int, born: str, *, patience: float = 5.0, sleep: Callable[[float], None] = time.sleep) -> None:
    """End a process: asked first, killed when it has not gone after `patience` seconds; it may be gone already."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if birth(pid) != born:
            return
        os.kill(pid, number)
        for _ in range(round(patience / 0.02)):
            if birth(pid) != born:
                return
            sleep(0.02)
