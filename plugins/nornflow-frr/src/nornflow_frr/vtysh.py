"""Typing configuration lines into a scratch router's vtysh, one by one, as they are typed on a router."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections.abc import Callable, Sequence

from nornflow import DeviceError, LineRejected
from nornflow_frr.world import ENVIRONMENT

_PROMPT = re.compile(r"(?:\A|\n)[^\s#>]*?(?P<mode>\(config[^)\s]*\))?# \Z")
_REFUSED = re.compile(
    r"^(?:\s*%(?!\s*[Ww]arning|\s*[Nn]ote|\s*OSPF: Reference bandwidth)"
    r"|BGP is already running|Malformed |Invalid |Configuration failed).*",
    re.MULTILINE,
)
"""Answers that refuse a line; the others that begin with a percent sign say something beside it."""
_ELSEWHERE = re.compile(r"\s*do?(\s|$)")
"""Lines that leave the configuration: `do` and what is short for it."""
_SECONDS = 20.0


def type_lines(words: Sequence[str], lines: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
    """Start vtysh by these words and type the lines in configuration mode; LineRejected at the first that is refused.

    Nothing is typed outside of configuration mode: where a line left it, it is entered again before the next. DeviceError
    when vtysh ends, or does not come back to its prompt.
    """
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0, env=ENVIRONMENT
    )
    try:
        dialog = _Dialog(process, clock() + _SECONDS, clock)
        dialog.answer()
        for line in lines:
            if not line.strip() or line.strip() == "end":
                continue
            if _ELSEWHERE.match(line) or not line.isprintable():
                raise LineRejected(f"the twin does not type {line!r}: it is no configuration", line=line.strip())
            if not dialog.configuring:
                dialog.ask("configure terminal")
            refused = _REFUSED.search(dialog.ask(line))
            if refused is not None:
                raise LineRejected(
                    f"the twin refused the line {line.strip()!r}: {refused[0]}", line=line.strip(), marker=refused[0]
                )
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


class _Dialog:
    """What is said to a vtysh and what it answers, up to its next prompt."""

    def __init__(self, process: subprocess.Popen[bytes], until: float, clock: Callable[[], float]) -> None:
        self._process = process
        self._until = until
        self._clock = clock
        self.configuring = False

    def ask(self, line: str) -> str:
        """Type a line and return what comes behind its echo."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except OSError as error:
            raise DeviceError(f"the twin's vtysh ended before {line.strip()!r}") from error
        return self.answer().partition("\n")[2]

    def answer(self) -> str:
        """Return what comes up to the next prompt."""
        assert self._process.stdout is not None
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                text = said.decode(errors="replace")
                prompt = _PROMPT.search(text)
                if prompt is not None:
                    self.configuring = prompt["mode"] is not None
                    return text
                if not selector.select(max(0.0, self._until - self._clock())):
                    raise DeviceError("the twin's vtysh does not answer any more")
                more = os.read(self._process.stdout.fileno(), 65536)
                if not more:
                    raise DeviceError("the twin's vtysh ended")
                said += more
