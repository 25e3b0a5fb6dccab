"""What the engine works with: everything it needs from outside, handed in by whoever builds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

from nornflow.abc import Devices, Gate, Journal, ResultCache, Sandbox, StepType, Twin, Waits
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.journal import Logbook, NoJournal
from nornflow.engine.shards.shards import Here, Shards
from nornflow.engine.turns import Turns
from nornflow.model.plan import Plan
from nornflow.model.profile import Profile
from nornflow.model.step import Step
from nornflow.planning.premise import Supposed
from nornflow.record import record
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.templating import Renderer

SandboxFactory = Callable[[Profile, frozenset[str], str, Callable[[str], None]], Sandbox]
"""Makes the sandbox of one step: profile, permissions, step id, and where lines of live output go."""

Premise = Callable[[str, str], Supposed | None]
"""Takes a device and its running configuration and returns what is supposed instead, None for just that; raises PlanStale."""


@record
class Results:
    """Where results are kept between runs, and what else than the workflow says whether one is still the same.

    `made_by` names, as plain data, the code that does a step: plugin, distribution and versions. `files` returns digests of
    the files that parameters name.
    """

    kept: ResultCache
    made_by: Callable[[Step], Any]
    files: Callable[[Any], Iterable[str]]


@record
class Tools:
    """The engine's surroundings for one run; `clock` gives UTC, for people, `monotonic` seconds that only go up.

    `sleep` waits seconds between two attempts, `soak` between two batches; they are True when cut short.
    `question` asks a human (with a text) whether to go on, None when there is nobody to ask; `approve` is shown the plan
    before anything is changed; `default_timeout` (seconds) is for workflows that ask for none; in the `journal` the run
    writes down what it does to devices before it does it.
    """

    step_types: Mapping[str, StepType]
    profiles: Mapping[str, Profile]
    gates: tuple[Gate, ...]
    devices: Devices | None
    evaluator: Evaluator
    renderer: Renderer
    sandbox: SandboxFactory
    emitter: Emitter
    switch: StopSwitch
    results: Results | None
    clock: Callable[[], datetime]
    sleep: Callable[[float], bool]
    soak: Callable[[float], bool]
    approve: Callable[[Plan, bool], bool]
    question: Callable[[str], bool | None]
    default_timeout: float = 3600.0
    turns: Turns | None = None
    """Where the run queues for its profile and its devices; None when it shares them with nobody."""
    keyed: Callable[[str], str] = lambda line: ""
    """Returns the keyed digest of a line that holds a secret, as a sealed plan has it."""
    premise: Premise | None = None
    """Says what a device is taken to have while it is planned, when that is not what it has."""
    journal: Journal = field(default_factory=NoJournal)
    waits: Waits | None = None
    """Where it is kept what the run waits for; None when nobody could answer."""
    monotonic: Callable[[], float] = time.monotonic
    shards: Shards = field(default_factory=Here)
    """Who works on the devices: this process, or others that share them among themselves."""
    twins: Sequence[Twin] = ()
    """What a change can be played on while it is planned."""

    @property
    def log(self) -> Logbook:
        """The run's journal in the engine's words."""
        return Logbook(self.journal, self.emitter)
