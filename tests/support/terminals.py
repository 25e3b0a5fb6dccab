"""`nornflow run` on a terminal of its own, for tests that answer its questions and interrupt it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nornflow.testing.project import ProjectFolder


@dataclass
class Terminal:
    """`nornflow` on a terminal of its own: what it printed, and the words to answer and to interrupt."""

    process: subprocess.Popen[bytes]
    terminal: int
    seen: str = ""
    _read_to: int = field(default=0)

    def until(self, word: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while word not in self.seen[self._read_to :]:
            assert time.monotonic() < end, f"{word!r} did not come:\n{self.seen}"
            self._more()
        self._read_to = self.seen.index(word, self._read_to) + len(word)

    def _more(self) -> bool:
        if select.select([self.terminal], [], [], 0.2)[0]:
            try:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:  # the other end is closed: the process has ended
                time.sleep(0.01)
                return False
        return True

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = 30.0) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"the process goes on:\n{self.seen}"
            self._more()
        while select.select([self.terminal], [], [], 0)[0] and self._more():
            pass  # what it said last
        return self.process.returncode


@contextmanager
def terminal(site: ProjectFolder, *words: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "nornflow", "run", "change.yaml", *words],
        cwd=site.path,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
