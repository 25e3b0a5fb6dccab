"""The table of every key of a pipeline file, with its bounds: what the compiler reads and the schema describes."""

from __future__ import annotations

from nornflow.model.pipeline import Mode, On
from nornflow.workflow.forms import Anything, Choice, Duration, Number, OneOf, Text
from nornflow.workflow.keys import DAY, INPUT, NAME, PRIORITY, RESOURCES, STEP_ID
from nornflow.workflow.shapes import Key, ListOf, MapOf, Record

MAX_ENTRIES = 500
_ID = Text(STEP_ID, "run-tests or run_tests", 1, 64, what="an id of letters, digits, hyphens and underscores")
_REFERENCE = Text(shortest=1, longest=64, what="the id of an entry")
_CONDITION = Record(
    {
        "run": Key(_REFERENCE, "the entry that must have ended before", True),
        "on": Key(
            Choice(tuple(one.value for one in On)),
            "how it must have ended: well, badly, or in either way; one that was skipped never ends",
            default="success",
        ),
        "within": Key(
            Duration(1, 30 * DAY), "how long after the pipeline's start it must have ended; else this entry times out"
        ),
    },
    instead={"id": "run", "entry": "run", "when": "on", "condition": "on", "timeout": "within", "state": "on"},
    what="a mapping such as {run: backup, on: success}",
)
_AFTER = OneOf((_REFERENCE, _CONDITION), what="the id of an entry or a mapping such as {run: backup, on: failure}")
ENTRY = Record(
    {
        "id": Key(_ID, "the entry's name in `after` and in templates, unique in the pipeline", True),
        "workflow": Key(
            Text(shortest=1, longest=1000, what="the path of a file"), "the workflow's file, seen from this file", True
        ),
        "inputs": Key(
            MapOf(Anything(), NAME, "servers", 200), "its inputs; templates can name `inputs` and `runs.<id>`"
        ),
        "limit": Key(
            Text(longest=2000),
            "narrows the workflow's targets, as `--limit` does; a template may come to a list of names, and never to nothing",
        ),
        "profile": Key(Text(shortest=1, longest=64, what="the name of a profile"), "the security profile of the run"),
        "after": Key(ListOf(_AFTER, 0, MAX_ENTRIES, alone=True), "the entries that must have ended before, and how"),
        "timeout": Key(
            Duration(1, 7 * DAY), "how long one attempt may take, waiting for its turn included; then it is taken back"
        ),
        "retries": Key(Number(0, 10, whole=True), "how often it is tried again after it failed", default=0),
        "delay": Key(
            Duration(0, DAY), "how long to wait before it is tried again; it holds nothing meanwhile", default=30
        ),
        "resources": Key(RESOURCES, "what its run takes of the pools, instead of what the workflow says"),
        "priority": Key(PRIORITY, "which entry is begun first, and served first by the pools: a higher one", default=0),
    },
    instead={
        "name": "id",
        "file": "workflow",
        "depends_on": "after",
        "needs": "after",
        "variables": "inputs",
        "vars": "inputs",
        "targets": "limit",
        "retry": "retries and delay",
        "max_retries": "retries",
        "retry_delay": "delay",
    },
    what="a mapping such as {id: backup, workflow: backup.yaml}",
)
PIPELINE = Record(
    {
        "name": Key(
            Text(r"[a-z][a-z0-9-]*", "change-window", 1, 100, what="a kebab-case name"), "the pipeline's name", True
        ),
        "version": Key(
            Text(r"\d+\.\d+(\.\d+)?", "1.0 or 1.0.2", 1, 50, numbers=True, what="a version"),
            "its version: a number or a text",
        ),
        "description": Key(Text(longest=10_000), "what the pipeline does"),
        "inputs": Key(MapOf(INPUT, NAME, "site", 200), "the values a run of the pipeline is given, as in a workflow"),
        "mode": Key(
            Choice(tuple(one.value for one in Mode)),
            "in which order the entries are run: as written, all at once, each `after` others, or so too and as many as fit",
            default="dependency_based",
        ),
        "max_parallel": Key(Number(1, 100, whole=True), "how many entries are at work at once", default=5),
        "on_failure": Key(
            Choice(("stop", "continue")),
            "what a failed entry means for entries that do not answer to it: they are not begun, or are",
            default="stop",
        ),
        "timeout": Key(
            Duration(1, 30 * DAY), "how long the whole pipeline may take; then what is at work is taken back"
        ),
        "entries": Key(ListOf(Anything(), 1, MAX_ENTRIES), "the workflows of the pipeline", True),
    },
    instead={
        "steps": "entries; what has `steps` is a workflow, and begun with: nornflow run",
        "workflows": "entries",
        "runs": "entries",
        "max_concurrent_workflows": "max_parallel",
        "targets": "`limit` of each entry",
        "vars": "inputs",
        "parallel": "mode: parallel",
    },
)
"""The keys at the top of a pipeline file."""


def pipeline_schema() -> dict[str, object]:
    """Return the JSON Schema (draft-07) of pipeline files."""
    top = PIPELINE.schema()
    top["properties"]["entries"]["items"] = ENTRY.schema()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "NornFlow pipeline",
        "description": "Workflows that are run after each other or at once; made by `nornflow pipeline schema`.",
        **top,
    }
