"""Every diagnostic has a page, and every page proves itself: its example yields the code, what to write instead does not."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nornflow import Check, Diagnostic, Location
from nornflow.abc import StepType
from nornflow.model.diagnostic import InvalidDocument
from nornflow.model.pool import DEFAULT_POOLS
from nornflow.model.workflow import Workflow
from nornflow.workflow.compiler import check_workflow
from nornflow.workflow.diagnostics import PAGES, RULES
from nornflow.workflow.loader import load
from nornflow.workflow.pipelines import check_pipeline

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / PAGES
HEADINGS = ["What it does", "Why is this bad", "Example", "Use instead"]
PROFILES = ("plan_only", "restricted", "standard", "elevated")
GOOD = b"name: change\nversion: 1.0\nsteps:\n  - {id: say, type: shell, command: echo hello}\n"


@pytest.fixture(scope="module")
def step_types() -> Iterator[Mapping[str, StepType]]:
    """The small step types of the language's own tests: the pages hold without any plugin."""
    path = ROOT / "tests" / "unit" / "workflow" / "conftest.py"
    spec = importlib.util.spec_from_file_location("workflow_step_types", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module.step_type_table()
    del sys.modules[spec.name]


def sections(code: str) -> dict[str, str]:
    text = (FOLDER / f"{code}.md").read_text()
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def codes(section: str, folder: Path, step_types: Mapping[str, StepType]) -> set[str]:
    """Return the codes that the example in a section yields."""
    fences = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    kind, body = fences[0]
    for _, beside in fences[1:]:  # what the first one calls
        head, _, text = beside.partition("\n")
        (folder / head.removeprefix("# file: ")).write_text(text, encoding="utf-8")
    path = folder / "change.yaml"
    path.write_bytes(GOOD)
    if "\nentries:" in body:
        return pipeline_codes(body, path, step_types)
    checks: list[Check] = []
    if kind == "yaml":
        path.write_text(body, encoding="utf-8")
    elif kind == "console":
        path = folder / body.split()[-1]
    else:
        made: dict[str, Any] = {"Check": Check, "Diagnostic": Diagnostic, "Location": Location}
        exec(body, made)
        if "content" in made:
            path.write_bytes(made["content"])
        if "check" in made:
            checks.append(made["check"])
    try:
        _, diagnostics = check_workflow(load(path), step_types, checks, PROFILES)
    except InvalidDocument as error:
        diagnostics = error.diagnostics
    return {one.code for one in diagnostics}


def pipeline_codes(text: str, change: Path, step_types: Mapping[str, StepType]) -> set[str]:
    """Return the codes that a pipeline yields; `change.yaml` is the only workflow that there is."""

    def workflow(name: str) -> Workflow | str:
        found = check_workflow(load(change), step_types)[0] if name == change.name else None
        return found or "cannot read it"

    file = change.with_name("pipeline.yaml")
    _, diagnostics = check_pipeline(load(file, text=text), workflow, profiles=PROFILES, pools=DEFAULT_POOLS)
    return {one.code for one in diagnostics}


def test_there_is_a_page_for_every_code_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} - {"index"} == set(RULES)


def test_every_code_of_the_source_is_in_the_table_and_each_one_is_used() -> None:
    source = "".join(path.read_text() for path in (ROOT / "nornflow").rglob("*.py") if path.name != "diagnostics.py")
    assert set(re.findall(r"\"(NF\d{3})\"", source)) == set(RULES)


def test_the_index_lists_every_code() -> None:
    text = (FOLDER / "index.md").read_text()
    for code, rule in RULES.items():
        assert f"| [{code}]({code}.md) | `{rule.name}` | {rule.severity.value} | {rule.title} |\n" in text


@pytest.mark.parametrize("code", RULES)
def test_a_page_has_its_title_and_headings(code: str) -> None:
    rule = RULES[code]
    assert (
        (ROOT / rule.page).read_text().startswith(f"# {code}: {rule.title}\n\n`{rule.name}`, {rule.severity.value}.\n")
    )
    assert list(sections(code)) == HEADINGS
    assert all(len(sections(code)[heading].strip()) > 30 for heading in HEADINGS[:2])


@pytest.mark.parametrize("code", RULES)
def test_the_example_yields_the_code(code: str, tmp_path: Path, step_types: Mapping[str, StepType]) -> None:
    assert code in codes(sections(code)["Example"], tmp_path, step_types)


@pytest.mark.parametrize("code", RULES)
def test_what_to_write_instead_has_nothing_wrong_with_it(
    code: str, tmp_path: Path, step_types: Mapping[str, StepType]
) -> None:
    found = codes(sections(code)["Use instead"], tmp_path, step_types)
    assert found <= ({"ACME001"} if code == "NF501" else set())
