"""Playing changes on twins: a bounded pool of scratch devices that one device after the other is played on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from nornflow.abc import Cancellation, Stage, Twin
from nornflow.errors import LineRejected, NornFlowError, StepError
from nornflow.model.device import HostView
from nornflow.planning.diff import unified
from nornflow.planning.rollback import rollback_lines
from nornflow.platforms.platform import Platform
from nornflow.record import record

PASSES = 2
"""How often the remaining difference is worked out and typed; some lines only go once others are gone."""

PATIENCE = 90.0
"""Seconds without a word from any stage after which the twin is given up."""


@record
class Case:
    """One device to be played: its configuration, the lines of each step in their order, and lines of a way back."""

    host: HostView
    platform: Platform
    pre: str
    steps: Sequence[Sequence[str]]
    own: tuple[str, ...] = ()


@record
class Played:
    """What a twin showed of a device: its configuration after each step, and how it came back.

    `remaining` is the diff that was left over (empty: it was the pre-image again, line for line), or the line that no way
    back got past. `failure` says in words why the device could not be played at all; then nothing else counts.
    """

    twin: str = ""
    after: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    passes: int = 0
    remaining: str = ""
    failure: str = ""


def play(twin: Twin, cases: Sequence[Case], cancellation: Cancellation) -> Mapping[str, Played]:
    """Play each device on one of at most `twin.at_once` stages and return what was shown, by host.

    Nothing is raised: a twin that cannot run, dies, hangs or shows nonsense is a `failure` of the devices it was for.
    """
    return {host: replace(played, twin=twin.name) for host, played in _play_all(twin, cases, cancellation).items()}


def _play_all(twin: Twin, cases: Sequence[Case], cancellation: Cancellation) -> Mapping[str, Played]:
    try:
        obstacle = twin.obstacle()
    except Exception as error:  # noqa: BLE001 - a plugin's code; its trouble is told where its answer would stand
        obstacle = _told(error)
    if obstacle:
        return {case.host.name: Played(failure=obstacle) for case in cases}
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    answers: queue.SimpleQueue[tuple[str, Played] | None] = queue.SimpleQueue()
    for number in range(min(max(1, twin.at_once), len(cases))):
        args = (twin, waiting, answers, cancellation)
        threading.Thread(target=_work, args=args, name=f"twin-{twin.name}-{number}", daemon=True).start()
    found: dict[str, Played] = {}
    with _telling(cancellation, lambda: answers.put(None)):
        while len(found) < len(cases):
            try:
                answer = answers.get(timeout=PATIENCE)
            except queue.Empty:
                return _given_up(cases, found, f"it did not answer within {PATIENCE:g} s")
            if answer is None:
                return _given_up(cases, found, "the plan was stopped")
            found[answer[0]] = answer[1]
    return found


@contextmanager
def _telling(cancellation: Cancellation, tell: Callable[[], None]) -> Iterator[None]:
    forget = cancellation.on_abort(tell)
    try:
        yield
    finally:
        forget()


def _given_up(cases: Sequence[Case], found: Mapping[str, Played], why: str) -> dict[str, Played]:
    return {case.host.name: found.get(case.host.name) or Played(failure=why) for case in cases}


def _work(
    twin: Twin,
    waiting: queue.SimpleQueue[Case],
    answers: queue.SimpleQueue[tuple[str, Played] | None],
    cancellation: Cancellation,
) -> None:
    """Play what waits, on one stage as long as it holds; after trouble the next device gets a new one."""
    while (case := _next(waiting)) is not None:
        try:
            with twin.stage() as stage:
                while case is not None:
                    if cancellation.stopping:
                        raise StepError("the plan was stopped")
                    answers.put((case.host.name, _play(stage, case)))
                    case = _next(waiting)
        except Exception as error:  # noqa: BLE001 - see play
            if case is not None:
                answers.put((case.host.name, Played(failure=_told(error))))


def _next(waiting: queue.SimpleQueue[Case]) -> Case | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


def _told(error: Exception) -> str:
    return error.message if isinstance(error, NornFlowError) else f"{type(error).__name__}: {error}".rstrip(": ")


def _play(stage: Stage, case: Case) -> Played:
    """Play one device: there and, by the first of the ways that works, back."""
    after = _there(stage, case)
    ways: list[Callable[[str], Sequence[str]]] = [
        lambda shown: rollback_lines(shown, case.pre, case.platform),  # what it leaves alone stays undisturbed
        lambda shown: stage.lines_to(case.pre),
    ]
    best: Played | None = None
    for number, way in enumerate(ways):
        if number:
            _there(stage, case)
        tried = _back(stage, case, after, way)
        if not tried.remaining:
            return tried
        best = tried if best is None or tried.lines else best
    assert best is not None
    return best


def _there(stage: Stage, case: Case) -> tuple[str, ...]:
    """Become the device and type its steps; StepError when what is shown at first is not the device's configuration."""
    lines = [line for step in case.steps for line in step]
    if other := unified(case.pre, stage.load(case.host, case.pre, [*lines, *case.own]), case.platform):
        raise StepError(f"it did not become the device; it showed otherwise:\n{other}")
    after = []
    for step in case.steps:
        after.append(stage.apply(step))
    return tuple(after)


def _back(stage: Stage, case: Case, after: tuple[str, ...], way: Callable[[str], Sequence[str]]) -> Played:
    shown = after[-1]
    lines: tuple[str, ...] = ()
    passes = 0
    try:
        if case.own:
            lines, shown = case.own, stage.apply(case.own)
        remaining = unified(shown, case.pre, case.platform)
        while remaining and passes < PASSES:
            try:
                more = tuple(way(shown))
            except NornFlowError as error:  # the maker's tool does not know a way, which says nothing about the twin
                return Played(after=after, remaining=error.message, passes=passes)
            if not more:
                break
            shown = stage.apply(more)
            lines, passes = (*lines, *more), passes + 1
            remaining = unified(shown, case.pre, case.platform)
    except LineRejected as error:
        return Played(after=after, remaining=error.message, passes=passes)
    return Played(after=after, lines=lines, passes=passes, remaining=remaining)
