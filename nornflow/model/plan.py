"""What a change would do: per device and step the exact lines, the diff and how it was come by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from nornflow.record import record


class Method(StrEnum):
    """How a diff or a rollback was come by; never downgraded in silence.

    native: the device's own candidate; proven: played on a twin; model: predicted on the text; impossible: nobody knows.
    """

    NATIVE = "native"
    PROVEN = "proven"
    MODEL = "model"
    IMPOSSIBLE = "impossible"

    def suffices(self, least: Method) -> bool:
        """Tell whether this is worth as much as the least that is demanded: native and proven are worth the same."""
        return _WORTH[self] >= _WORTH[least]


_WORTH = {Method.IMPOSSIBLE: 0, Method.MODEL: 1, Method.PROVEN: 2, Method.NATIVE: 2}

EXEC = "exec:"
"""Begins a planned line that is an exec command and not configuration."""
SAVES = ("exec:write", "exec:copy running-config startup-config")
"""How planned lines begin that save the configuration: they change what the device starts with, not what it does."""


@record
class PlannedStep:
    """What one step would do on one device.

    `lines` are the exact configuration lines in their order (`exec:` before a command that is not configuration);
    `diff` is a unified diff of the normalised configuration, empty when nothing would change; `pre_hash` is the SHA-256
    of the normalised configuration the diff starts from. In a sealed plan a line that holds a secret is masked, and
    `digests` has then for each line its keyed digest, empty for lines that hold none.
    """

    step: str
    host: str
    lines: tuple[str, ...] = ()
    connection: str = ""
    diff: str = ""
    method: Method = Method.MODEL
    pre_hash: str = ""
    rollback: tuple[str, ...] = ()
    note: str = ""
    digests: tuple[str, ...] = ()

    @property
    def configuration(self) -> tuple[str, ...]:
        """Return the planned configuration lines, without exec commands."""
        return tuple(line for line in self.lines if not line.startswith(EXEC))

    @property
    def actions(self) -> tuple[str, ...]:
        """Return the planned exec commands that do something else than save."""
        return tuple(line for line in self.lines if line.startswith(EXEC) and not line.startswith(SAVES))

    @property
    def changes(self) -> bool:
        """Tell whether this step would change the device, as far as anybody knows."""
        return bool(self.diff or self.actions) or (bool(self.lines) and self.method is Method.IMPOSSIBLE)


@record
class Risk:
    """A planned line that could cut the way from the controller into the device.

    `line` stands with its section path (`interface Vlan10 / shutdown`); it is empty when no single line is to blame.
    `certain` is false where nobody can tell from text.
    """

    step: str
    line: str = ""
    why: str = ""
    certain: bool = True


@record
class Rehearsal:
    """How taking back everything that a plan does to one device was tried while planning.

    `lines` bring the device back to its pre-image; `method` says how much that is worth, and `evidence` in words why:
    what was played where, in how many passes, with which outcome. `start_hash` is the SHA-256 of the normalised
    configuration that the lines were tried on: they are for a device that has just that.
    """

    method: Method = Method.MODEL
    lines: tuple[str, ...] = ()
    evidence: str = ""
    start_hash: str = ""


@record
class HostPlan:
    """What the whole workflow would do on one device; `error` and `hint` say why it could not be planned.

    `pre_hash` is the SHA-256 of the normalised configuration that the device had when its plan was begun, empty when
    nothing needed it; `rollback` says how the way back was rehearsed, None where nothing would change. `risks` are the
    lines that could lock the controller out. `confirm` is what takes an unconfirmed change back: the name of the device's
    own timer or `controller`; empty without `confirm:`.
    """

    host: str
    platform: str = ""
    steps: tuple[PlannedStep, ...] = ()
    error: str = ""
    reason: str = ""
    hint: str = ""
    pre_hash: str = ""
    rollback: Rehearsal | None = None
    risks: tuple[Risk, ...] = ()
    confirm: str = ""

    @property
    def changes(self) -> bool:
        """Tell whether any step would change this device."""
        return any(step.changes for step in self.steps)


@record
class Batch:
    """Devices that are changed together: `number` counts from 1, `by` is what in the rollout named them.

    An expression that no device is left for gives a batch without hosts, so that nobody overlooks it.
    """

    number: int
    by: str
    hosts: tuple[str, ...] = ()


@record
class Plan:
    """What a workflow would do to every device it names; `unplanned` maps a step to the reason why it has no plan.

    `batches` are those of the devices that could be planned, in the order in which they are changed; `checks` are the steps
    that look behind each of them whether the network is well.
    `within` is how many seconds a batch may stand without being confirmed; 0 where nothing has to be confirmed.
    """

    workflow: str
    version: str
    profile: str
    inputs: Mapping[str, Any]
    hosts: tuple[HostPlan, ...] = ()
    unplanned: Mapping[str, str] = field(default_factory=dict)
    batches: tuple[Batch, ...] = ()
    within: float = 0.0
    checks: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Tell whether any device would change."""
        return any(host.changes for host in self.hosts)

    def step(self, host: str, step: str) -> PlannedStep | None:
        """Return what the step would do on the host, or None when it was not planned there."""
        return next((s for h in self.hosts if h.host == host for s in h.steps if s.step == step), None)
