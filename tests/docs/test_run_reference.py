"""The pages about exit codes, records, events and shipped plugins name everything that there is, and nothing else."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from nornflow import errors
from nornflow.app.build import load_project
from nornflow.model.event import EventKind
from nornflow.model.run import RUN_MOVES, HostRecord, HostState, RunRecord, RunState, StepRecord, StepResult
from nornflow.plugins.host import check_plugin


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def first_cells(text: str) -> set[str]:
    """Every word in backticks in the first column of the tables of a text."""
    rows = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.fixture(scope="module")
def record() -> str:
    return (Path(__file__).parents[2] / "docs" / "reference" / "run-record.md").read_text()


@pytest.mark.parametrize(
    ("heading", "record_type", "elsewhere"),
    [("Fields", RunRecord, {"duration"}), ("`steps[]`", StepResult, set()), ("`hosts[]`", HostRecord, set())],
)
def test_every_field_of_a_record_is_described(
    record: str, heading: str, record_type: type, elsewhere: set[str]
) -> None:
    assert first_cells(section(record, heading)) == {field.name for field in fields(record_type)} | elsewhere


def test_the_fields_of_a_steps_entry_are_named(record: str) -> None:
    text = section(record, "`steps[]`")
    assert all(f"`{field.name}`" in text for field in fields(StepRecord))


def test_every_state_is_described(record: str) -> None:
    final = {state.value for state in RunState if state not in RUN_MOVES}
    assert first_cells(section(record, "States of a run")) == final
    between = {HostState.PENDING, HostState.RUNNING, HostState.PLANNED}
    assert first_cells(section(record, "States of a device or a step")) == {
        s.value for s in HostState if s not in between
    }


def test_every_kind_of_event_that_is_told_is_described(root: Path, reference: Path) -> None:
    sources = [path for path in (root / "nornflow").rglob("*.py") if path.name not in ("event.py", "emit.py")]
    sources.append(root / "nornflow" / "engine" / "emit.py")
    text = "\n".join(map(Path.read_text, sources))
    code = re.sub(r"^SECURITY_EVENTS = .*?^\)", "", text, flags=re.DOTALL | re.MULTILINE)
    told = {kind.value for kind in EventKind if re.search(rf"\bEventKind\.{kind.name}\b", code)}
    assert first_cells((reference / "events.md").read_text().split("| kind |", 1)[1]) == told


def test_the_observer_of_the_page_is_a_plugin_in_order(reference: Path, tmp_path: Path) -> None:
    code = re.search(r"^```python\n(.*?)^```", (reference / "events.md").read_text(), re.MULTILINE | re.DOTALL)
    assert code
    (tmp_path / "acme_observer.py").write_text(f'"""The example of the page."""\n\n{code[1]}')
    assert check_plugin("acme_observer.py", tmp_path).problems == ()


def test_every_exit_code_of_an_error_is_described(reference: Path) -> None:
    page = (reference / "exit-codes.md").read_text()
    shown = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    raised = {error.exit_code for error in vars(errors).values() if hasattr(error, "exit_code")}
    assert raised | {0, 10, 130} == shown


def test_every_shipped_plugin_and_what_it_brings_is_named(
    root: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (reference / "plugins-shipped.md").read_text()
    assert {path.parent.name for path in (root / "plugins").glob("*/pyproject.toml")} <= first_cells(page)
    ours = {point.name for point in entry_points(group="nornflow") if point.value.startswith("nornflow_")}
    assert ours
    named = set(re.findall(r"`([\w.]+)`", page))
    assert set(load_project().step_types) <= named
