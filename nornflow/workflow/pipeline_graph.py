"""Draws the entries of a pipeline: what comes after what, and on which condition."""

from __future__ import annotations

from collections.abc import Mapping

from nornflow.model.pipeline import After, Mode, On, Pipeline
from nornflow.workflow.graph import entities, quoted

_LABEL = {On.SUCCESS: "", On.FAILURE: "failed", On.COMPLETION: "ended"}


def draw_pipeline(pipeline: Pipeline, form: str = "text") -> str:
    """Return the drawing as `text`, `mermaid` or `dot`."""
    return {"text": _text, "mermaid": _mermaid, "dot": _dot}[form](pipeline)


def _edges(pipeline: Pipeline) -> Mapping[str, tuple[After, ...]]:
    """Return what each entry comes after; in a sequential pipeline that is at least the one before it, however it ended."""
    found = {entry.id: entry.after for entry in pipeline.entries}
    if pipeline.mode is Mode.SEQUENTIAL:
        for before, entry in zip(pipeline.entries, pipeline.entries[1:], strict=False):
            if before.id not in {one.run for one in entry.after}:
                on = On.SUCCESS if pipeline.stops and not entry.after else On.COMPLETION
                found[entry.id] = (After(before.id, on), *entry.after)
    return found


def _rows(pipeline: Pipeline) -> list[list[str]]:
    edges, depth, rows = _edges(pipeline), dict[str, int](), list[list[str]]()
    waiting = [entry.id for entry in pipeline.entries]
    while waiting:
        name = next(one for one in waiting if all(after.run in depth for after in edges[one]))
        waiting.remove(name)
        depth[name] = 1 + max((depth[after.run] for after in edges[name]), default=-1)
        if depth[name] == len(rows):
            rows.append([])
        rows[depth[name]].append(name)
    return rows


def _text(pipeline: Pipeline) -> str:
    edges = _edges(pipeline)
    width = max(len(entry.id) for entry in pipeline.entries)
    files = max(len(entry.workflow) for entry in pipeline.entries)
    lines = [f"{pipeline.name} {pipeline.version}".rstrip() + f": {pipeline.mode.value}"]
    for number, row in enumerate(_rows(pipeline), 1):
        for index, name in enumerate(row):
            head = f"{number:>3} " if index == 0 else "    "
            mark = "╶" if len(row) == 1 else ("┌" if index == 0 else "└" if index == len(row) - 1 else "├")
            after = ", ".join(one.run + (f" ({_LABEL[one.on]})" if _LABEL[one.on] else "") for one in edges[name])
            tail = f"  after {after}" if after else ""
            lines.append(f"{head}{mark} {name:<{width}}  {pipeline.entry(name).workflow:<{files}}{tail}".rstrip())
    return "\n".join(lines) + "\n"


def _mermaid(pipeline: Pipeline) -> str:
    names = {entry.id: f"e{number}" for number, entry in enumerate(pipeline.entries)}
    lines = ["flowchart TD"]
    lines += [f'  {names[one.id]}["{one.id}<br/>{entities(one.workflow)}"]' for one in pipeline.entries]
    for name, afters in _edges(pipeline).items():
        for one in afters:
            arrow = f"-- {_LABEL[one.on]} -->" if _LABEL[one.on] else "-->"
            lines.append(f"  {names[one.run]} {arrow} {names[name]}")
    return "\n".join(lines) + "\n"


def _dot(pipeline: Pipeline) -> str:
    names = {entry.id: f"e{number}" for number, entry in enumerate(pipeline.entries)}
    lines = [f"digraph {quoted(pipeline.name)} {{", "  rankdir=TB;", "  node [shape=box];"]
    for entry in pipeline.entries:
        label = quoted(entry.id + "\n" + entry.workflow)
        lines.append(f"  {names[entry.id]} [label={label}];")
    for name, afters in _edges(pipeline).items():
        for one in afters:
            label = f" [label={quoted(_LABEL[one.on])}, style=dashed]" if _LABEL[one.on] else ""
            lines.append(f"  {names[one.run]} -> {names[name]}{label};")
    return "\n".join([*lines, "}"]) + "\n"
