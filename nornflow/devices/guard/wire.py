"""The wire: every byte of a session passes it, and a line is judged before any byte of it goes out."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from copy import copy
from enum import Enum, auto
from threading import Lock

from nornflow.devices.guard.characters import check_characters
from nornflow.devices.guard.judge import Act, Judge
from nornflow.devices.guard.lease import Lease
from nornflow.errors import GuardDenied, LineRejected
from nornflow.platforms.exec import Kind, classify
from nornflow.platforms.platform import Platform

_LINE_END = re.compile(rb"(\r\n|\r|\n)")
_ANSWER = re.compile(r"(?:y|yes|n|no)?", re.IGNORECASE)
_TEXT_OPENED = re.compile(rb"Enter TEXT message", re.IGNORECASE)
_MAY_LEAVE = re.compile(r"(?:ex|exi|exit\S*|q|qu|qui|quit|end|abort|commit)\b", re.IGNORECASE)
_NOT_REHEARSED = frozenset({"platform", "judge", "_lock"})
_TAIL = 300  # bytes of the unfinished last line that a prompt is looked for in


class Phase(Enum):
    """Who writes: the guard while it logs in, a task under a lease, or the driver while it says good-bye."""

    OPENING = auto()
    GUARDED = auto()
    CLOSING = auto()


class Wire:
    """The line discipline of one session. `write` takes what a driver writes and returns what may go to the device.
    Several lines at once are rehearsed first, so that none of them goes out when one is denied.

    When planning, configuration mode is played here: `configure terminal` is not sent, each line is captured and
    answered in `answers` as the device would, and `end` returns. After a denial the session is `dead`: driver and device
    no longer agree about its state, so nothing more is sent and it has to be opened anew.
    """

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.phase = Phase.OPENING
        self.judge: Judge | None = None
        self.answers: deque[bytes] = deque()
        self.virtual = False
        self.config = False  # the device is in configuration mode, as far as anybody can tell
        self.confirmed = True  # the device has answered the last configuration line with its prompt
        self._entering = False  # `configure terminal` was sent and its prompt has not come yet
        self.dead = False
        self.prompt = b""  # the last exec prompt seen
        self.tail = b""  # what the device has written since the last line end
        self._lock = Lock()
        self._line = b""  # the line that is being typed
        self._forwarded = 0  # how much of it the device has
        self._echoed = 0  # how much of it was echoed here
        self._after_return = False
        self._asked = False  # a command that is not a read was sent: the next line may be its confirmation
        self._answer = b""  # what the device wrote since the last configuration line
        self._sent_line = ""
        self._whole = False  # a save or a commit was sent and the device has not come back to its prompt
        self._texts: set[str] = set()
        self._opening_text = False  # a banner was begun, and the device has not said yet that it takes its text

    def take(self, lease: Lease) -> None:
        """Begin with a new lease; the session must be in exec mode."""
        self.platform = lease.platform
        self.judge = Judge(lease)
        self.virtual = self._asked = self._whole = False
        self._line, self._forwarded, self._echoed = b"", 0, 0
        self._answer = b""
        self.answers.clear()

    def leave(self) -> None:
        """Note that configuration mode is being left by the guard itself."""
        self.config, self.confirmed, self._entering, self._opening_text = False, True, False, False
        self._line, self.tail, self._answer = b"", b"", b""
        self._sent_line = self.platform.exec.leave_line

    @property
    def unfinished(self) -> bool:
        """Whether the device has the beginning of a line that was never ended."""
        return self._forwarded > 0

    @property
    def at_prompt(self) -> bool:
        """Whether the device shows its exec prompt and nothing behind it."""
        return bool(self.prompt) and self.tail.strip() == self.prompt.strip()

    @property
    def at_config_prompt(self) -> bool:
        """Whether the device shows a prompt of configuration mode."""
        return self.platform.exec.config_prompt.match(self.tail) is not None

    def read(self, data: bytes) -> None:
        """Look at what the device wrote: its prompts tell the mode, its error markers which line it refused."""
        written = (self.tail + data)[-_TAIL:]
        self.tail = written[max(written.rfind(b"\n"), written.rfind(b"\r")) + 1 :]
        if self.judge is not None and self.config and not self.judge.lease.planning:
            self._look_for_errors(data)
        if self._opening_text and _TEXT_OPENED.search(self._answer + data):
            self._opening_text, self.confirmed = False, True
        if self.at_config_prompt:
            if self.judge is not None and self.config and self.judge.in_text:
                self._refuse_text(self.judge.lease)
            elif self._may_configure(self.judge):
                self.config = self.confirmed = True
                self._entering = False
        elif self.platform.exec.exec_prompt.match(self.tail) and not self._entering and self._may_have_left():
            self.prompt = self.tail
            self.config, self.confirmed = False, True
        if self._whole and self.judge is not None and (self.at_config_prompt or self.at_prompt):
            self._whole = False
            self.judge.lease.end_whole()

    def _may_configure(self, judge: Judge | None) -> bool:
        """Tell whether the prompt of configuration mode can be one: nobody enters that mode with a read."""
        if judge is None or judge.lease.planning or self.config or self._entering:
            return True
        return judge.kind not in (Kind.READ, Kind.SESSION)

    def _may_have_left(self) -> bool:
        """Tell whether the prompt of exec mode can be one: configuration mode is over only behind a line that leaves it."""
        return not self.config or _MAY_LEAVE.match(self._sent_line) is not None

    def _refuse_text(self, lease: Lease) -> None:
        """Note that the device shows its prompt where a banner's text was to come: those lines would be commands."""
        if lease.rejected is None:
            lease.rejected = LineRejected(
                f"{lease.grant.host} did not take the text of {self._sent_line!r}",
                line=self._sent_line,
                marker=self.tail.decode("utf-8", "replace").strip(),
                hint="the lines behind it were not sent; correct it and plan again",
            )

    def _look_for_errors(self, data: bytes) -> None:
        assert self.judge is not None
        lease = self.judge.lease
        whole, end, self._answer = (self._answer + data).rpartition(b"\n")
        if lease.rejected is not None or not end:
            return
        refused = self._sent_line
        for raw in whole.split(b"\n"):
            line = raw.decode("utf-8", "replace").strip()
            echo = self.platform.exec.config_echo.match(line)
            if echo:
                refused = echo[1].strip() or refused
            elif line and line not in self._texts and self.platform.error_in(line):
                lease.rejected = LineRejected(
                    f"{lease.grant.host} refused the line {refused!r}: {line}",
                    line=refused,
                    marker=line,
                    hint="the lines before it are in force, the ones behind it were not sent; correct it and plan again",
                )
                return

    def write(self, data: bytes) -> bytes:
        """Judge what ends at most one line and return what may go to the device; raises GuardDenied with nothing sent."""
        with self._lock:
            if self.phase is Phase.OPENING:
                return data
            if self.phase is Phase.CLOSING:
                return data if self._only_leaves(data) else b""
            judge = self._in_force()
            marks, answers, whole = judge.marks(), len(self.answers), self._whole
            try:
                sent = self._judged(data, judge)
                if self._whole and not whole:
                    judge.lease.begin_whole()
                return sent
            except (GuardDenied, UnicodeDecodeError, LineRejected) as error:
                self.dead, self._whole = not isinstance(error, LineRejected), whole
                judge.restore(marks)
                self._line, self._forwarded, self._echoed = b"", 0, 0
                while len(self.answers) > answers:
                    self.answers.pop()
                if isinstance(error, UnicodeDecodeError):
                    raise judge.lease.denied("a line is not UTF-8 text", hint="send text") from error
                raise

    def _in_force(self) -> Judge:
        if self.judge is None:
            raise GuardDenied("no step holds this session", hint="ask the host for the connection inside a task")
        self.judge.lease.check()
        if self.dead:
            raise self.judge.lease.denied(
                "the session was closed after a denial", hint="ask the host for the connection again"
            )
        return self.judge

    def rehearse(self, data: bytes, *, deadly: bool = True) -> None:
        """Judge several lines without effect; raises GuardDenied when one of them would be denied.

        `deadly` says that the driver is in the middle of writing them, so that a denial leaves it out of step.
        """
        with self._lock:
            if self.phase is not Phase.GUARDED:
                return
            judge = self._in_force()
            marks = judge.marks()
            before = {name: copy(value) for name, value in vars(self).items() if name not in _NOT_REHEARSED}
            tracked = judge.state()
            try:
                self._judged(data, judge)
            except UnicodeDecodeError as error:
                self.dead = deadly
                raise judge.lease.denied("a line is not UTF-8 text", hint="send text") from error
            except GuardDenied:
                self.dead = deadly
                raise
            finally:
                dead = self.dead
                vars(self).update(before)
                self.dead = dead
                judge.return_to(tracked)
                judge.restore(marks)

    def foresee(self, commands: Sequence[str]) -> None:
        """Judge commands that a driver is about to write, without effect; raises GuardDenied and the session lives on."""
        simple = len(commands) == 1 and not (self.virtual or self.config or self._asked or self._line)
        if simple and self.phase is Phase.GUARDED:
            judge = self._in_force()
            marks = judge.marks()
            judge.exec_line(commands[0])
            judge.restore(marks)
            return
        self.rehearse("".join(f"{command.rstrip()}\n" for command in commands).encode(), deadly=False)

    def _only_leaves(self, data: bytes) -> bool:
        grammar = self.platform.exec
        words = [part.strip().decode("latin-1") for part in _LINE_END.split(data)]
        return all(not word or word in grammar.leave or word in grammar.leave_config for word in words)

    def _judged(self, data: bytes, judge: Judge) -> bytes:
        if data == b"\x00":
            return b""  # the keepalive of netmiko and NAPALM: the transport has its own
        pieces = b""
        for part in _LINE_END.split(data):
            if part in (b"\r\n", b"\r", b"\n"):
                if part == b"\n" and self._after_return and not self._line:
                    self._after_return = False
                    continue
                self._after_return = part == b"\r"
                sent = self._finished(self._line, judge)
                if sent:
                    pieces += self._line[self._forwarded :] + part
                self._line, self._forwarded, self._echoed = b"", 0, 0
            elif part:
                self._line += part
                helps = (self.virtual or self.config) and not judge.in_text
                check_characters(self._line, judge.lease, helps=helps)
        return pieces + self._unfinished(judge)

    def _unfinished(self, judge: Judge) -> bytes:
        """Forward a line that is still being typed only if it is a read already; otherwise echo it from here."""
        if not self._line:
            return b""
        lease = judge.lease
        if not self.virtual and not self.config and not self._echoed:
            verdict = classify(self._line, self.platform.exec)
            text = self._line.decode("latin-1")
            if verdict.kind is Kind.READ and lease.rules.denies_exec(verdict.canonical, text) is None:
                judge.exec_line(text)
                rest = self._line[self._forwarded :]
                self._forwarded = len(self._line)
                return rest
        if self._forwarded == 0:
            self.answers.append(self._line[self._echoed :])
            self._echoed = len(self._line)
        return b""

    def _finished(self, line: bytes, judge: Judge) -> bool:
        """Judge a finished line; True when it goes to the device, otherwise it was answered here."""
        text = line.decode("utf-8")
        if self.virtual:
            self._played(line, judge.config_line(text), judge)
            return False
        if self.config:
            return self._configuring(text, judge)
        if self._asked and not self.at_prompt and _ANSWER.fullmatch(text.strip()):
            return True  # the confirmation of a command that was allowed
        act = judge.exec_line(text)
        self._asked = act is Act.SEND and judge.kind in (Kind.WRITE, Kind.SAVE)
        self._whole = self._whole or (act is Act.SEND and judge.kind is Kind.SAVE)
        if act is Act.ENTER:
            judge.enter()
            if not judge.lease.planning:
                self.config, self.confirmed, self._entering = True, False, True
                self._sent_line, self._answer = text, b""
                return True
            self.virtual = True
        if act in (Act.ENTER, Act.CAPTURE):
            self._played(line, act, judge)
            return False
        return True

    def _configuring(self, text: str, judge: Judge) -> bool:
        lease = judge.lease
        if lease.planning and text.strip() not in (*self.platform.exec.leave_config, ""):
            raise lease.denied(
                "the session is in configuration mode while planning", hint="close the connection and plan again"
            )
        leaving = text.strip().lower() in self.platform.exec.leave_config
        if lease.rejected is not None and text.strip() and not leaving:
            raise lease.rejected
        in_text = judge.in_text
        if in_text:
            self._texts.add(text.strip())
        act = judge.config_line(text)
        self._whole = self._whole or (not in_text and self.platform.exec.is_whole(text))
        if act is Act.LEAVE:
            self.config, self.confirmed, self._entering = False, True, False
            self._sent_line = text.strip()
        elif text.strip():
            self._opening_text = judge.in_text and not in_text
            self.confirmed = judge.in_text and in_text
            self._sent_line = text.strip()
        return True

    def _played(self, line: bytes, act: Act, judge: Judge) -> None:
        """Answer a line as the device would have: echo, what it says, prompt."""
        grammar = self.platform.exec
        says = ""
        if act is Act.ENTER:
            says = grammar.virtual_greeting
        elif act is Act.LEAVE:
            self.virtual = False
        elif self.virtual:
            text = line.decode("utf-8").strip()
            says = next((answer for pattern, answer in grammar.answers.items() if re.search(pattern, text)), "")
        elif classify(line, grammar).kind is Kind.SAVE:
            says = "[OK]"
        self.answers.append(
            line[self._echoed :] + b"\r\n" + (says.encode() + b"\r\n" if says else b"") + self._virtual_prompt(judge)
        )

    def _virtual_prompt(self, judge: Judge) -> bytes:
        if not self.virtual:
            return self.prompt
        if judge.in_text:
            return b""
        base = self.prompt.strip().rstrip(b"#>").decode("utf-8", "replace")
        return self.platform.exec.virtual_prompt.format(base=base).encode()
