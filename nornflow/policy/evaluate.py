"""Asks every gate, one by one, and keeps every answer: a gate that raises is a deny that names the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nornflow.abc import Gate
from nornflow.errors import ApprovalRequired, NornFlowError, PolicyDenied
from nornflow.model.decision import Decision, GateRequest, Verdict, strictest


def evaluate_gates(gates: Sequence[Gate], request: GateRequest) -> tuple[Decision, ...]:
    """Return the decisions of all gates in their order; `strictest` of them is the verdict of the whole."""
    decisions: list[Decision] = []
    for gate in gates:
        try:
            answers = tuple(gate.check(request))
        except NornFlowError as error:
            decisions.append(Decision(Verdict.DENY, error.message, gate.name, "the gate raised", hint=error.hint))
            continue
        except Exception as error:  # noqa: BLE001 - whatever a gate does wrong must deny, never pass
            reason = f"gate {gate.name!r} failed: {type(error).__name__}: {error}"
            hint = "a gate that cannot answer denies; `nornflow plugins list` says where it comes from"
            decisions.append(Decision(Verdict.DENY, reason, gate.name, "the gate raised", hint=hint))
            continue
        decisions += [_checked(answer, gate.name) for answer in answers]
    return tuple(decisions)


def _checked(answer: object, gate: str) -> Decision:
    if isinstance(answer, Decision):
        return answer if answer.gate else replace(answer, gate=gate)
    reason = f"gate {gate!r} answered with {type(answer).__name__} instead of a Decision"
    return Decision(Verdict.DENY, reason, gate, "the gate's answer is no decision", hint="correct the gate's `check`")


def enforce(decisions: Sequence[Decision], *, approved: bool = False) -> None:
    """Raise PolicyDenied when any gate denies, and ApprovalRequired when one holds and nobody has approved yet."""
    verdict = strictest(decisions)
    if verdict is Verdict.DENY:
        message, hint = _told(decisions, verdict)
        raise PolicyDenied(message, hint=hint)
    if verdict is Verdict.HOLD and not approved:
        message, hint = _told(decisions, verdict)
        raise ApprovalRequired(message, hint=hint)


def _told(decisions: Sequence[Decision], verdict: Verdict) -> tuple[str, str]:
    """Return the reasons of all decisions with this verdict, one a line, and the hint of the first that has one."""
    chosen = [decision for decision in decisions if decision.verdict is verdict]
    lines = [f"{decision.reason}{f' [{decision.where}]' if decision.where else ''}" for decision in chosen]
    return "\n".join(dict.fromkeys(lines)), next((decision.hint for decision in chosen if decision.hint), "")
