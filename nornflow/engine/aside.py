"""Work in a thread of its own that can be left behind: a step that hangs holds up neither its run nor a Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from nornflow.abc import Cancellation
from nornflow.errors import StepCancelled, StepTimeout

R = TypeVar("R")

GRACE = 10.0
"""Seconds that a step gets beyond its timeout to end its own children before the engine goes on without it."""

HURRY = 3.0
"""Seconds that it gets for that when the run is ended now."""


def aside(name: str, work: Callable[[], R], timeout: float, cancellation: Cancellation) -> R:
    """Do the work in a daemon thread and return what it gives, or raise what it raises.

    Raises StepTimeout when it has not ended `GRACE` seconds after `timeout`, and StepCancelled when it has not `HURRY`
    seconds after the run was aborted; the thread is left behind then.
    """
    results: list[R] = []
    raised: list[BaseException] = []
    over = threading.Event()

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
            raised.append(error)
        over.set()

    thread = threading.Thread(target=target, name=f"step-{name}", daemon=True)
    forget = cancellation.on_abort(over.set)
    try:
        thread.start()
        ended = over.wait(timeout + GRACE)
        if ended and cancellation.aborted:
            thread.join(HURRY)
    finally:
        forget()
    if raised:
        raise raised[0]
    if results:
        return results[0]
    if ended:
        raise StepCancelled(f"step {name} was ended in the middle of its work", hint="look at what it left undone")
    raise StepTimeout(f"step {name} did not end within {timeout:g} s", hint="raise its timeout")
