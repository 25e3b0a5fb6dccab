"""Checks workflow files: loads and compiles each one and keeps everything that is to be said about it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from nornflow.abc import StepType
from nornflow.errors import UsageError
from nornflow.model.diagnostic import InvalidDocument
from nornflow.model.pool import Amounts
from nornflow.registration import Check, TemplateFilter
from nornflow.workflow.compiler import check_workflow
from nornflow.workflow.diagnostics import problem
from nornflow.workflow.document import Document
from nornflow.workflow.library import Library
from nornflow.workflow.loader import load
from nornflow.workflow.reports import FileResult
from nornflow.workflow.resources import impossible

SUFFIXES = (".yaml", ".yml", ".json")


class Language(Protocol):
    """What workflows are checked against: the step types, checks, filters and profiles of a project."""

    @property
    def step_types(self) -> Mapping[str, StepType]:
        """Every installed step type by name."""

    @property
    def absent(self) -> Mapping[str, str]:
        """The step types that a plugin would bring, each with the reason why it does not."""

    @property
    def library(self) -> Library:
        """The workflows that workflows may call."""

    @property
    def checks(self) -> Sequence[Check]:
        """The further diagnostics that plugins brought."""

    @property
    def filters(self) -> Sequence[TemplateFilter]:
        """The template filters that plugins brought."""

    @property
    def profiles(self) -> Collection[str]:
        """The names of the profiles that exist."""

    @property
    def pools(self) -> Amounts:
        """How much there is of what runs share."""


def workflow_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files to check: files as they are named, and every YAML and JSON file in a folder that is named.

    Hidden folders are left out. Raises UsageError for a folder without such files; a missing file is kept, so that it is
    reported like every other fault of a file.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        inside: list[Path] = []
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside.extend(Path(folder, name) for name in sorted(names) if name.endswith(SUFFIXES))
        if not inside:
            raise UsageError(f"there is no workflow in {path}", hint=f"workflows end in {', '.join(SUFFIXES)}")
        found.update(dict.fromkeys(inside))
    return list(found)


def validate_file(path: Path, language: Language) -> tuple[FileResult, Document | None]:
    """Return what there is to say about one file, and the document when it could be loaded."""
    try:
        document = load(path)
    except InvalidDocument as error:
        return FileResult(str(path), None, error.diagnostics, _text_of(path)), None
    workflow, diagnostics = check_workflow(
        document,
        language.step_types,
        language.checks,
        language.profiles,
        language.filters,
        language.absent,
        language.library,
    )
    return FileResult(str(path), workflow, diagnostics, document.source), document


def validate_run(path: Path, language: Language) -> tuple[FileResult, Document | None]:
    """As `validate_file`, for a workflow that is run by itself: what it asks the pools for must be there."""
    result, document = validate_file(path, language)
    why = impossible(result.workflow.asks.wants, language.pools) if result.workflow is not None else None
    if why is None or document is None:
        return result, document
    found = problem("NF609", f"`resources`: {why[0]}", document.at(("resources",)), hint=why[1])
    return replace(result, workflow=None, diagnostics=(*result.diagnostics, found)), document


def _text_of(path: Path, limit: int = 1024 * 1024) -> str:
    """Return a refused file's text for quoting lines of it; empty when it cannot be read or is too large for that."""
    try:
        if not path.is_file() or path.stat().st_size > limit:
            return ""
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return ""
