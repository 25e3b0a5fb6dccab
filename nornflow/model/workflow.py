"""A compiled workflow: frozen, checked against the step types, its blocks flattened into one graph of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nornflow.model.diagnostic import NOWHERE, Location
from nornflow.model.pool import NOTHING, Asked
from nornflow.model.wait import Awaited
from nornflow.record import record

if TYPE_CHECKING:
    from nornflow.model.frame import Frame
    from nornflow.model.snapshot import Snapshot


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
class Validation:
    """What a value of an input must fulfil; `min` and `max` are bounds of the value, or of the length of strings and arrays."""

    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    enum: tuple[Any, ...] | None = None


@record
class Input:
    """A declared input: string, number, boolean, array, object, file or artifact."""

    name: str
    type: str = "string"
    description: str = ""
    required: bool = False
    default: Any = None
    validation: Validation | None = None
    multiline: bool = False
    location: Location = NOWHERE


@record
class Output:
    """A declared output of the workflow or of a step; `source` is the expression or extractor given as `from`."""

    name: str
    source: str
    type: str = "string"
    description: str = ""
    location: Location = NOWHERE


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
class Amount:
    """A count of devices (`1`) or a share of them (`10%`)."""

    value: float
    percent: bool = False

    def of(self, total: int) -> int:
        """Return how many of `total` devices a batch of this amount has: never none.

        A share is rounded down, but to no less than one device: only 100% (or a single device) is all of them.
        """
        return max(1, total * self._thousandths // 100_000 if self.percent else int(self.value))

    def exceeded_by(self, count: int, total: int) -> bool:
        """Tell whether `count` of `total` devices is more than this; a share is exact: one of four is more than 2%."""
        return count * 100_000 > total * self._thousandths if self.percent else count > self.value

    @property
    def _thousandths(self) -> int:
        """The share in thousandths of a percent, which is as fine as it can be written: whole numbers do not err."""
        return round(self.value * 1000)

    def __str__(self) -> str:
        return f"{self.value:g}{'%' if self.percent else ''}"


@record
class Matching:
    """The devices for which an expression over their data is true, as in `targets`."""

    expression: str
    location: Location = NOWHERE

    def __str__(self) -> str:
        return self.expression


@record
class Rollout:
    """In which batches devices are changed, how many may fail, and how long is waited after each batch (`soak`, seconds).

    `host_timeout` is how many seconds may be worked on one device, all its steps together; 0 is no limit.
    Batches grow: each amount is the number of further devices, a share is of all targets, and an expression takes all
    that are left of those it names. A last amount repeats until no device is left; behind a last expression the rest is
    one batch. `pause_after` are the batches (from 1) after which a human is asked to go on, `pause` who has to say yes then
    when it is not whoever runs it.
    `max_failures` is how many devices may fail in all, `group_failures` how many of a group of the inventory, by its name,
    and `each_failures` how many of those that have the same value of a key, by the key (`{"site": Amount(1)}`).
    """

    batches: tuple[Amount | Matching, ...] = (Amount(100, percent=True),)
    max_failures: Amount = Amount(0)
    soak: float = 0.0
    pause_after: frozenset[int] = frozenset()
    host_timeout: float = 0.0
    group_failures: Mapping[str, Amount] = field(default_factory=dict)
    each_failures: Mapping[str, Amount] = field(default_factory=dict)
    pause: Awaited | None = None
    location: Location = NOWHERE


@record
class Confirm:
    """That a batch stands only when it is verified and confirmed `within` so many seconds; it is taken back otherwise."""

    within: float


@record
class Targets:
    """Which devices a workflow is for: an expression over host data, or names, groups and a filter; all empty is every host."""

    expression: str = ""
    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    filter: Mapping[str, Any] = field(default_factory=dict)
    location: Location = NOWHERE


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


@record
class Workflow:
    """A workflow that compiled without an error; `steps` stand in a topological order."""

    name: str
    version: str
    steps: tuple[Step, ...]
    description: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    inputs: Mapping[str, Input] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    targets: Targets = field(default_factory=Targets)
    environment: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""
    permissions: frozenset[str] | None = None
    timeout: float | None = None
    retry: Retry | None = None
    cache: Cache | None = None
    rollout: Rollout = field(default_factory=Rollout)
    confirm: Confirm | None = None
    on_failure: OnFailure = OnFailure.STOP
    file: str = ""
    digest: str = ""
    snapshot: Snapshot | None = None
    asks: Asked = NOTHING
    frames: Mapping[str, Frame] = field(default_factory=dict)
    """The calls of other workflows, by the frame's id."""
    called: Mapping[str, str] = field(default_factory=dict)
    """The text of each workflow that is called, by the path of its file."""

    @property
    def checks(self) -> tuple[Step, ...]:
        """Return the health checks that are done behind each batch; they are the last of `steps`."""
        return tuple(step for step in self.steps if step.check)

    @property
    def every_step(self) -> tuple[Step, ...]:
        """Return the steps of the graph and those of the snapshot: all that leave a result."""
        return self.steps if self.snapshot is None else (*self.steps, *self.snapshot.steps)

    @property
    def judged_steps(self) -> tuple[Step, ...]:
        """Return the steps as they are written, each once: what needs permissions and names files."""
        return self.steps if self.snapshot is None else (*self.steps, *self.snapshot.before)

    @property
    def authors(self) -> tuple[str, ...]:
        """Return who wrote the workflow and those that it calls, as they say."""
        return tuple(dict.fromkeys((self.author, *(frame.author for frame in self.frames.values()))))

    @property
    def written_ids(self) -> tuple[str, ...]:
        """Return the ids of all steps as the files have them: what expressions may name."""
        return tuple(dict.fromkeys(self.frames[one.frame].local(one.id) if one.frame else one.id for one in self.steps))

    def folder_of(self, step: Step, own: str) -> str:
        """Return the folder that a step's files are named from; `own` is that of the workflow itself."""
        return self.frames[step.frame].folder if step.frame else own

    def step(self, step_id: str) -> Step:
        """Return the step with this id; KeyError when there is none."""
        for step in self.every_step:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    @property
    def needs_devices(self) -> bool:
        """Tell whether any step runs on devices, so that an inventory is needed."""
        return any(step.scope is Scope.DEVICE for step in self.every_step)
