"""What is looked at on devices before a change and after it, compiled."""

from __future__ import annotations

from nornflow.model.step import OnFailure, Step
from nornflow.record import record


@record
class Snapshot:
    """What is looked at on each device before its change and after it, and what counts of the difference.

    The three lists hold the same looks, under ids of their own: `learn` is empty unless two captures, `learning` seconds
    apart, shall show what changes by itself; `before` is what the change is compared with. `compare` stands in the record
    for the comparison. `settle` is how many seconds a changed device is given before `after`. `noise` and `intended` are
    patterns of paths, `keys` the fields that name the objects of a list; with `unexplained: fail` a difference that nothing
    explains fails the device.
    """

    before: tuple[Step, ...]
    after: tuple[Step, ...]
    compare: Step
    learn: tuple[Step, ...] = ()
    learning: float = 0.0
    settle: float = 0.0
    noise: tuple[str, ...] = ()
    intended: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    unexplained: OnFailure = OnFailure.WARN

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return everything that leaves a result, in the order in which it is done."""
        return (*self.learn, *self.before, *self.after, self.compare)
