"""What somebody asks for when a change is planned or run, and how the run talks back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from nornflow.abc import Observer
from nornflow.engine.cancel import StopSwitch
from nornflow.model.plan import Plan
from nornflow.model.pool import Asked
from nornflow.record import record


@record
class Request:
    """What somebody asked for: the workflow's file, inputs (`key=value` or `@file.yaml`), and how to narrow it.

    `locked` says what is done about devices that another run holds (`wait`, `fail` or `skip`); empty leaves it to the
    setting. `values` are inputs that have their type already, beside those that are words. `asked` is what the run wants of
    the pools, instead of what its workflow says.
    """

    file: Path
    inputs: Sequence[str] = ()
    limit: str = ""
    profile: str = ""
    inventory: Path | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    locked: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    asked: Asked | None = None


@record
class Voices:
    """How a run talks to the outside: observers, the question before a change, and the switch that stops it.

    `question` is answered with None where there is nobody who could be asked. `notice` tells whoever starts a run of
    something beside it. `via` is by which means these voices approve a plan, for the record: `terminal`, `--yes`.
    """

    observers: Sequence[Observer] = ()
    approve: Callable[[Plan, bool], bool] = lambda plan, held: False
    question: Callable[[str], bool | None] = lambda text: None
    switch: StopSwitch = field(default_factory=StopSwitch)
    notice: Callable[[str], None] = lambda text: None
    via: str = ""
