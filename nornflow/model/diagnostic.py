"""Where something stands in a document, and what is wrong with it there."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from nornflow.errors import NornFlowError
from nornflow.record import record


class Severity(StrEnum):
    """How bad a diagnostic is; only errors stop a workflow from being used."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@record
class Location:
    """A place in a file; line and column count from 1, 0 means "the whole file"."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


NOWHERE = Location("")
"""The place of what was made by code and not read from a file."""


@record
class Diagnostic:
    """One problem of a document: a stable code, the place, what was found, what was expected and the way out."""

    code: str
    message: str
    location: Location
    severity: Severity = Severity.ERROR
    found: str = ""
    expected: str = ""
    suggestion: str = ""
    hint: str = ""


class InvalidDocument(NornFlowError):
    """A document did not compile; `diagnostics` holds every problem, not only the first."""

    exit_code = 2
    reason = "invalid-document"

    def __init__(self, message: str, *, diagnostics: Sequence[Diagnostic] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = tuple(diagnostics)
