"""The one exception tree of NornFlow: every error says what happened, what to do next, and how the process ends.

```
NornFlowError                    exit 1   base; never raised itself
├── UsageError                   exit 2   wrong command line, wrong value of an option or input
├── InvalidDocument              exit 2   a document did not compile (model.diagnostic: it carries diagnostics)
├── ConfigurationError           exit 2   settings file or variable
├── InventoryError               exit 2   inventory could not be loaded, or a host is unknown
├── PluginError                  exit 2   a plugin is broken, missing or clashes with another
├── PolicyDenied                 exit 3   a gate, profile or permission says no
│   └── GuardDenied              exit 3   the connection guard stopped an action below Nornir
│       └── LockLost             exit 1   the run does not hold the device (any more): nothing was sent
├── ApprovalRequired             exit 4   a gate holds the change until somebody approves
├── StillWaiting                 exit 4   the run waits for people, a time or a signal, and that has not come yet
├── RunLeft                      exit 1   the run was left between two batches, for another process to go on with
├── PlanStale                    exit 5   the device is not as the plan saw it
├── PlanInvalid                  exit 2   a plan file is damaged, changed or of another format
├── DevicesHeld                  exit 1   another run holds devices, and this one was not to wait (any longer)
├── StoreError                   exit 1   the store of runs cannot be reached, read or written
│   ├── StateConflict            exit 1   a run is not in the state that a move began from, or may not move so
│   ├── RunLost                  exit 1   another process carries the run on: this one may do nothing more
│   └── WrongKey                 exit 1   what the store keeps sealed cannot be opened here
└── StepError                    exit 1   a step did not do its work
    ├── ExpressionError                   an expression or template could not be evaluated
    │   └── InjectionBlocked              it reached for something outside the sandbox
    ├── NotWhilePlanning                  the step does something that planning must not do
    ├── StepTimeout                       the step's time was over
    ├── ResourceExhausted                 the child hit its memory, file size or output limit
    ├── StepCancelled                     the run was cancelled while the step worked
    ├── Rejected                          people were asked, and one said no
    ├── Expired                           what the step waited for did not come in time
    ├── RollbackFailed                    the device is not back at its pre-image
    └── DeviceError                       the device or the way to it
        ├── AuthenticationFailed
        ├── Unreachable
        ├── ConnectionLost                the session dropped in the middle of the work
        ├── UnexpectedPrompt              the device showed something else than its prompt
        └── LineRejected                  the device refused a line; names the line and its marker
```
"""

from __future__ import annotations

from typing import ClassVar


class NornFlowError(Exception):
    """Base of everything that NornFlow raises on purpose: a message, a hint and an exit code.

    `reason` is a stable kebab-case word for machines (JSON, metrics); `hint` says what to do next.
    """

    exit_code: ClassVar[int] = 1
    reason: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(NornFlowError):
    """The command line or a value given to a run is wrong."""

    exit_code = 2
    reason = "usage"


class ConfigurationError(NornFlowError):
    """A settings file, environment variable or option does not fit the settings model."""

    exit_code = 2
    reason = "configuration"


class InventoryError(NornFlowError):
    """The Nornir inventory could not be loaded, or a named host or group is not in it."""

    exit_code = 2
    reason = "inventory"


class PluginError(NornFlowError):
    """A plugin is broken, missing, or supplies a name that another one supplies too."""

    exit_code = 2
    reason = "plugin"


class PolicyDenied(NornFlowError):
    """A gate, profile or permission does not allow the action; nothing was done."""

    exit_code = 3
    reason = "denied"


class GuardDenied(PolicyDenied):
    """The connection guard stopped an action on a device connection before any byte of it went out."""

    reason = "guard-denied"


class LockLost(GuardDenied):
    """The run does not hold the lock of the device that it was about to write to; nothing of the block was sent."""

    exit_code = 1
    reason = "lock-lost"


class DevicesHeld(NornFlowError):
    """Other runs hold devices or all places of the profile, and this run was not to wait, or has waited long enough."""

    reason = "locked"


class ApprovalRequired(NornFlowError):
    """A gate holds the change until somebody with `run.approve` says yes."""

    exit_code = 4
    reason = "approval-required"


class StillWaiting(NornFlowError):
    """A run cannot be gone on with yet: nobody has said yes, its time has not come, or no signal has."""

    exit_code = 4
    reason = "waiting"


class RunLeft(NornFlowError):
    """The process was to end, and left its run between two batches: another one goes on with it."""

    reason = "left"


class PlanStale(NornFlowError):
    """The device's configuration is not the one that the plan was made against."""

    exit_code = 5
    reason = "stale"


class PlanInvalid(NornFlowError):
    """A plan file is not what was sealed: damaged, changed, cut off, or of a format that this NornFlow does not read."""

    exit_code = 2
    reason = "plan-invalid"


class StoreError(NornFlowError):
    """The store of runs cannot be reached, read or written, or its schema is not the one of this NornFlow."""

    reason = "store"


class StateConflict(StoreError):
    """A run is not in the state that a move began from, or the table of moves does not have the move."""

    reason = "state-conflict"


class RunLost(StoreError):
    """Another process has taken the run over, because this one was taken for dead."""

    reason = "run-lost"


class WrongKey(StoreError):
    """What the store keeps sealed cannot be opened here: the key is missing, damaged, or another one."""

    reason = "wrong-key"


class StepError(NornFlowError):
    """A step did not do its work; the base of everything that fails a step and not the program."""

    reason = "step-failed"


class ExpressionError(StepError):
    """An expression or a template could not be evaluated; never taken for "false"."""

    reason = "expression"


class InjectionBlocked(ExpressionError):
    """A template reached, while it was rendered, for something that the sandbox does not have."""

    reason = "injection-blocked"


class NotWhilePlanning(StepError):
    """A step would have run a program or sent a request that writes, and it was only being planned."""

    reason = "not-while-planning"


class StepTimeout(StepError):
    """The time allowed for a step was over and its work was really ended."""

    reason = "timeout"


class ResourceExhausted(StepError):
    """A child process hit the profile's memory, file size, output or process limit."""

    reason = "resource-exhausted"


class StepCancelled(StepError):
    """The run was cancelled while the step was at work."""

    reason = "cancelled"


class Rejected(StepError):
    """People were asked before the step, and one of them said no."""

    reason = "rejected"


class Expired(StepError):
    """What the step waited for did not come in time."""

    reason = "expired"


class RollbackFailed(StepError):
    """After a rollback the device's configuration is not its pre-image; the message carries the remaining diff."""

    reason = "rollback-failed"


class DeviceError(StepError):
    """The device, or the way to it, did not do what was asked."""

    reason = "device"


class AuthenticationFailed(DeviceError):
    """The device refused the credentials."""

    reason = "authentication-failed"


class Unreachable(DeviceError):
    """No session to the device could be opened."""

    reason = "unreachable"


class ConnectionLost(DeviceError):
    """An open session to the device ended in the middle of the work."""

    reason = "connection-lost"


class UnexpectedPrompt(DeviceError):
    """The device answered with something else than its prompt."""

    reason = "unexpected-prompt"


class LineRejected(DeviceError):
    """The device refused a configuration line; the rest of the lines were not sent."""

    reason = "line-rejected"

    def __init__(self, message: str, *, line: str = "", marker: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.marker = marker


def error_kinds() -> dict[str, type[NornFlowError]]:
    """Return every class of the tree by its name, for errors that come from another process."""
    found: dict[str, type[NornFlowError]] = {}
    open = [NornFlowError]
    while open:
        kind = open.pop()
        found[kind.__name__] = kind
        open += kind.__subclasses__()
    return found
