"""One plan of one device as the other plans of that device meet it: what it sends, touches and leaves, and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

from nornflow.model.plan import EXEC, HostPlan, Method
from nornflow.planning.predict import predict
from nornflow.planning.touched import Touch, touched
from nornflow.platforms.platform import Platform
from nornflow.redaction import MASK

_MARK = "\ue000"  # no blank, and nothing that a configuration holds
_MARKED = 12  # characters of a digest that tell one secret from another


class Unknown(Exception):
    """What a plan leaves cannot be told from text; the message says why."""


@dataclass(frozen=True)
class Side:
    """One plan of a device, as far as it says what the other one has to know."""

    name: str
    host: HostPlan
    platform: Platform

    @cached_property
    def steps(self) -> tuple[tuple[str, ...], ...]:
        """The configuration lines of each step; secrets that are not the same do not look the same."""
        found = []
        for step in self.host.steps:
            pairs = zip_longest(step.lines, step.digests[: len(step.lines)], fillvalue="")
            found.append(tuple(_marked(line, digest) for line, digest in pairs if not line.startswith(EXEC)))
        return tuple(lines for lines in found if lines)

    @cached_property
    def back(self) -> tuple[str, ...]:
        """The lines that take the plan back."""
        rehearsal = self.host.rollback
        if rehearsal is not None and rehearsal.lines:
            return rehearsal.lines
        return tuple(line for step in reversed(self.host.steps) for line in step.rollback)

    @cached_property
    def touches(self) -> tuple[Touch, ...]:
        """What its lines touch."""
        found = (touch for lines in self.steps for touch in touched(lines, self.platform))
        return tuple(dict.fromkeys(touch for touch in found if touch.removes or not touch.opens))

    @cached_property
    def near(self) -> tuple[Touch, ...]:
        """What its lines and those of its way back are about, sections too."""
        return tuple(touch for lines in (*self.steps, self.back) for touch in touched(lines, self.platform))

    @cached_property
    def unknown(self) -> str:
        """Why nobody can tell from text what it does; empty when the lines say it."""
        for step in self.host.steps:
            if step.actions:
                return f"`{step.actions[0].removeprefix(EXEC)}` of {self.name} is no configuration line"
            if step.diff and not step.configuration:
                return f"step {step.step} of {self.name} changes it otherwise than by lines"
        if self.steps and not self.back and self.host.changes:
            return f"{self.name} has no lines that take it back"
        return ""

    def played(self, text: str) -> str:
        """Return the configuration that it leaves; Unknown when that cannot be told."""
        for lines in self.steps:
            text = _played(text, lines, self.platform, self.name)
        return text

    def taken_back(self, text: str) -> str:
        """Return the configuration that its way back leaves; Unknown when that cannot be told."""
        return _played(text, self.back, self.platform, f"the rollback of {self.name}")


def _played(text: str, lines: Sequence[str], platform: Platform, whose: str) -> str:
    outcome = predict(text, lines, platform)
    if outcome.method is Method.IMPOSSIBLE:
        raise Unknown(f"{whose}: {'; '.join(outcome.notes)}")
    return outcome.text


def _marked(line: str, digest: str) -> str:
    """Return a masked line so that another secret makes another line."""
    return line.replace(MASK, f"{MASK}{_MARK}{digest[:_MARKED]}") if digest else line


def shown(line: str) -> str:
    """Return a line as it was before it was marked."""
    while _MARK in line:
        head, _, rest = line.partition(_MARK)
        line = head + rest[_MARKED:]
    return line
