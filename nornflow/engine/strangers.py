"""Where the engine meets code of others: what it raised and what it answered, in the words of the engine."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nornflow.errors import NornFlowError, StepError
from nornflow.model.plain import plain
from nornflow.model.run import HostState, StepResult
from nornflow.registration import as_step_result

_APPLIED = frozenset(
    (
        HostState.OK,
        HostState.CHANGED,
        HostState.FAILED,
        HostState.SKIPPED,
        HostState.TIMED_OUT,
        HostState.UNKNOWN,
    )
)
"""How a step type may say that its step ended; the other states are the engine's to give."""

_ENGINES_REASONS = frozenset(("unplanned", "dependency", "branch"))
_NESTED = 100
_SEE = "this is a fault of the plugin: see its documentation, or tell its author"


def told(error: BaseException, who: str) -> StepError:
    """Return an error of one line that says what was raised and, in its hint, where; `who` raised it."""
    text = next((line.strip() for line in _text(error).splitlines() if line.strip()), "")
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    answer = StepError(f"{type(error).__name__}{f': {text}' if text else ''}", hint=f"{who} raised it{where}")
    answer.__cause__ = error
    return answer


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as worse:  # noqa: BLE001 - an exception that cannot say what it is about must not hide that it was raised
        return f"(its text raised {type(worse).__name__})"


def asked(function: Callable[..., Any], *arguments: Any, who: str) -> Any:
    """Call a stranger's function; what it raises is a NornFlowError with a message, whatever it was."""
    try:
        return function(*arguments)
    except NornFlowError as error:
        if all(isinstance(getattr(error, name, None), str) for name in ("message", "hint", "reason")):
            raise
        raise told(error, who) from error
    except BaseException as error:
        raise told(error, who) from error


def answered(answer: Any, kind: str, *, planning: bool = False) -> StepResult:
    """Return what a step type answered as a result that the engine can build on; `kind` is the step type's name.

    Raises StepError for an answer that says nothing reliable: the work was done, or not, and nobody would know.
    """
    if inspect.isgenerator(answer) or inspect.iscoroutine(answer) or inspect.isasyncgen(answer):
        raise StepError(
            f"{kind} answers with a {type(answer).__name__}, which nobody runs",
            hint="its function has a `yield` or is `async`; it must be a plain function that returns its result",
        )
    result = answer if isinstance(answer, StepResult) else as_step_result(answer)
    for name, (types, called) in _FIELDS.items():
        value = getattr(result, name)
        if not isinstance(value, types):
            raise StepError(f"{kind} answers with `{name}` of type {type(value).__name__}, not {called}", hint=_SEE)
    if result.outputs:
        result = replace(result, outputs=_named(result.outputs, kind))
    return _as_engine_says(result, kind, planning)


_FIELDS: Mapping[str, tuple[Any, str]] = {
    "state": (str, "a HostState"),
    "changed": (bool, "true or false"),
    "outputs": (Mapping, "a mapping"),
    "exit_code": ((int, type(None)), "a number"),
    "usage": (Mapping, "a mapping"),
    **dict.fromkeys(("stdout", "stderr", "diff", "error", "reason", "hint", "warning"), (str, "a text")),
}


def _named(outputs: Mapping[Any, Any], kind: str) -> Mapping[str, Any]:
    """Return the outputs by name; refuse those that no record could hold: a step type may bring whatever it likes."""
    try:
        plain(outputs, _NESTED)
    except Exception as error:
        raise StepError(
            f"{kind} gives a result that is not plain data: {told(error, kind).message}", hint=_SEE
        ) from error
    return {str(name): value for name, value in outputs.items()}


def _as_engine_says(result: StepResult, kind: str, planning: bool) -> StepResult:
    """Return the result with one state for what it says in two places, and nothing that only the engine may say."""
    state: Any = result.state
    if not isinstance(state, HostState):
        known = {str(member) for member in _APPLIED}
        if state not in known:
            raise StepError(f"{kind} answers with the state {state!r}, which does not exist", hint=_SEE)
        state = HostState(state)
    if state not in _APPLIED and not (planning and state is HostState.PLANNED):
        raise StepError(
            f"{kind} answers with the state {state.value!r}, which is the engine's to give",
            hint=f"a step type answers {', '.join(member.value for member in HostState if member in _APPLIED)}",
        )
    changed = result.changed or state is HostState.CHANGED
    if changed and state in (HostState.OK, HostState.SKIPPED):
        state = HostState.CHANGED
    reason = "" if result.reason in _ENGINES_REASONS else result.reason
    error, hint = result.error, result.hint
    if StepResult(state).failed:
        reason = reason or StepError.reason
        hint = hint or (_SEE if not error else "")
        error = error or f"{kind} says that it failed, and not why"
    said = {"state": state, "changed": changed, "error": error, "reason": reason, "hint": hint}
    own = {"rescued": False, "attempts": 1, "cache_key": "", "cache_age": 0.0}  # nobody else's to say
    if all(getattr(result, name) == value for name, value in (said | own).items()):
        return result
    return replace(
        result,
        state=state,
        changed=changed,
        error=error,
        reason=reason,
        hint=hint,
        rescued=False,
        attempts=1,
        cache_key="",
        cache_age=0.0,
    )
