"""A workflow that a step of another one calls: the namespace of its steps, and under what it was called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from nornflow.model.diagnostic import NOWHERE, Location
from nornflow.model.inputs import Input, Output
from nornflow.model.rollout import Targets
from nornflow.record import record


@record
class Frame:
    """One call of a workflow. Its steps stand in the caller's graph, with ids that begin with the frame's `id` and a dot.

    `call` is the step that calls, which has the results; it stands in the frame `outer` ("" for the workflow that is run).
    `given` are the values of its inputs as they are written, rendered with what `outer` sees, and of the steps there with
    those in `seen`. `when` (an expression of `outer`) and `targets` say on which devices the steps are done at all.
    `environments` are those of the call and of the called workflow. With `for_each` the frame stands for as many as there
    are items, which is known when the inputs are; then each has its `item` (a `written` one may have templates) and `index`.
    `path` is the whole path of its `file`.
    """

    id: str
    outer: str
    call: str
    name: str
    version: str
    description: str = ""
    author: str = ""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    when: str = ""
    targets: Targets = field(default_factory=Targets)
    environments: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    for_each: Any = None
    item: Any = None
    written: bool = False
    index: int | None = None
    file: str = ""
    path: str = ""
    location: Location = NOWHERE

    @property
    def folder(self) -> str:
        """The folder that the workflow's file lies in."""
        return os.path.dirname(self.path)

    def holds(self, frame: str) -> bool:
        """Tell whether a frame is this one, or one that is called from inside of it."""
        return frame == self.id or frame.startswith(f"{self.id}.")

    def local(self, step: str) -> str:
        """Return the id of one of its steps as the called workflow has it."""
        return step[len(self.id) + 1 :]
