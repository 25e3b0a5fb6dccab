"""A step of a compiled workflow, and what its edges and its failure mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from nornflow.model.diagnostic import NOWHERE, Location
from nornflow.model.inputs import Output
from nornflow.record import record


class Scope(StrEnum):
    """Whether a step runs once per device (as a Nornir task) or once per run.

    A step type may say `any`: the compiler makes it `device` when a step before it is, else `run`; a compiled step is
    never `any`.
    """

    DEVICE = "device"
    RUN = "run"
    ANY = "any"


class On(StrEnum):
    """Which end of the step before lets an edge of the graph be walked.

    ok: it succeeded (or its failure was rescued); failed: `rescue` steps; finished: `always` steps; then / else: the
    branches of a `conditional` step.
    """

    OK = "ok"
    FAILED = "failed"
    FINISHED = "finished"
    THEN = "then"
    ELSE = "else"


class OnFailure(StrEnum):
    """What a failure does: to the workflow (stop, continue, rollback) or in a step (fail, warn, continue)."""

    STOP = "stop"
    CONTINUE = "continue"
    ROLLBACK = "rollback"
    FAIL = "fail"
    WARN = "warn"


@record
class Edge:
    """A dependency on another step and the end of it that counts."""

    step: str
    on: On = On.OK


@record
class Retry:
    """How often a failed step is tried (the first time included) and how long is waited between, in seconds.

    backoff: fixed (delay), linear (delay, 2·delay ...), exponential (delay, 2·delay, 4·delay ...), never above `max_delay`.
    """

    attempts: int = 3
    delay: float = 30.0
    backoff: str = "fixed"
    max_delay: float = 3600.0
    on_failure: str = "retry"

    @property
    def tries(self) -> int:
        """How often the step is tried: once when a failure is to be borne (`continue`) or to count at once (`fail`)."""
        return self.attempts if self.on_failure == "retry" else 1


@record
class Cache:
    """Whether a step's result may be taken from an earlier run; `key` is a template, `ttl` in seconds."""

    enabled: bool = True
    key: str = ""
    ttl: int = 3600
    version: str = ""


@record
class Step:
    """One step of the graph; `params` are the keys of its step type, still with their templates in them.

    A `check` is a health check of the rollout: it is done behind each batch, and nothing but other checks waits for it.
    A step of a called workflow stands in a `frame`; then `under` are the profiles that the calls lower to, and `permitted`
    what the called workflows let their steps do, None when they say nothing of it.
    """

    id: str
    type: str
    scope: Scope
    permissions: frozenset[str] = frozenset()
    name: str = ""
    description: str = ""
    after: tuple[Edge, ...] = ()
    when: str = ""
    for_each: Any = None
    until: str = ""
    timeout: float | None = None
    retry: Retry | None = None
    cache: Cache | None = None
    on_failure: OnFailure = OnFailure.FAIL
    environment: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""
    rollback: bool | tuple[str, ...] = True
    once: bool = False
    check: bool = False
    outputs: tuple[Output, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    location: Location = NOWHERE
    places: Mapping[str, Location] = field(default_factory=dict)
    frame: str = ""
    under: tuple[str, ...] = ()
    permitted: frozenset[str] | None = None

    @property
    def lowered_to(self) -> tuple[str, ...]:
        """Return the profiles that lower the run's for this step, the outermost first."""
        return (*self.under, self.profile) if self.profile else self.under

    @property
    def configures(self) -> bool:
        """Tell whether this step may change a device."""
        return bool(self.permissions & {"device.configure", "device.command", "device.raw"})
