"""Draws the steps of a workflow: which ones run in parallel, and what each one waits for."""

from __future__ import annotations

from collections.abc import Mapping

from nornflow.model.step import Edge, On, Scope, Step
from nornflow.model.workflow import Workflow

FORMATS = ("text", "mermaid", "dot")
BEHIND = "behind each batch"
"""What is said of the checks of a rollout."""
_LABEL = {On.OK: "", On.FAILED: "failed", On.FINISHED: "ended", On.THEN: "then", On.ELSE: "else"}


def levels(workflow: Workflow) -> list[list[Step]]:
    """Return the steps by level: a step stands one level below the lowest step it waits for; one level can run in parallel.

    Checks of the rollout come behind all steps.
    """
    depth: dict[str, int] = {}
    rows: list[list[Step]] = []
    lowest = -1
    for step in workflow.steps:
        level = 1 + max((depth[edge.step] for edge in step.after), default=lowest if step.check else -1)
        depth[step.id] = level
        lowest = lowest if step.check else max(lowest, level)
        if level == len(rows):
            rows.append([])
        rows[level].append(step)
    return rows


def essential(workflow: Workflow) -> dict[str, tuple[Edge, ...]]:
    """Return for each step the edges that a drawing needs: those that no longer way round says already are left out."""
    before: dict[str, frozenset[str]] = {}
    kept: dict[str, tuple[Edge, ...]] = {}
    for step in workflow.steps:
        direct = [edge.step for edge in step.after]
        before[step.id] = frozenset(direct).union(*(before[one] for one in direct))
        kept[step.id] = tuple(
            edge
            for edge in step.after
            if edge.on not in (On.OK, On.FINISHED) or not any(edge.step in before[other] for other in direct)
        )
    return kept


def draw(workflow: Workflow, form: str = "text") -> str:
    """Return the drawing as `text`, `mermaid` or `dot`."""
    return {"text": _text, "mermaid": _mermaid, "dot": _dot}[form](workflow)


def _text(workflow: Workflow) -> str:
    rows = levels(workflow)
    edges = essential(workflow)
    ids = max(len(step.id) for step in workflow.steps)
    types = max(len(step.type) for step in workflow.steps)
    lines = [
        f"{workflow.name} {workflow.version}: {_count(len(workflow.steps), 'step')} in {_count(len(rows), 'level')}"
    ]
    for number, row in enumerate(rows, start=1):
        for index, step in enumerate(row):
            head = f"{number:>3} " if index == 0 else "    "
            mark = "╶" if len(row) == 1 else ("┌" if index == 0 else "└" if index == len(row) - 1 else "├")
            where = "devices" if step.scope is Scope.DEVICE else "run    "
            after = ", ".join(f"{edge.step}{_suffix(edge)}" for edge in edges[step.id])
            tail = f"  after {after}" if after else ""
            tail += f"  {BEHIND}" if step.check and not after else ""
            tail += f"  {_asked(workflow, step)}"
            lines.append(f"{head}{mark} {step.id:<{ids}}  {step.type:<{types}}  {where}{tail}".rstrip())
    if workflow.snapshot is not None:
        looks = ", ".join(step.id.partition(":")[2] for step in workflow.snapshot.before)
        lines.append(f"Looked at before each batch and after it, and compared: {looks}.")
    if any(len(row) > 1 for row in rows):
        lines.append("Steps joined by a bracket can run in parallel.")
    return "\n".join(lines) + "\n"


def _asked(workflow: Workflow, step: Step) -> str:
    """Return on what it depends whether, and how often, a step is done; of a call its frame says it."""
    frame = workflow.frames.get(step.id)
    when, each = (step.when, step.for_each) if frame is None else (frame.when, frame.for_each)
    items = each if isinstance(each, str) else _count(len(each), "item") if each is not None else ""
    return "  ".join((*([f"when {when}"] if when else ()), *([f"for each of {items}"] if items else ())))


def _suffix(edge: Edge) -> str:
    return f" ({_LABEL[edge.on]})" if _LABEL[edge.on] else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _names(workflow: Workflow) -> Mapping[str, str]:
    return {step.id: f"s{number}" for number, step in enumerate(workflow.steps)}


def _mermaid(workflow: Workflow) -> str:
    names, lines, checks = _names(workflow), ["flowchart TD"], list[str]()
    for step in workflow.steps:
        label = f"{step.id}<br/>{entities(step.type)}"
        shape = f'["{label}"]' if step.scope is Scope.DEVICE else f'(["{label}"])'
        (checks if step.check else lines).append(f"  {names[step.id]}{shape}")
    if checks:
        lines += [f'  subgraph checks["{BEHIND}"]', *checks, "  end"]
    for step_id, edges in essential(workflow).items():
        for edge in edges:
            arrow = f"-- {_LABEL[edge.on]} -->" if _LABEL[edge.on] else "-->"
            lines.append(f"  {names[edge.step]} {arrow} {names[step_id]}")
    return "\n".join(lines) + "\n"


def entities(text: str) -> str:
    """Return a text as Mermaid takes it in a label."""
    return "".join(char if char.isalnum() or char in "._- " else f"#{ord(char)};" for char in text)


def _dot(workflow: Workflow) -> str:
    names, lines = _names(workflow), [f"digraph {quoted(workflow.name)} {{", "  rankdir=TB;", "  node [shape=box];"]
    checks: list[str] = []
    for step in workflow.steps:
        rounded = "" if step.scope is Scope.DEVICE else ", style=rounded"
        label = quoted(step.id + "\n" + step.type)
        (checks if step.check else lines).append(f"  {names[step.id]} [label={label}{rounded}];")
    if checks:
        lines += ["  subgraph cluster_checks {", f"  label={quoted(BEHIND)};", *checks, "  }"]
    for step_id, edges in essential(workflow).items():
        for edge in edges:
            label = f" [label={quoted(_LABEL[edge.on])}, style=dashed]" if _LABEL[edge.on] else ""
            lines.append(f"  {names[edge.step]} -> {names[step_id]}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def quoted(text: str) -> str:
    """Return a text as dot takes it, in quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
