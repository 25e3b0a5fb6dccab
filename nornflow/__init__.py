"""NornFlow: an engine for network change. This module is the public face; nothing else is public."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nornflow.abc import ConnectionGuard as ConnectionGuard
    from nornflow.abc import DeadMan as DeadMan
    from nornflow.abc import Gate as Gate
    from nornflow.abc import Observer as Observer
    from nornflow.abc import Sandbox as Sandbox
    from nornflow.abc import Stage as Stage
    from nornflow.abc import StepContext as StepContext
    from nornflow.abc import StepType as StepType
    from nornflow.abc import Twin as Twin
    from nornflow.errors import AuthenticationFailed as AuthenticationFailed
    from nornflow.errors import ConnectionLost as ConnectionLost
    from nornflow.errors import DeviceError as DeviceError
    from nornflow.errors import GuardDenied as GuardDenied
    from nornflow.errors import LineRejected as LineRejected
    from nornflow.errors import NornFlowError as NornFlowError
    from nornflow.errors import PolicyDenied as PolicyDenied
    from nornflow.errors import StepError as StepError
    from nornflow.errors import StepTimeout as StepTimeout
    from nornflow.errors import UnexpectedPrompt as UnexpectedPrompt
    from nornflow.errors import Unreachable as Unreachable
    from nornflow.hookspecs import hookimpl as hookimpl
    from nornflow.model.decision import Decision as Decision
    from nornflow.model.decision import GateRequest as GateRequest
    from nornflow.model.decision import Verdict as Verdict
    from nornflow.model.device import HostView as HostView
    from nornflow.model.device import Target as Target
    from nornflow.model.diagnostic import Diagnostic as Diagnostic
    from nornflow.model.diagnostic import Location as Location
    from nornflow.model.diagnostic import Severity as Severity
    from nornflow.model.event import Event as Event
    from nornflow.model.event import EventKind as EventKind
    from nornflow.model.permission import Mode as Mode
    from nornflow.model.run import HostState as HostState
    from nornflow.model.run import RunInfo as RunInfo
    from nornflow.model.run import StepResult as StepResult
    from nornflow.model.sandbox import HttpResult as HttpResult
    from nornflow.model.sandbox import ProgramResult as ProgramResult
    from nornflow.model.step import Scope as Scope
    from nornflow.model.step import Step as Step
    from nornflow.model.surface import Candidate as Candidate
    from nornflow.model.surface import Surface as Surface
    from nornflow.model.wait import Awaited as Awaited
    from nornflow.model.wait import Wait as Wait
    from nornflow.model.wait import WaitKind as WaitKind
    from nornflow.model.workflow import Workflow as Workflow
    from nornflow.redaction import Secret as Secret
    from nornflow.registration import Check as Check
    from nornflow.registration import Command as Command
    from nornflow.registration import Expression as Expression
    from nornflow.registration import TemplateFilter as TemplateFilter
    from nornflow.registration import Verbatim as Verbatim
    from nornflow.registration import Words as Words
    from nornflow.registration import as_step_result as as_step_result
    from nornflow.registration import device_step as device_step
    from nornflow.registration import run_step as run_step
    from nornflow.steps.blocks import Block as Block
    from nornflow.steps.blocks import all_lines as all_lines
    from nornflow.steps.blocks import split_blocks as split_blocks
    from nornflow.steps.commands import CommandParams as CommandParams
    from nornflow.steps.commands import CommandStep as CommandStep
    from nornflow.steps.commands import textfsm_rows as textfsm_rows
    from nornflow.steps.lines import LineParams as LineParams
    from nornflow.steps.lines import LineStep as LineStep
    from nornflow.steps.login import Login as Login
    from nornflow.steps.sources import ConfigSource as ConfigSource
    from nornflow.steps.talk import Talk as Talk
    from nornflow.steps.talk import first_line as first_line

# Names are imported on first use: a plain `import nornflow` (and so `nornflow --version`) loads nothing heavy.
_HOME = {
    "nornflow.abc": "ConnectionGuard DeadMan Gate Observer Sandbox Stage StepContext StepType Twin",
    "nornflow.errors": "AuthenticationFailed ConnectionLost DeviceError GuardDenied LineRejected NornFlowError PolicyDenied"
    " StepError StepTimeout UnexpectedPrompt Unreachable",
    "nornflow.hookspecs": "hookimpl",
    "nornflow.model.decision": "Decision GateRequest Verdict",
    "nornflow.model.diagnostic": "Diagnostic Location Severity",
    "nornflow.model.device": "HostView Target",
    "nornflow.model.event": "Event EventKind",
    "nornflow.model.permission": "Mode",
    "nornflow.model.run": "HostState RunInfo StepResult",
    "nornflow.model.sandbox": "HttpResult ProgramResult",
    "nornflow.model.surface": "Candidate Surface",
    "nornflow.model.step": "Scope Step",
    "nornflow.model.wait": "Awaited Wait WaitKind",
    "nornflow.model.workflow": "Workflow",
    "nornflow.redaction": "Secret",
    "nornflow.registration": "Check Command Expression TemplateFilter Verbatim Words as_step_result device_step run_step",
    "nornflow.steps.blocks": "Block all_lines split_blocks",
    "nornflow.steps.commands": "CommandParams CommandStep textfsm_rows",
    "nornflow.steps.lines": "LineParams LineStep",
    "nornflow.steps.login": "Login",
    "nornflow.steps.sources": "ConfigSource",
    "nornflow.steps.talk": "Talk first_line",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'nornflow' has no public name {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
