"""A compiled workflow: frozen, checked against the step types, its blocks flattened into one graph of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from nornflow.model.frame import Frame
from nornflow.model.inputs import Input, Output
from nornflow.model.pool import NOTHING, Asked
from nornflow.model.rollout import Confirm, Rollout, Targets
from nornflow.model.snapshot import Snapshot
from nornflow.model.step import Cache, OnFailure, Retry, Scope, Step
from nornflow.record import record


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
