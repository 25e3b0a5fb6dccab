"""The sandbox while a step is planned: it reads, and it does nothing that could change a device or anything else outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from nornflow.abc import Sandbox
from nornflow.errors import NotWhilePlanning
from nornflow.model.sandbox import HttpResult, ProgramResult

_READS = frozenset(("GET", "HEAD"))
"""The safe methods of RFC 9110 that a step may use while it is planned."""


class ReadingSandbox(Sandbox):
    """Hands reads, and files of the run's own workspace, to the sandbox behind it and refuses all else."""

    def __init__(self, behind: Sandbox) -> None:
        self._behind = behind

    def program(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> ProgramResult:
        """Refuse: nobody knows what a program writes."""
        _refuse(f"running {argv[0]!r}" if argv else "running a program")

    def script(
        self,
        text: str,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stdin: str = "",
    ) -> ProgramResult:
        """Refuse: nobody knows what a script writes."""
        _refuse("running a script")

    def read_text(self, path: str) -> str:
        """Read a file."""
        return self._behind.read_text(path)

    def write_text(self, path: str, text: str, *, mode: int = 0o644) -> Path:
        """Write a file into the workspace of this very plan, where it changes nothing for anybody else."""
        return self._behind.write_text(path, text, mode=mode)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        timeout: float = 30.0,
        verify: bool = True,
        login: tuple[str, str] | None = None,
    ) -> HttpResult:
        """Send a GET or HEAD; refuse any other method."""
        if method.upper() not in _READS:
            _refuse(f"a {method.upper()} request")
        return self._behind.request(
            method, url, headers=headers, body=body, timeout=timeout, verify=verify, login=login
        )


def _refuse(what: str) -> NoReturn:
    raise NotWhilePlanning(
        f"{what} is not done while planning",
        hint="a step type that changes devices by it says in `plan()` what it would do, without doing it",
    )
