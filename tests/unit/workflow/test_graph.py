"""Drawings show what waits for what and what can run in parallel."""

from __future__ import annotations

from collections.abc import Callable

from nornflow.model.workflow import Workflow
from nornflow.workflow.graph import draw, essential, levels

Compiled = Callable[..., Workflow]

DIAMOND = """
name: diamond
version: 1.0
steps:
  - {id: start, type: ttp.show, command: x}
  - {id: left, type: shell, command: x, depends_on: start}
  - {id: right, type: shell, command: x, depends_on: start, when: "inputs == {}"}
  - {id: end, type: netmiko.config, depends_on: [start, left, right], rescue: [{id: mend, type: shell, command: x}]}
"""


def test_steps_of_one_level_can_run_in_parallel(compiled: Compiled) -> None:
    rows = levels(compiled(DIAMOND))
    assert [[step.id for step in row] for row in rows] == [["start"], ["left", "right"], ["end"], ["mend"]]


def test_edges_that_a_longer_way_says_already_are_left_out(compiled: Compiled) -> None:
    kept = essential(compiled(DIAMOND))
    assert [edge.step for edge in kept["end"]] == ["left", "right"]
    assert [(edge.step, edge.on.value) for edge in kept["mend"]] == [("end", "failed")]


def test_text(compiled: Compiled) -> None:
    assert draw(compiled(DIAMOND)) == (
        "diamond 1.0: 5 steps in 4 levels\n"
        "  1 ╶ start  ttp.show        devices\n"
        "  2 ┌ left   shell           run      after start\n"
        "    └ right  shell           run      after start  when inputs == {}\n"
        "  3 ╶ end    netmiko.config  devices  after left, right\n"
        "  4 ╶ mend   shell           run      after end (failed)\n"
        "Steps joined by a bracket can run in parallel.\n"
    )


def test_mermaid(compiled: Compiled) -> None:
    lines = draw(compiled(DIAMOND), "mermaid").splitlines()
    assert lines[0] == "flowchart TD"
    assert '  s0["start<br/>ttp.show"]' in lines
    assert '  s1(["left<br/>shell"])' in lines
    assert lines[-4:] == ["  s0 --> s2", "  s1 --> s3", "  s2 --> s3", "  s3 -- failed --> s4"]


def test_dot(compiled: Compiled) -> None:
    text = draw(compiled(DIAMOND), "dot")
    assert text.startswith('digraph "diamond" {\n')
    assert '  s0 [label="start\\nttp.show"];\n' in text
    assert '  s3 -> s4 [label="failed", style=dashed];\n' in text
    assert text.endswith("}\n")


CHECKED = """
name: checked
version: 1.0
rollout:
  checks:
    - {id: look, type: ttp.show, command: x}
    - {id: well, type: assert, condition: "true", depends_on: look}
steps:
  - {id: configure, type: netmiko.config}
  - {id: verify, type: ttp.show, command: x, depends_on: configure}
"""


def test_checks_come_behind_all_steps_and_stand_apart(compiled: Compiled) -> None:
    workflow = compiled(CHECKED)
    assert [[step.id for step in row] for row in levels(workflow)] == [["configure"], ["verify"], ["look"], ["well"]]
    assert "  3 ╶ look       ttp.show        devices  behind each batch\n" in draw(workflow)
    assert '  subgraph checks["behind each batch"]\n  s2["look<br/>ttp.show"]\n' in draw(workflow, "mermaid")
    assert '  subgraph cluster_checks {\n  label="behind each batch";\n  s2 [' in draw(workflow, "dot")
