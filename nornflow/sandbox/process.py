"""Child processes: started through the supervisor, read line by line, ended as a whole family."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nornflow.abc import Cancellation
from nornflow.errors import ResourceExhausted, StepCancelled, StepError, StepTimeout
from nornflow.model.sandbox import ProgramResult
from nornflow.record import record
from nornflow.sandbox.supervisor import descendants
from nornflow.sandbox.text import LineStream, clean_line

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PATIENCE = 10.0  # seconds that the supervisor has to report after everything should be over
_MIB = 1024 * 1024


@record
class Limits:
    """What a child may use: seconds, MiB, processes of the whole family, and bytes of each output stream."""

    seconds: float
    memory_mb: int
    file_size_mb: int
    processes: int = 256
    output_bytes: int = 16 * _MIB
    grace: float = 2.0


@record
class Order:
    """One program to run: the file to execute, its words, folder and whole environment, and the file it reads from."""

    program: str
    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    limits: Limits
    stdin: Path = Path(os.devnull)


def run(order: Order, emit: Callable[[str], None], cancellation: Cancellation | None = None) -> ProgramResult:
    """Run a program to its end and return its exit code and output; a signal is a negative exit code.

    Raises StepTimeout, StepCancelled and ResourceExhausted after everything the program started has been killed, and
    StepError when it could not be started.
    """
    status_reader, status_writer = os.pipe()
    try:
        supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR), str(status_writer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(status_writer,),
            env={},
            start_new_session=True,
            bufsize=0,
        )
    finally:
        os.close(status_writer)
    conversation = _Conversation(supervisor, status_reader, order, emit)
    release = cancellation.on_abort(conversation.cancel) if cancellation else lambda: None
    try:
        return conversation.hold()
    finally:
        release()
        conversation.close()


class _Conversation:
    """The talk with one supervisor: the order, the output, the report."""

    def __init__(
        self, supervisor: subprocess.Popen[bytes], status: int, order: Order, emit: Callable[[str], None]
    ) -> None:
        assert supervisor.stdin is not None
        assert supervisor.stdout is not None
        assert supervisor.stderr is not None
        self._supervisor = supervisor
        self._control = supervisor.stdin
        self._status = os.fdopen(status, "rb", buffering=0)
        self._order = order
        self._streams = {supervisor.stdout: bytearray(), supervisor.stderr: bytearray()}
        self._lines = {stream: LineStream(emit) for stream in self._streams}
        self._report: dict[str, Any] = {}
        self._reported = b""
        self._overflow = False
        self._lock = threading.Lock()
        self._ordered = self._cancelled = False

    def hold(self) -> ProgramResult:
        """Send the order and listen until the report is there and both streams have ended."""
        limits = self._order.limits
        memory, size = limits.memory_mb * _MIB, limits.file_size_mb * _MIB
        message = {
            "program": self._order.program,
            "argv": list(self._order.argv),
            "cwd": str(self._order.cwd),
            "environment": dict(self._order.environment),
            "stdin": str(self._order.stdin),
            "timeout": limits.seconds,
            "grace": limits.grace,
            "memory": memory,
            "processes": limits.processes,
            # processor time is a backstop behind the deadline: threads on every core must not reach it earlier
            "limits": {
                "AS": memory,
                "FSIZE": size,
                "CORE": 0,
                "CPU": (int(limits.seconds) + 1) * (os.cpu_count() or 1),
            },
        }
        with self._lock:
            self._ordered = True
            self._say(json.dumps(message).encode() + b"\n" + (b"cancel\n" if self._cancelled else b""))
        self._listen(time.monotonic() + limits.seconds + limits.grace + _PATIENCE)
        for lines in self._lines.values():
            lines.finish()
        return self._result()

    def cancel(self) -> None:
        """Ask for an orderly end; called from another thread, perhaps before the order was given."""
        with self._lock:
            self._cancelled = True
            if self._ordered:
                self._say(b"cancel\n")

    def close(self) -> None:
        """Make sure that nothing of this conversation is left."""
        with suppress(OSError):
            self._control.close()
        try:
            self._supervisor.wait(timeout=_PATIENCE if "ended" in self._report else 1.0)
        except subprocess.TimeoutExpired:  # a program may have stopped its supervisor: the process behind that goes on
            for pid in descendants(self._supervisor.pid):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self._end_supervisor()
        if "ended" not in self._report and "started" in self._report:
            with suppress(ProcessLookupError, PermissionError):  # the supervisor was killed: its group must not live on
                os.killpg(self._report["started"], signal.SIGKILL)
        for stream in (*self._streams, self._status):
            stream.close()

    def _end_supervisor(self) -> None:
        try:
            self._supervisor.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()

    def _say(self, words: bytes) -> None:
        with suppress(OSError, ValueError):  # a supervisor that is gone says so on the status pipe
            self._control.write(words)

    def _listen(self, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            for source in (*self._streams, self._status):
                selector.register(source, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    return
                for key, _ in ready:
                    piece = os.read(key.fd, 65536)
                    if not piece:
                        selector.unregister(key.fileobj)
                        if key.fileobj is self._status:  # all is over, or the supervisor was killed
                            deadline = min(deadline, time.monotonic() + 1.0)
                    elif key.fileobj is self._status:
                        self._hear(piece)
                    else:
                        self._take(key.fileobj, piece)

    def _hear(self, piece: bytes) -> None:
        *lines, self._reported = (self._reported + piece).split(b"\n")
        for line in lines:
            self._report.update(json.loads(line))

    def _take(self, stream: Any, piece: bytes) -> None:
        kept = self._streams[stream]
        if len(kept) + len(piece) > self._order.limits.output_bytes:
            if not self._overflow:
                self._overflow = True
                self._say(b"kill\n")
            return
        kept += piece
        self._lines[stream].feed(piece)

    def _result(self) -> ProgramResult:
        name, limits = Path(self._order.program).name, self._order.limits
        if "error" in self._report:
            raise StepError(
                f"{name} could not be started: {self._report['error']}",
                hint="check the program and `working_directory`",
            )
        stdout, stderr = (bytes(kept).decode("utf-8", "replace") for kept in self._streams.values())
        if "ended" not in self._report:
            last = clean_line(stderr.strip().rpartition("\n")[2], 200)
            raise StepError(
                f"the supervisor of {name} ended without a report{f': {last}' if last else ''}",
                hint="it was killed from outside; run the step again",
            )
        code, why = int(self._report["ended"]), self._report["why"]
        usage = {"cpu_seconds": self._report["cpu"], "max_memory_mb": round(self._report["peak_mb"], 1)}
        if why == "timeout":
            raise StepTimeout(
                f"{name} was ended after {limits.seconds:g} s", hint="raise the step's `timeout:` (the profile caps it)"
            )
        if why in ("cancel", "orphaned"):
            raise StepCancelled(f"{name} was ended because the run was cancelled")
        if limit := _exhausted(code, why, stderr, usage["max_memory_mb"], limits, self._overflow):
            last = clean_line(stderr.strip().rpartition("\n")[2], 200)
            raise ResourceExhausted(
                f"{name} was stopped by the profile's {limit}{f': {last}' if last else ''}",
                hint="let it do less at a time, or take a profile with a larger limit",
            )
        return ProgramResult(code, stdout, stderr, usage)


_MEMORY_WORDS = (
    "MemoryError",
    "Cannot allocate memory",
    "out of memory",
    "Out of memory",
    "bad_alloc",
    "memory exhausted",
)


def _exhausted(code: int, why: str, stderr: str, peak_mb: float, limits: Limits, overflow: bool) -> str:
    """Name the limit that ended a program, or nothing.

    A program that may not have more memory or a longer file gets an error from the kernel and fails in its own words: that
    is told by those words, or by a peak next to the limit, and only when it failed.
    """
    if overflow:
        return f"limit of {limits.output_bytes // _MIB} MiB of output"
    if why == "processes":
        return f"limit of {limits.processes} processes"
    tail = stderr[-4000:]
    if why == "memory" or (
        code != 0 and (peak_mb >= 0.95 * limits.memory_mb or any(word in tail for word in _MEMORY_WORDS))
    ):
        return f"memory limit of {limits.memory_mb} MiB"
    if code == -signal.SIGXFSZ or (code != 0 and ("File too large" in tail or code == 128 + signal.SIGXFSZ)):
        return f"file size limit of {limits.file_size_mb} MiB"
    return ""
