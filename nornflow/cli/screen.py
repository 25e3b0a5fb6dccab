"""The live view of a run: a progress bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nornflow.abc import Observer
from nornflow.app.services.change import Voices
from nornflow.cli.answer import answered
from nornflow.cli.output import colours, console, printable, quiet_libraries, reader_may_leave, show, tell
from nornflow.cli.run_view import indented
from nornflow.cli.strays import behind, strays_shown
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.record import few
from nornflow.model.event import Event, EventKind

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from nornflow.model.plan import Plan

_COLOURS = {
    "ok": "green",
    "changed": "yellow",
    "failed": "red",
    "timed_out": "red",
    "unknown": "red",
    "stale": "red",
    "rollback_failed": "bold red",
    "rolled_back": "magenta",
    "skipped": "cyan",
    "cancelled": "cyan",
}
_QUIET_FROM = 50
"""With more devices than this in a step only those that failed get a line of their own."""


class Screen(Observer):
    """Shows events as lines; on a terminal the step at work has a progress bar below them."""

    name = "screen"

    def __init__(self, *, answer: bool, yes: bool, ask: bool, mask: Callable[[str], str]) -> None:
        self._answer = answer
        self._mask = mask
        self._rich = colours(sys.stdout if answer else sys.stderr)
        self._yes = yes
        self._ask = ask
        self._until: StopSwitch = StopSwitch()
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._sizes: dict[str, int] = {}
        self._counts: dict[str, dict[str, int]] = {}

    @cached_property
    def _console(self) -> Console:
        """The terminal; in a pipe rich is not even imported."""
        return console(answer=self._answer)

    def voices(self, switch: StopSwitch) -> Voices:
        """Return how a run talks to this screen; a question ends when the run shall."""
        self._until = switch
        return Voices(
            observers=(self,),
            approve=self._approve,
            question=self._question,
            switch=switch,
            notice=tell,
            via="--yes" if self._yes else "terminal",
        )

    @contextmanager
    def shown(self) -> Iterator[Screen]:
        """Show the progress bar while the `with` lasts, if this is a terminal."""
        if not self._rich:
            yield self
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # what strangers print is shown by `strays_shown`
            redirect_stderr=False,
        ) as self._bar:
            yield self
        self._bar = None

    def observe(self, event: Event) -> None:
        """Show one event."""
        handler = _HANDLERS.get(event.kind)
        if handler is not None:
            handler(self, event)

    def line(self, text: str, style: str = "") -> None:
        """Print a line above the bar, masked; control characters, which a device may have sent, are left out.

        A run goes on when nobody reads any more: the pipe was closed, or the terminal is gone.
        """
        text = printable(self._mask(text))
        with reader_may_leave():
            if not self._rich:
                (show if self._answer else tell)(text)
                return
            from rich.text import Text

            self._console.print(Text(text, style=style))

    def step_started(self, event: Event) -> None:
        """Begin the bar of a step."""
        self._sizes[event.step] = int(event.data.get("hosts", 0) or 0)
        self._counts[event.step] = {}
        if self._bar is not None:
            label = f"planning {event.step}" if event.data.get("planning") else event.step
            self._tasks[event.step] = self._bar.add_task(label, total=self._sizes[event.step] or None)

    def step_finished(self, event: Event) -> None:
        """End the bar of a step and count how its devices ended."""
        if self._bar is not None and event.step in self._tasks:
            self._bar.remove_task(self._tasks.pop(event.step))
        counts = self._counts.pop(event.step, {})
        if counts and self._sizes.get(event.step, 0) > _QUIET_FROM:
            shown = ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))
            self.line(f"  {event.step}: {shown}")

    def host_state(self, event: Event) -> None:
        """Show how a step ended on a device, or once."""
        if event.step in self._tasks and self._bar is not None:
            self._bar.advance(self._tasks[event.step])
        state = str(event.data.get("state", ""))
        counts = self._counts.setdefault(event.step, {})
        counts[state] = counts.get(state, 0) + 1
        bad = state in ("failed", "timed_out", "unknown", "stale")
        if event.data.get("planning") and not bad:
            return
        if self._sizes.get(event.step, 0) > _QUIET_FROM and not bad:
            return
        where = f"{event.host}: " if event.host else ""
        text = f": {indented(event.message)}" if event.message else ""
        self.line(f"  {where}{event.step} {state}{text}", _COLOURS.get(state, ""))

    def output(self, event: Event) -> None:
        """Show a line of live output of a step."""
        self.line(f"{event.host}| {event.message}" if event.host else event.message)

    def told(self, event: Event) -> None:
        """Show the milestones of a run."""
        data, kind = event.data, event.kind
        if kind is EventKind.BATCH_STARTED:
            self.line(f"batch {data['batch']} of {data['of']}: {few(data['hosts'])}", "bold")
        elif kind is EventKind.BATCH_EMPTY:
            self.line(f"batch {data['batch']} of {data['of']}: no device is left for {data['by']}", "bold")
        elif kind is EventKind.CHECKS_STARTED:
            self.line(f"checking batch {data['batch']}: {', '.join(data['steps'])}")
        elif kind is EventKind.SOAK_STARTED:
            self.line(f"soaking {data['seconds']:g} s")
        elif kind is EventKind.STEP_RETRY:
            where = few(data.get("hosts", ())) or event.host
            count = f" ({data['attempt']} of {data['of']})" if "attempt" in data else ""
            self.line(
                f"  {event.step}: again{count}{f' on {where}' if where else ''}: {indented(event.message)}", "dim"
            )
        elif kind is EventKind.ROLLBACK_STARTED:
            self.line(f"rolling back {few(data['hosts'])}", "bold magenta")
        elif kind is EventKind.ROLLBACK_FINISHED:
            state = str(data.get("state"))
            text = indented(event.message or "running == pre-image")
            self.line(f"  {event.host}: {state}: {text}", _COLOURS.get(state, ""))
        elif kind is EventKind.DRIFT_FOUND:
            self.line(f"  {event.host}: stale: {indented(event.message.removeprefix(f'{event.host}: '))}", "yellow")
        elif kind is EventKind.DRIFT_CHECKED:
            self.line(f"drift check: {data['hosts']} devices read, {len(data['stale'])} stale")
        elif kind is EventKind.QUEUE_WAITING:
            self.line(f"waiting, place {data['place']} in the queue: {event.message}", "yellow")
        elif kind is EventKind.WAIT_OPENED:
            who = event.step or f"batch {data['batch']}"
            self.line(f"  {who} waits: {indented(event.message)}", "yellow")
        elif kind is EventKind.WAIT_ENDED:
            self.line(f"  {indented(event.message)}")
        elif kind in (EventKind.LOCK_SKIPPED, EventKind.LOCK_LOST):
            self.line(f"! {event.host}: {event.message.removeprefix(f'{event.host}: ')}", "yellow")
        elif kind in (EventKind.OBSERVER_FAILED, EventKind.RESOURCE_EXCEEDED):
            self.line(f"! {event.message}", "yellow")

    def stopping(self, event: Event) -> None:
        """Say who ended the run; who did it here, by a signal, has been told already."""
        if event.data.get("via") not in signal.Signals.__members__:
            self.line(event.message, "yellow")

    def _approve(self, plan: Plan, held: bool) -> bool:
        from nornflow.app.services.change import PlannedChange
        from nornflow.cli.plan_view import plan_text
        from nornflow.errors import ApprovalRequired

        with self._bar_away():
            for text in plan_text(PlannedChange(plan, ())):
                mark = text.lstrip()[:1]
                self.line(text, {"+": "green", "-": "red"}.get(mark, ""))
        if self._yes:
            return True
        if not self._ask:
            raise ApprovalRequired(
                "the change waits for approval: there is no terminal to ask on",
                hint="look at the plan, then give --yes",
            )
        return bool(self._question("apply exactly this plan?" if not held else "approve and apply exactly this plan?"))

    def _question(self, text: str) -> bool | None:
        if self._yes:
            return True
        if not self._ask:
            return None
        with self._bar_away():
            self._console.print(f"{text} [y/N] ", markup=False, highlight=False, end="")
            answer = answered(behind(sys.stdin).fileno(), self._until)
            if answer is None:
                self.line("")  # the question's line is left unanswered; what is told next stands below it
        return (answer or "").strip().lower() in ("y", "yes")

    @contextmanager
    def _bar_away(self) -> Iterator[None]:
        if self._bar is not None:
            self._bar.stop()
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.start()


_HANDLERS: dict[EventKind, Any] = {
    EventKind.RUN_STOPPING: Screen.stopping,
    EventKind.STEP_STARTED: Screen.step_started,
    EventKind.STEP_FINISHED: Screen.step_finished,
    EventKind.HOST_STATE: Screen.host_state,
    EventKind.STEP_OUTPUT: Screen.output,
    EventKind.BATCH_STARTED: Screen.told,
    EventKind.BATCH_EMPTY: Screen.told,
    EventKind.CHECKS_STARTED: Screen.told,
    EventKind.SOAK_STARTED: Screen.told,
    EventKind.STEP_RETRY: Screen.told,
    EventKind.ROLLBACK_STARTED: Screen.told,
    EventKind.ROLLBACK_FINISHED: Screen.told,
    EventKind.DRIFT_FOUND: Screen.told,
    EventKind.DRIFT_CHECKED: Screen.told,
    EventKind.QUEUE_WAITING: Screen.told,
    EventKind.WAIT_OPENED: Screen.told,
    EventKind.WAIT_ENDED: Screen.told,
    EventKind.LOCK_SKIPPED: Screen.told,
    EventKind.LOCK_LOST: Screen.told,
    EventKind.OBSERVER_FAILED: Screen.told,
    EventKind.RESOURCE_EXCEEDED: Screen.told,
}


@contextmanager
def screen_for(*, answer: bool, mask: Callable[[str], str], yes: bool = False) -> Iterator[Screen]:
    """Give a screen on standard output (`answer`) or standard error, which asks only where somebody can answer.

    `mask` hides secrets in whatever is shown.
    """
    quiet_libraries()
    ask = sys.stdin is not None and sys.stdin.isatty()
    with Screen(answer=answer, yes=yes, ask=ask, mask=mask).shown() as screen, strays_shown(screen.line, answer=answer):
        yield screen
