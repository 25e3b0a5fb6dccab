"""Whatever plain data a document holds, it compiles or is told why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nornflow.abc import StepType
from nornflow.model.diagnostic import Diagnostic, Severity
from nornflow.model.workflow import Workflow
from nornflow.workflow.compiler import check_workflow
from nornflow.workflow.document import Document

Compiled = Callable[..., Workflow]
Faults = Callable[..., list[tuple[str, str]]]
Checked = Callable[..., tuple[Workflow | None, tuple[Diagnostic, ...]]]

_WORDS = st.sampled_from(
    [*"abc", "a-b", "shell", "assert", "conditional", "netmiko.config", "{{ inputs.x }}", "{{", "steps.a.x", "10%", ""]
)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 400) | st.floats(allow_nan=False, allow_infinity=False) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "command", "when", "x", "attempts", "delay", "from", "default", "validation", "hosts"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_STEP_KEYS = [
    "id",
    "type",
    "command",
    "condition",
    "lines",
    "when",
    "until",
    "for_each",
    "retry",
    "cache",
    "depends_on",
    "rescue",
]
_STEPS = st.dictionaries(
    st.sampled_from([*_STEP_KEYS, "always", "then_steps", "outputs", "inputs", "rollback"]), _PLAIN, max_size=6
)
_TOP_KEYS = [
    "name",
    "version",
    "inputs",
    "outputs",
    "targets",
    "retry",
    "cache",
    "rollout",
    "environment",
    "permissions",
    "tags",
]


@given(st.dictionaries(st.sampled_from(_TOP_KEYS), _PLAIN, max_size=5), st.lists(_STEPS | _PLAIN, max_size=3))
def test_any_plain_data_compiles_or_is_told_why_not(
    step_types: Mapping[str, StepType], top: dict[str, Any], some: list[Any]
) -> None:
    document = Document("any.yaml", {"name": "a", "version": "1.0", **top, "steps": some})
    workflow, diagnostics = check_workflow(document, step_types)
    assert (workflow is None) == any(one.severity is Severity.ERROR for one in diagnostics)
