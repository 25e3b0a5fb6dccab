"""Pipeline files: what they say is what is compiled, every fault is told with its place, the schema says the same."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.model.diagnostic import InvalidDocument
from nornflow.model.inputs import Input, Output
from nornflow.model.pipeline import After, Mode, On, kept_pipeline, pipeline_of
from nornflow.model.pool import Asked
from nornflow.model.workflow import Workflow
from nornflow.workflow.loader import load
from nornflow.workflow.pipeline_keys import pipeline_schema
from nornflow.workflow.pipelines import USUAL, check_pipeline

WORKFLOWS: dict[str, Workflow | str] = {
    "a.yaml": Workflow("a", "1.0", (), outputs={"found": Output("found", "1")}, digest="d-a"),
    "b.yaml": Workflow(
        "b", "1.0", (), inputs={"n": Input("n", "number", required=True)}, asks=Asked({"cpu": 2}, 3), digest="d-b"
    ),
}


def check(text: str, **keys: Any) -> tuple[Any, list[str]]:
    document = load("p.yaml", text=f"name: window\n{text}")
    pools = keys.pop("pools", {"cpu": 8, "memory": 16384, "bandwidth": 1000, "storage": 100})
    made, found = check_pipeline(document, lambda file: WORKFLOWS.get(file, "cannot read it"), pools=pools, **keys)
    return made, [f"{one.location.line}:{one.location.column} {one.code} {one.message}" for one in found]


def test_all_that_a_file_says_is_in_the_pipeline() -> None:
    made, found = check("""
version: 1.10
mode: resource_optimized
max_parallel: 3
on_failure: continue
timeout: 2h
inputs: {site: {type: string, default: ams}}
entries:
  - {id: find-it, workflow: a.yaml, limit: "site == '{{ inputs.site }}'", retries: 2, delay: 1m, priority: 4}
  - id: use
    workflow: b.yaml
    inputs: {n: "{{ runs.find-it.outputs.found }}"}
    after: [{run: find-it, on: completion, within: 30m}]
    timeout: 90
  - {id: free, workflow: a.yaml, resources: {}, after: find-it}
""")
    assert found == []
    assert (made.version, made.mode, made.max_parallel, made.stops) == ("1.10", Mode.RESOURCE_OPTIMIZED, 3, False)
    assert (made.timeout, list(made.inputs)) == (7200, ["site"])
    first, use, free = made.entries
    assert (first.retries, first.delay, first.asks, first.digest) == (2, 60, Asked(USUAL, 4), "d-a")
    assert (use.after, use.timeout) == ((After("find-it", On.COMPLETION, 1800),), 90)
    assert use.asks == Asked({"cpu": 2}, 3), "what the workflow says"
    assert (free.asks.wants, free.after) == ({}, (After("find-it"),))


def test_a_kept_pipeline_is_the_same_but_for_its_file() -> None:
    made, _ = check(
        "entries:\n  - {id: a, workflow: a.yaml}\n  - {id: b, workflow: b.yaml, inputs: {n: 1}, after: a}\n"
    )
    again = pipeline_of(json.loads(json.dumps(kept_pipeline(made))))
    assert kept_pipeline(again) == kept_pipeline(made)
    assert again.entries[1].after == made.entries[1].after
    assert (again.mode, again.entries[1].asks) == (made.mode, made.entries[1].asks)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("entries: []\n", ["2:10 NF104"]),
        ("steps: []\n", ["1:1 NF102", "2:1 NF101"]),
        ("entries: [{id: a, workflow: a.yaml, after: a}]\n", ["2:44 NF603"]),
        ("entries: [{id: a, workflow: a.yaml, profile: root}]\n", ["2:46 NF402"]),
        ("mode: fastest\nentries: [{id: a, workflow: a.yaml}]\n", ["2:7 NF105"]),
        ("entries: [{id: a, workflow: a.yaml, limit: '{{ runs.a.run }}'}]\n", ["2:48 NF608"]),
        ("entries: [{id: a, workflow: a.yaml, limit: '{{ inputs.x }}'}]\n", ["2:48 NF305"]),
        ("entries: [{id: a, workflow: a.yaml, limit: '{{ pipeline.x }}'}]\n", ["2:48 NF302"]),
        ("entries: [{id: a, workflow: a.yaml, limit: '{{ x'}]\n", ["2:44 NF308"]),
        ("entries: [{id: b, workflow: b.yaml, inputs: {n: many}}]\n", ["2:49 NF607"]),
        ("entries: [{id: b, workflow: b.yaml, inputs: {n: 1}, resources: {cpus: 1}}]\n", ["2:64 NF609"]),
        ("entries: [{id: a, workflow: a.yaml, after: [{on: success}, {run: [1]}]}]\n", ["2:45 NF102", "2:66 NF103"]),
        ("entries: [[], 3, {id: a-b, workflow: a.yaml}, {id: a_b, workflow: a.yaml}]\n",
         ["2:11 NF103", "2:15 NF103", "2:52 NF602"]),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(text: str, told: list[str]) -> None:
    made, found = check(text, profiles=("standard",))
    assert made is None
    assert [" ".join(one.split()[:2]) for one in found] == told


@pytest.mark.parametrize(
    ("resources", "wants"),
    [
        (
            "{memory: 1Gi, storage: 500Mi, bandwidth: 100Mbps}",
            {"memory": 1024, "storage": 500 / 1024, "bandwidth": 100},
        ),
        ("{memory: 10G, cpu: 500m}", {"memory": 10**10 / 2**20, "cpu": 0.5}),
        ("{memory: 16Gi}", {"memory": 16384}),
        ("{cpu: 8.0000001}", {"cpu": 8.0000001}),
    ],
)
def test_amounts_are_numbers_of_what_they_are_counted_in_or_have_their_unit(
    resources: str, wants: dict[str, float]
) -> None:
    made, found = check(f"entries: [{{id: a, workflow: a.yaml, resources: {resources}}}]\n")
    assert made is not None, found
    assert made.entry("a").asks.wants == wants


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ("{memory: 17Gi}", "2:48 NF609 entry 'a': memory 17Gi is asked for, and there is 16Gi in all"),
        (
            "{bandwidth: 1000001kbps}",
            "2:48 NF609 entry 'a': bandwidth 1000001kbps is asked for, and there is 1Gbps in all",
        ),
        ("{memory: 1GiB}", "2:57 NF106 `entries[0].resources.memory` is not an amount of memory: '1GiB'"),
        ("{memory: 500m}", "2:57 NF106 `entries[0].resources.memory` is not an amount of memory: '500m'"),
        ("{memory: -1Gi}", "2:57 NF106 `entries[0].resources.memory` is not an amount of memory: '-1Gi'"),
        ("{memory: '1024'}", "2:57 NF106 `entries[0].resources.memory` is not an amount of memory: '1024'"),
        ("{storage: 1000P}", None),
        ("{storage: 2000P}", "2:58 NF104 `entries[0].resources.storage` is out of range: 2000P"),
        ("{licences: 3Gi}", "2:59 NF106 `entries[0].resources.licences` is not an amount of licences: '3Gi'"),
        ("{licences: one}", "2:59 NF106 `entries[0].resources.licences` is not an amount of licences: 'one'"),
        ("{memory: true}", "2:57 NF103 `entries[0].resources.memory` must be a number of MiB, not the boolean true"),
    ],
)
def test_an_amount_that_is_none_or_is_not_there_is_refused_with_its_place(resources: str, told: str | None) -> None:
    made, found = check(f"entries: [{{id: a, workflow: a.yaml, resources: {resources}}}]\n")
    assert made is None
    assert told is None or found == [told]


def test_a_unit_that_is_not_known_is_told_with_those_that_are() -> None:
    text = "name: window\nentries: [{id: a, workflow: a.yaml, resources: {bandwidth: 10 Mbit/s, memory: 5MB}}]\n"
    _, found = check_pipeline(load("p.yaml", text=text), lambda file: WORKFLOWS[file])
    assert [(one.hint, one.expected) for one in found] == [
        ("did you mean 10Mbps?", "a number of Mbit/s, or one with its unit (bps, kbps, Mbps, Gbps, Tbps)"),
        ("did you mean 5M?", "a number of MiB, or one with its unit (Ki, Mi, Gi, Ti, Pi, k, M, G, T, P)"),
    ]


def test_an_entry_after_itself_is_told_of_the_others() -> None:
    document = load("p.yaml", text="name: window\nentries: [{id: a, workflow: a.yaml, after: a}]\n")
    _, (fault,) = check_pipeline(document, lambda file: WORKFLOWS[file])
    assert fault.hint == "other entries: none"


def test_a_contradiction_far_away_is_found_and_told_once() -> None:
    _, found = check("""
