"""The judge of lines: what may be sent, what is captured, and what is denied, in exec and in configuration mode."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from enum import Enum, auto

from nornflow.devices.guard.lease import Lease
from nornflow.errors import GuardDenied
from nornflow.platforms.exec import ExecVerdict, Kind, classify
from nornflow.platforms.platform import Style
from nornflow.platforms.tree import SEPARATOR, SectionTracker

State = tuple[SectionTracker, bool, dict[str, str]]
_MOST_SECTIONS = 12  # lines that may have opened a section and are still looked at


class Act(Enum):
    """What happens to a line that is not denied.

    `SEND` it, or when planning: `ENTER` the virtual configuration mode, `CAPTURE` the line, `PASS` over one that changes
    nothing. `LEAVE` ends configuration mode. A save is captured, too, while its change is not confirmed.
    """

    SEND = auto()
    ENTER = auto()
    CAPTURE = auto()
    PASS = auto()
    LEAVE = auto()


class Judge:
    """Judges the lines of one session under one lease, in their order; keeps the section that lines land in."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._platform = lease.platform
        self._grammar = lease.platform.exec
        self.kind = Kind.SESSION  # what the last exec line was
        self.enter()

    def enter(self) -> None:
        """Begin a configuration session at its top."""
        self._tracker = SectionTracker(self._platform)
        self._unsure = False  # a line that nobody knows may have opened a section
        self._perhaps: dict[str, str] = {}  # such lines by their first word: the newest of each kind may still be open

    @property
    def in_text(self) -> bool:
        """Whether the next line belongs to a text of several lines (a banner)."""
        return self._tracker.in_text

    def exec_line(self, raw: str) -> Act:
        """Judge a line of exec mode; raises GuardDenied."""
        lease = self.lease
        lease.check()
        verdict = classify(raw, self._grammar)
        self.kind = verdict.kind
        if verdict.kind is Kind.SESSION:
            return Act.SEND
        self._check_rules(verdict, raw)
        if verdict.kind in (Kind.WRITE, Kind.REFUSED):
            self._check_config_rules(
                verdict.canonical, raw
            )  # whatever mode the device is in: no denied line reaches it
        match verdict.kind:
            case Kind.READ:
                self._check_read(verdict)
                return Act.SEND
            case Kind.ENABLE:
                return Act.SEND
            case Kind.ENTER:
                if not lease.planning:
                    self._need("device.configure", raw)
                    lease.fenced(begins=True)
                return Act.ENTER
            case Kind.LEAVE:
                raise lease.denied(
                    f"{raw.strip()!r} would end the session", hint="the guard opens and closes sessions; leave it out"
                )
            case Kind.SAVE:
                return self._command(verdict, raw, "device.configure")
            case _:
                return self._command(verdict, raw, "device.command")

    def _check_rules(self, verdict: ExecVerdict, raw: str) -> None:
        rule = self.lease.rules.denies_exec(verdict.canonical, raw)
        if rule is not None:
            raise self.lease.denied_by(rule, verdict.canonical or raw)
        if verdict.kind is Kind.REFUSED and not verdict.canonical:
            raise self.lease.denied(f"a line {verdict.why}", hint="send one line of printable ASCII at a time")

    def _check_read(self, verdict: ExecVerdict) -> None:
        lease = self.lease
        if not any(map(lease.permits, ("device.read", "device.configure", "device.command"))):
            self._need("device.read", verdict.canonical)
        if not lease.rules.allows_exec(verdict.canonical):
            raise lease.denied(
                f"{verdict.canonical!r} is not among the reads that the profile allows",
                hint="see the profile's read rules: nornflow profile show",
            )

    def _command(self, verdict: ExecVerdict, raw: str, permission: str) -> Act:
        lease = self.lease
        canonical = verdict.canonical
        if not (lease.planning and verdict.kind is Kind.SAVE):
            self._need(permission, raw, verdict.why)
        if verdict.kind is Kind.REFUSED and not lease.permits("device.raw"):
            raise lease.denied(f"{raw.strip()!r} {verdict.why}", hint="write the command out in full, one per line")
        act = self._sealed_or_captured(f"exec:{canonical}")
        held = verdict.kind is Kind.SAVE and lease.grant.hold is not None
        return (
            Act.CAPTURE if held else act
        )  # the engine saves once the change is confirmed: a reload undoes it until then

    def device_action(self, entry: str) -> None:
        """Judge something that a driver does on its device without a line of ours (`exec:roll back`); GuardDenied."""
        self.lease.check()
        if not self.lease.planning:
            self._need("device.configure", entry)
        self._sealed_or_captured(entry)

    def replacing(self) -> None:
        """Judge that the engine itself puts a whole configuration in place; raises GuardDenied."""
        self.lease.check()
        if self.lease.planning:
            raise self.lease.denied("nothing is replaced while planning", hint="take a grant for applying")
        self._need("device.configure", "the whole configuration")
        self.lease.fenced(begins=True)
        self.lease.report.sent.append("exec:replace configuration")

    def _need(self, permission: str, line: str, why: str = "") -> None:
        if not self.lease.permits(permission):
            reason = f" ({why})" if why else ""
            raise self.lease.denied(
                f"{line.strip()!r} needs the permission {permission}{reason}",
                hint=f"use a profile that allows {permission} and declare it in the workflow's permissions",
            )

    def config_line(self, raw: str) -> Act:
        """Judge a line of configuration mode; raises GuardDenied."""
        lease = self.lease
        lease.check()
        line = raw.rstrip()
        text = line.strip()
        self._check_one_line(line)
        if text.startswith("exec:"):  # in a plan this marks a command of exec mode, which a line must not pass for
            raise lease.denied(f"{text!r} is no configuration", hint="leave it out")
        if self.in_text:
            self._tracker.feed(line)
            return self._configured(line)
        if not text or text[0] == "!":
            return Act.PASS
        if text.lower() in self._grammar.leave_config or self._leaves(text):
            self.enter()
            return Act.LEAVE
        command = self._grammar.behind_do(text)
        if command is not None:
            return self._behind_do(command, line)
        if self._platform.style is Style.SET and text.split()[0] == "show":
            return Act.PASS
        self._check_not_exec(text)
        path = self._tracker.feed(line)
        self._check_config_rules(path, line)
        if SEPARATOR not in path:
            self._unsure = text not in self._platform.closers and not self._tracker.understood
            if self._unsure:
                self._perhaps.pop(text.split()[0], None)
                self._perhaps[text.split()[0]] = path
        return self._configured(line)

    def _check_config_rules(self, path: str, line: str) -> None:
        """Match the line in its section, and below each line that may have opened one that the grammar does not know.

        There it is matched as it was typed, too: the grammar gave its words in full as those of another section.
        """
        above = list(self._perhaps.values())[-_MOST_SECTIONS:]
        places = [path]
        for text in dict.fromkeys((path, " ".join(line.split()))):
            places += [f"{section}{SEPARATOR}{text}" for section in above]
            if len(above) > 1:
                places.append(SEPARATOR.join((*above, text)))
        for number, place in enumerate(places):
            understood = number == 0 and self._tracker.understood
            rule = self.lease.rules.denies_config(place, line, understood=understood)
            if rule is not None:
                raise self.lease.denied_by(rule, path)

    def _leaves(self, text: str) -> bool:
        """Tell whether `exit` stands at the top of the configuration, where it leaves configuration mode."""
        at_top = not self._tracker.path and not self._unsure and self._platform.style is not Style.SET
        return at_top and text.lower() in ("exit", "quit")

    def _behind_do(self, command: str, line: str) -> Act:
        if self._grammar.behind_do(command) is not None:
            raise self.lease.denied(f"{line.strip()!r} hides a command twice", hint="write the command itself")
        verdict = classify(command, self._grammar)
        if verdict.kind in (Kind.READ, Kind.SESSION):
            self._check_rules(verdict, command)
            if verdict.kind is Kind.READ:
                self._check_read(verdict)
            return Act.PASS
        self._check_rules(verdict, command)
        if verdict.kind in (Kind.ENTER, Kind.LEAVE):
            raise self.lease.denied(
                f"{line.strip()!r} would change the section that the next lines land in", hint="leave it out"
            )
        self._check_config_rules(verdict.canonical, command)
        self._need("device.command", line, verdict.why)
        if verdict.kind is Kind.SAVE and self.lease.grant.hold is not None:
            raise self.lease.denied(
                f"{line.strip()!r} would save what is not confirmed", hint="let the step save (`save: true`)"
            )
        return self._configured(line)

    def _check_one_line(self, line: str) -> None:
        """Refuse a line that a device would read as several: the rules look at one line at a time."""
        if not line.isprintable():
            raise self.lease.denied(
                f"{line[:60]!r} holds a line feed or another control character", hint="give one line of text at a time"
            )
        if self._grammar.separator and self._grammar.separator in line and not self.in_text:
            raise self.lease.denied(
                f"{line!r} holds {self._grammar.separator!r}, behind which this platform may begin another command",
                hint="give one line for each; where the platform is not known, name it in the inventory",
            )

    def _check_not_exec(self, text: str) -> None:
        """Refuse exec commands: some devices run them in configuration mode too, others when the session left it."""
        word = text.split()[0].lower()
        verb = next((verb for verb in self._grammar.never_config if verb.startswith(word)), "")
        if len(word) > 1 and verb:
            raise self.lease.denied(
                f"{text!r} could be the exec command {verb!r}, not configuration",
                hint=f"write configuration lines out in full; an exec command goes behind {self._grammar.do[0]!r}"
                if self._grammar.do
                else "write configuration lines out in full",
            )

    def _configured(self, line: str) -> Act:
        if not self.lease.planning:
            self._need("device.configure", line)
        return self._sealed_or_captured(line)

    def _sealed_or_captured(self, entry: str) -> Act:
        lease = self.lease
        if lease.planning:
            lease.report.captured.append(entry)
            return Act.CAPTURE
        lease.fenced(begins=entry.startswith("exec:"))  # a line of configuration belongs to a block that has begun
        if lease.grant.sealed is not None:
            if lease.next_sealed() != entry:
                raise self._not_sealed(entry)
            lease.cursor += 1
        lease.report.sent.append(entry)
        return Act.SEND

    def _not_sealed(self, entry: str) -> GuardDenied:
        expected = self.lease.next_sealed()
        return self.lease.denied(
            f"{entry!r} is not what the plan has next ({'nothing more' if expected is None else repr(expected)})",
            hint="plan again: only the lines that were planned are sent, in their order",
        )

    def rehearse(self, lines: Sequence[str], *, entered: bool) -> list[Act]:
        """Judge a whole block without effect, so that nothing of it is sent when one line is denied; return the acts.

        `entered` says that the session is in configuration mode already, in the section where this judge is.
        """
        marks, state = self.marks(), self.state()
        if not entered:
            self.enter()
        try:
            return [self.config_line(line) for line in lines]
        finally:
            self.return_to(state)
            self.restore(marks)

    def rehearse_all(self, lines: Sequence[str]) -> None:
        """Judge configuration lines and `exec:` commands without effect, as one block."""
        marks, state = self.marks(), self.state()
        self.enter()
        try:
            for line in lines:
                if line.startswith("exec:"):
                    self.exec_line(line.removeprefix("exec:"))
                else:
                    self.config_line(line)
        finally:
            self.return_to(state)
            self.restore(marks)

    def state(self) -> State:
        """Return a copy of where in the configuration the judge is."""
        tracker = deepcopy(self._tracker, {id(self._platform): self._platform})
        return tracker, self._unsure, dict(self._perhaps)

    def return_to(self, state: State) -> None:
        """Go back to where the judge was in the configuration."""
        self._tracker, self._unsure, self._perhaps = state

    def marks(self) -> tuple[int, int, int]:
        """Return how far the lease's lines are used, captured and sent."""
        report = self.lease.report
        return self.lease.cursor, len(report.captured), len(report.sent)

    def restore(self, marks: tuple[int, int, int]) -> None:
        """Take back what was used, captured and recorded as sent since the marks."""
        self.lease.cursor, captured, sent = marks
        del self.lease.report.captured[captured:]
        del self.lease.report.sent[sent:]
