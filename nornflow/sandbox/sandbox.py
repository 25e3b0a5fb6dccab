"""The sandbox of a run on this machine: programs, scripts, files and requests, each held against the profile first."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Self

from nornflow.abc import Cancellation, Sandbox
from nornflow.errors import NornFlowError, PolicyDenied, StepCancelled, StepError, UsageError
from nornflow.model.profile import Profile
from nornflow.model.sandbox import HttpResult, ProgramResult
from nornflow.policy.permissions import effective
from nornflow.redaction import Redactor
from nornflow.sandbox import commands, http, process
from nornflow.sandbox.files import Files
from nornflow.sandbox.text import LONGEST_LINE, clean_line

_FRAMING = frozenset(("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"))
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_SECRETS = "NORNFLOW_"  # variables whose value a workflow may send somewhere; no others of the controller's
_LONGEST_REQUEST = 300.0
_BASH = re.compile(r"#!\s*\S*\bbash\b")


class LocalSandbox(Sandbox):
    """Runs children of this process, under one profile; made per run, or per step when the step lowers the profile.

    `permissions` narrows the profile further (workflow and user); `readable` are folders besides workspace and project that
    files may be read from (the workflow's own); `domains` are added to the profile's (setting `allowed_domains`), where it
    has a list. `environment` is the surrounding one, of which only PATH and the language are taken. `emit` gets each line
    of live output, already masked, without control characters and cut. `outbound` false forbids every request.
    """

    def __init__(
        self,
        profile: Profile,
        permissions: Collection[str] | None = None,
        *,
        workspace: Path,
        project: Path,
        readable: Sequence[Path] = (),
        domains: Sequence[str] = (),
        longest_line: int = LONGEST_LINE,
        environment: Mapping[str, str] | None = None,
        redactor: Redactor | None = None,
        emit: Callable[[str], None] = lambda line: None,
        cancellation: Cancellation | None = None,
        outbound: bool = True,
    ) -> None:
        self._profile = profile
        self._allowance = effective(profile, permissions)
        self._files = Files(workspace, project, profile.max_file_size_mb, readable)
        self._domains = None if profile.domains is None else (*profile.domains, *domains)
        self._redactor = redactor or Redactor()
        self._emit = emit
        self._longest_line = longest_line
        self._cancellation = cancellation
        self._outbound = outbound
        around = os.environ if environment is None else environment
        self._base = {
            "PATH": commands.clean_path(around.get("PATH", ""), [self._files.workspace]),
            "HOME": str(self._files.workspace),
            "LANG": around.get("LANG") or "C.UTF-8",
        }

    def speaking_to(self, emit: Callable[[str], None]) -> Self:
        """Return this sandbox with other ears for its live output: making one anew looks at every folder of PATH."""
        other = copy(self)
        other._emit = emit
        return other

    def program(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> ProgramResult:
        """Run a program without a shell; needs `shell.execute` and the profile's command list."""
        self._require("shell.execute", f"running {argv[0]!r}" if argv else "running a program")
        if not argv:
            raise UsageError("the command is empty", hint="name a program")
        folder = self._files.folder(cwd)
        variables = self._environment(environment)
        program = commands.resolve(argv[0], self._base["PATH"], folder, self._profile.commands, self._profile.name)
        return self._run(program, argv, folder, variables, timeout)

    def script(
        self,
        text: str,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stdin: str = "",
    ) -> ProgramResult:
        """Run a shell script with `-eu` (bash when its first line asks for it); needs `shell.script`."""
        self._require("shell.script", "running a script")
        folder = self._files.folder(cwd)
        variables = self._environment(environment)
        shell, *options = ("/bin/bash", "-eu", "-o", "pipefail") if _BASH.match(text) else ("/bin/sh", "-eu")
        name = f".script-{os.urandom(6).hex()}"
        made = [self._files.write_text(name, text, mode=0o600)]
        try:
            if stdin:
                made.append(self._files.write_text(f"{name}.in", stdin, mode=0o600))
            argv = [Path(shell).name, *options, str(made[0])]
            return self._run(shell, argv, folder, variables, timeout, stdin=made[1:])
        finally:
            for file in made:
                with suppress(FileNotFoundError):
                    file.unlink()

    def read_text(self, path: str) -> str:
        """Read a UTF-8 file of the workspace or the project; needs `file.read`; symlinks out of there are refused."""
        self._require("file.read", f"reading {path!r}")
        return self._files.read_text(path)

    def write_text(self, path: str, text: str, *, mode: int = 0o644) -> Path:
        """Write a file into the run's workspace, atomically; needs `file.write`."""
        self._require("file.write", f"writing {path!r}")
        return self._files.write_text(path, text, mode)

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
        """Send an HTTP request; needs `http.request` and the profile's domains, checked again at each redirect."""
        self._require("http.request", f"a request to {http.shown(url)}")
        if not self._outbound:
            raise PolicyDenied(
                f"requests are switched off, so {http.shown(url)} is not called",
                hint="set `allow_outbound_requests: true` in the settings",
            )
        if method.upper() not in _METHODS:
            raise UsageError(f"{method!r} is not a method of a request", hint=f"methods are: {', '.join(_METHODS)}")
        framing = sorted(name for name in headers or {} if name.strip().lower() in _FRAMING)
        if framing:
            raise PolicyDenied(
                f"the header {framing[0]} is not a step's to set: it decides where a request goes or where it ends",
                hint="the address says the host; length and encoding follow from the body",
            )
        if login is not None:
            headers = {**(headers or {}), "Authorization": self._basic(*login)}
        self._go_on()
        try:
            return http.send(
                method.upper(),
                url,
                headers=headers or {},
                body=body,
                timeout=min(timeout, _LONGEST_REQUEST, self._profile.max_step_duration),
                check=lambda target: http.check_url(target, self._domains, self._profile.name),
                cancellation=self._cancellation,
                verify=verify,
            )
        except NornFlowError as error:
            raise type(error)(self._redactor.text(error.message), hint=error.hint) from None

    def _run(
        self,
        program: str,
        argv: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        timeout: float | None,
        stdin: Sequence[Path] = (),
    ) -> ProgramResult:
        self._go_on()
        limits = process.Limits(
            seconds=min(timeout or self._profile.max_step_duration, self._profile.max_step_duration),
            memory_mb=self._profile.max_memory_mb,
            file_size_mb=self._profile.max_file_size_mb,
        )
        try:
            order = process.Order(program, argv, cwd, environment, limits, *stdin)
            return process.run(order, self._show, self._cancellation)
        except NornFlowError as error:
            raise type(error)(self._redactor.text(error.message), hint=error.hint) from None

    def _basic(self, username: str, variable: str) -> str:
        self._require("secret.read", f"the password in {variable}")
        if not variable.startswith(_SECRETS):
            raise PolicyDenied(
                f"the environment variable {variable} is not for steps",
                hint=f"name it {_SECRETS}..., to say that it is",
            )
        password = os.environ.get(variable)
        if password is None:
            raise StepError(f"the environment variable {variable} is not set", hint="set it to the user's password")
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        for secret in (password, token):
            self._redactor.add(secret)
        return f"Basic {token}"

    def _show(self, line: str) -> None:
        self._emit(clean_line(self._redactor.text(line), self._longest_line))

    def _environment(self, declared: Mapping[str, str] | None) -> dict[str, str]:
        return commands.child_environment(self._base, declared or {}, trusted=self._profile.commands is None)

    def _go_on(self) -> None:
        if self._cancellation is not None and self._cancellation.aborted:
            raise StepCancelled("the run was cancelled")

    def _require(self, permission: str, action: str) -> None:
        ruling = self._allowance.judge(permission)
        if not ruling.allowed:
            raise PolicyDenied(
                f"{action} needs {permission}, which is not allowed under profile {self._profile.name!r}:"
                f" {ruling.rule} [{ruling.where}]",
                hint=ruling.hint,
            )
