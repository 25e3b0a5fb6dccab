"""The command line of a simulated router: modes, answers and error markers, without any input or output of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nornflow.record import record
from nornflow.testing.routers import filters
from nornflow.testing.routers.config import Cursor, Rejected
from nornflow.testing.routers.device import Router
from nornflow.testing.routers.exec_commands import ACTIONS, exec_grammar
from nornflow.testing.routers.grammar import Ambiguous, Incomplete, Invalid, Unparsed
from nornflow.testing.routers.interface_views import addresses
from nornflow.testing.routers.ios_grammar import Mode
from nornflow.testing.routers.ranges import interface_range
from nornflow.testing.routers.views import VIEWS

Question = Callable[[str], "Reply"]


@record
class Reply:
    """What the device answers: its text, whether the session or all sessions end, and a question that it asks."""

    text: str = ""
    ends: bool = False
    reloads: bool = False
    asks: Question | None = None
    hidden: bool = False


@dataclass
class Shell:
    """One session's place in the command line of a router.

    `execute` takes a whole line and returns the reply. A reply that asks something takes the next line as its answer.
    """

    router: Router
    privileged: bool = True
    page_length: int = 24
    configuring: bool = False
    cursor: Cursor = ()
    others: tuple[Cursor, ...] = ()
    history: list[str] = field(default_factory=list)
    session: int = 0

    @property
    def prompt(self) -> str:
        """The prompt of the mode that the session is in; IOS cuts long names in configuration mode."""
        fault = self.router.faults.get("prompt")
        if fault is not None:
            return fault.text or "rommon 1 > "
        name = self.router.hostname
        if not self.configuring:
            return f"{name[:63]}{'#' if self.privileged else '>'}"
        mode = self.router.mode(self.cursor)
        assert isinstance(mode, Mode)
        return f"{name[:20]}({mode.prompt}{'-range' if self.others else ''})#"

    def execute(self, line: str) -> Reply:
        """Run one line and return the answer."""
        command = line.strip()
        if not command or command.startswith("!"):
            return Reply()
        self.history.append(command)
        with self.router.lock:
            self.router.hear(self.session, command, configuring=self.configuring)
            if self.configuring:
                return self._configure(line)
            return self._run(line, len(self.prompt))

    def end(self) -> None:
        """Leave configuration mode, as ctrl-Z does."""
        self.configuring, self.cursor, self.others = False, (), ()

    def help(self, line: str) -> str:
        """Return what may come next on an unfinished line, as `?` shows it."""
        grammar = self.router.mode(self.cursor).grammar if self.configuring else exec_grammar(self.privileged)
        try:
            return "".join(f"  {word}\n" for word in grammar.completions(line)) or "% Unrecognized command\n"
        except Unparsed:
            return "% Unrecognized command\n"

    def _configure(self, line: str) -> Reply:
        command = line.strip()
        low = command.lower()
        if low == "end":
            self.end()
        elif low in ("exit", "exi", "ex", "exit-address-family", "exit-vrf", "quit"):
            self._leave_section()
        elif re.match(r"do\s", low):
            offset = len(line) - len(line.lstrip()) + 2
            return self._run(" " * offset + line[offset:], len(self.prompt))
        elif banner := re.match(r"(ban\w*\s+(?:mo\w*|lo\w*|ex\w*))\s+(\^C|\S)(.*)", command, re.IGNORECASE | re.DOTALL):
            return self._banner(*banner.groups())
        else:
            return self._line(line)
        return Reply()

    def _leave_section(self) -> None:
        self.others = ()
        if self.cursor:
            self.cursor = self.cursor[:-1]
        else:
            self.end()

    def _banner(self, start: str, delimiter: str, text: str) -> Reply:
        """Read a banner until its delimiter comes again, over as many lines as it takes."""
        body, closed, _ = text.partition(delimiter)
        if closed:
            return self._line(f"{start} ^C{body}^C")
        note = "" if "\n" in text else f"Enter TEXT message.  End with the character '{delimiter}'.\n"
        return Reply(note, asks=lambda more: self._banner(start, delimiter, f"{text}\n{more}"))

    def _line(self, line: str) -> Reply:
        counters = self.router.counters
        rejecting = self.router.faults.get("reject")
        if rejecting is not None and re.search(rejecting.at, line.strip()):
            counters.rejected_lines += 1
            return Reply(rejecting.text + "\n" if rejecting.text else _marker(len(self.prompt) + _indent(line)))
        try:
            names = interface_range(line)
            if names is not None:
                self.cursor, *others = [self.router.config.apply((), f"interface {name}") for name in names]
                self.others = tuple(others)
            else:
                self._apply(line)
        except Unparsed as error:
            counters.rejected_lines += 1
            return Reply(_complaint(error, len(self.prompt)))
        except Rejected as refusal:
            counters.rejected_lines += 1
            return Reply(str(refusal))
        counters.config_lines += 1
        return Reply()

    def _apply(self, line: str) -> None:
        """Give the line to the open section, and to the others of an interface range while it stays in them."""
        before = self.cursor
        self.cursor = self.router.config.apply(before, line)
        if self.cursor != before:
            self.others = ()
        for cursor in self.others:
            self.router.config.apply(cursor, line)

    def _run(self, line: str, offset: int) -> Reply:
        command, pipe, output_filter = line.partition("|")
        try:
            match = exec_grammar(self.privileged).match(command)
        except Unparsed as error:
            bare = command.strip()
            if bare in self.router.outputs:
                return Reply(self.router.outputs[bare])
            return Reply(_complaint(error, offset))
        assert match.rule is not None
        pattern = match.rule.pattern
        if pattern in VIEWS:
            text = self.router.outputs.get(" ".join(match.words)) or VIEWS[pattern](self.router, match.words)
            try:
                return Reply(filters.filtered(text, output_filter) if pipe else text)
            except filters.BadFilter as bad:
                return Reply(_marker(offset + len(command) + 1 + bad.offset))
        if "readonly" in self.router.faults and ACTIONS[pattern] in ("configure", "save", "copy", "erase", "reload"):
            return Reply("% Authorization failed.\n\n")
        action: Callable[[Sequence[str]], Reply] = getattr(self, f"_do_{ACTIONS[pattern]}")
        return action(match.words)

    def _do_nothing(self, words: Sequence[str]) -> Reply:
        return Reply()

    def _do_configure(self, words: Sequence[str]) -> Reply:
        if len(words) == 1:
            return Reply(
                "Configuring from terminal, memory, or network [terminal]? ",
                asks=lambda answer: self._do_configure(("configure", "terminal")),
            )
        self.configuring, self.cursor = True, ()
        return Reply("Enter configuration commands, one per line.  End with CNTL/Z.\n")

    def _do_save(self, words: Sequence[str]) -> Reply:
        self.router.save()
        return Reply("Building configuration...\n[OK]\n")

    def _do_copy(self, words: Sequence[str]) -> Reply:
        return Reply("Destination filename [startup-config]? ", asks=self._do_save)

    def _do_erase(self, words: Sequence[str]) -> Reply:
        def erase(answer: str) -> Reply:
            if answer.strip().lower() not in ("", "y", "yes"):
                return Reply()
            self.router.startup = []
            return Reply("[OK]\nErase of nvram: complete\n")

        question = "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]"
        return Reply(question, asks=erase)

    def _do_reload(self, words: Sequence[str]) -> Reply:
        def confirmed(answer: str) -> Reply:
            return Reply("\n", reloads=True) if answer.strip().lower() in ("", "y", "yes") else Reply()

        def modified(answer: str) -> Reply:
            if answer.strip().lower().startswith("y"):
                self.router.save()
            return Reply("Proceed with reload? [confirm]", asks=confirmed)

        if self.router.unsaved:
            return Reply("System configuration has been modified. Save? [yes/no]: ", asks=modified)
        return Reply("Proceed with reload? [confirm]", asks=confirmed)

    def _do_length(self, words: Sequence[str]) -> Reply:
        self.page_length = int(words[2])
        return Reply()

    def _do_width(self, words: Sequence[str]) -> Reply:
        return Reply()

    def _do_enable(self, words: Sequence[str]) -> Reply:
        secret = self.router.enable_secret
        if self.privileged or secret is None:
            self.privileged = True
            return Reply()

        def answered(tries: int, answer: str) -> Reply:
            if answer.strip() == secret:
                self.privileged = True
                return Reply()
            if tries == 1:
                return Reply("% Bad secrets\n\n")
            return Reply("Password: ", asks=lambda more: answered(tries - 1, more), hidden=True)

        return Reply("Password: ", asks=lambda answer: answered(3, answer), hidden=True)

    def _do_disable(self, words: Sequence[str]) -> Reply:
        self.privileged = False
        return Reply()

    def _do_leave(self, words: Sequence[str]) -> Reply:
        return Reply(ends=True)

    def _do_history(self, words: Sequence[str]) -> Reply:
        return Reply("".join(f"  {command}\n" for command in self.history[-20:]))

    def _do_ping(self, words: Sequence[str]) -> Reply:
        target = next(word for word in words[1:] if word != "ip")
        known = {str(address.ip) for router in self.router.neighbourhood.routers() for _, address in addresses(router)}
        answers = target in known or target in (self.router.neighbourhood.ntp_reachable or ())
        marks, rate = (
            ("!!!!!", "100 percent (5/5), round-trip min/avg/max = 1/1/2 ms")
            if answers
            else (".....", "0 percent (0/5)")
        )
        return Reply(
            f"Type escape sequence to abort.\nSending 5, 100-byte ICMP Echos to {target}, timeout is 2 seconds:\n"
            f"{marks}\nSuccess rate is {rate}\n"
        )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _marker(column: int) -> str:
    return f"{' ' * column}^\n% Invalid input detected at '^' marker.\n\n"


def _complaint(error: Unparsed, offset: int) -> str:
    match error:
        case Incomplete():
            return "% Incomplete command.\n\n"
        case Ambiguous():
            return f'% Ambiguous command:  "{error.typed.strip()}"\n'
        case Invalid():
            return _marker(offset + error.column)
    raise error