entries:
  - {id: a, workflow: a.yaml}
  - {id: good, workflow: a.yaml, after: a}
  - {id: bad, workflow: a.yaml, after: {run: a, on: failure}}
  - {id: both, workflow: a.yaml, after: [good, {run: bad, on: completion}]}
  - {id: behind, workflow: a.yaml, after: both}
""")
    assert [one.partition(" ")[2] for one in found] == [
        "NF605 entry 'both' is never begun: for that 'a' had to end both well and badly"
    ]


def test_the_schema_takes_what_the_compiler_takes_and_knows_no_other_key() -> None:
    schema = pipeline_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    good = load(
        "p.yaml",
        text="""
name: window
entries:
  - {id: a, workflow: a.yaml, after: b, resources: {cpu: 0.5, memory: 1.5Gi, licences: 1}, timeout: 5m}
  - {id: b, workflow: a.yaml, after: [c, {run: d, on: failure, within: 60}], retries: 1, delay: 0}
""",
    ).data
    assert list(validator.iter_errors(good)) == []
    for wrong in (
        {"depends_on": "b"},
        {"after": {"run": "b", "on": "always"}},
        {"retries": 99},
        {"resources": {"memory": "1GiB"}},
        {"resources": {"licences": "1Gi"}},
        {"resources": {"CPU": 1}},
    ):
        bad = {**good, "entries": [{**good["entries"][0], **wrong}]}
        assert list(validator.iter_errors(bad)), wrong


KEYS = st.sampled_from(
    (
        "id",
        "workflow",
        "inputs",
        "after",
        "run",
        "on",
        "within",
        "resources",
        "cpu",
        "retries",
        "limit",
        "a",
        "b",
        "mode",
    )
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(("a", "b", "a.yaml", "b.yaml", "{{ runs.a.run }}", "5m")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(
    entries=st.lists(st.dictionaries(KEYS, VALUES, max_size=6) | VALUES, max_size=4),
    top=st.dictionaries(KEYS, VALUES, max_size=2),
)
def test_whatever_stands_in_a_file_it_is_compiled_or_refused(entries: list[Any], top: dict[str, Any]) -> None:
    text = json.dumps({"name": "window", **top, "entries": entries})
    try:
        document = load("p.yaml", text=text)
    except InvalidDocument:
        return
    made, found = check_pipeline(document, lambda file: WORKFLOWS.get(file, "no"), pools={"cpu": 1.0})
    assert (made is None) is any(one.severity.value == "error" for one in found)
    if made is not None:
        assert pipeline_of(json.loads(json.dumps(kept_pipeline(made)))).entries[0].id == made.entries[0].id
