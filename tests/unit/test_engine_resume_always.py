"""Of whatever run, and whenever its processes die, the end is that of a run that nothing disturbed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from change_shapes import DEATHS, Shape, devices_of, shapes
from mortal import Death, both


@settings(max_examples=150)
@given(shapes(), st.lists(DEATHS, min_size=1, max_size=3))
def test_whatever_the_run_and_whenever_its_processes_die_the_end_is_the_same(shape: Shape, deaths: list[Death]) -> None:
    calm, story = both(shape.script, lambda: devices_of(shape), *deaths)
    assert story.end == calm.end
