"""`validate`, `schema` and `graph` as a person or a pipeline calls them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from nornflow.cli.main import cli
from nornflow.errors import NornFlowError
from nornflow.workflow.loader import load

GOOD = "version: 1.0\nname: hello\nsteps:\n  - {type: shell, id: say, command: echo hello}\n"
BAD = GOOD.replace("echo hello}", "echo hello, unless: x}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, words, standalone_mode=False)


def test_a_good_file_ends_with_0(project: Path) -> None:
    done = call("validate", "good.yaml")
    assert (done.return_value, done.stdout) == (0, "good.yaml: ok (hello 1.0, 1 step)\n")


def test_every_file_is_reported_and_one_bad_one_ends_with_2(project: Path) -> None:
    done = call("validate", "bad.yaml", "good.yaml", "gone.yaml")
    assert done.return_value == 2
    assert "error[NF101]: unknown key 'unless'" in done.stdout
    assert "--> bad.yaml:4:" in done.stdout
    assert "good.yaml: ok" in done.stdout
    assert "error[NF001]" in done.stdout


def test_a_workflow_that_asks_for_more_than_there_is_cannot_be_run(project: Path) -> None:
    (project / "large.yaml").write_text(GOOD + "resources: {cpu: 64}\n")
    done = call("validate", "large.yaml")
    assert done.return_value == 2
    assert "error[NF609]: `resources`: cpu 64 is asked for, and there is 8 in all" in done.stdout
    assert "--> large.yaml:5:12" in done.stdout


DOUBTFUL = """name: part
version: 1.0
steps:
  - {id: a, type: note, text: x}
  - {id: b, type: note, text: y, depends_on: a, when: "steps.a.nope == 1"}
"""


def test_warnings_of_files_that_are_called_are_told_once_with_their_own_place(project: Path) -> None:
    (project / "parts").mkdir()
    (project / "parts" / "deep.yaml").write_text(DOUBTFUL)
    middle = "name: middle\nversion: 1.0\nsteps: [{id: deep, type: workflow, file: deep.yaml}]\n"
    (project / "parts" / "middle.yaml").write_text(middle)
    calls = "".join(f"  - {{id: {name}, type: workflow, file: parts/middle.yaml}}\n" for name in "ab")
    (project / "main.yaml").write_text(f"name: main\nversion: 1.0\nsteps:\n{calls}")
    alone = call("validate", "main.yaml")
    assert alone.return_value == 0
    assert alone.stdout.count("warning[NF311]: step 'a' has no `nope`") == 1
    assert "  --> parts/deep.yaml:5:55\n   |\n 5 |   - {id: b, type: note," in alone.stdout
    assert "main.yaml: ok (main 1.0, 8 steps), 1 warning\n" in alone.stdout
    data = json.loads(call("validate", "main.yaml", "parts", "--format", "json").stdout)
    told = {each["file"]: [(one["file"], one["line"]) for one in each["diagnostics"]] for each in data["files"]}
    assert told == {
        "main.yaml": [],
        "parts/deep.yaml": [("parts/deep.yaml", 5)],
        "parts/middle.yaml": [],
    }
    (project / "nornflow.yaml").write_text("profile: elevated\n")
    planned = call("plan", "main.yaml", "--format", "json")
    assert planned.stderr.count("parts/deep.yaml:5:55: warning[NF311]: step 'a' has no `nope`") == 1
    assert json.loads(planned.stdout)
    ran = call("run", "main.yaml", "--yes")
    assert ran.stderr.count("parts/deep.yaml:5:55: warning[NF311]") == 1


def test_a_folder_stands_for_the_workflows_in_it(project: Path) -> None:
    (project / "more").mkdir()
    (project / "more" / "one.yml").write_text(GOOD)
    (project / ".hidden").mkdir()
    (project / ".hidden" / "two.yaml").write_text(BAD)
    data = json.loads(call("validate", ".", "--format", "json").stdout)
    assert [(one["file"], one["ok"]) for one in data["files"]] == [
        ("bad.yaml", False),
        ("good.yaml", True),
        ("more/one.yml", True),
    ]


def test_an_empty_folder_is_a_clean_error(project: Path) -> None:
    (project / "empty").mkdir()
    done = call("validate", "empty")
    assert isinstance(done.exception, NornFlowError)
    assert done.exception.exit_code == 2


@pytest.mark.parametrize("form", ["sarif", "junit", "github"])
def test_machines_get_nothing_but_their_format(project: Path, form: str) -> None:
    done = call("validate", "bad.yaml", "--format", form)
    assert done.return_value == 2
    assert done.stdout.startswith({"sarif": "{", "junit": "<?xml", "github": "::error file=bad.yaml,line=4"}[form])


def test_a_workflow_is_exported_in_canonical_form(project: Path) -> None:
    assert call("validate", "good.yaml", "--export", "out.yaml").return_value == 0
    text = (project / "out.yaml").read_text()
    assert text.startswith('name: hello\nversion: "1.0"\nsteps:\n  - id: say\n')
    assert load("out.yaml", text=text).data["steps"] == load("good.yaml").data["steps"]
    done = call("validate", "good.yaml", "--export", "-")
    assert (done.stdout, done.stderr) == (text, "good.yaml: ok (hello 1.0, 1 step)\n")


def test_a_bad_workflow_is_not_exported(project: Path) -> None:
    assert call("validate", "bad.yaml", "--export", "out.yaml").return_value == 2
    assert not (project / "out.yaml").exists()
    assert isinstance(call("validate", "good.yaml", "bad.yaml", "--export", "out.yaml").exception, NornFlowError)
    assert isinstance(call("validate", "good.yaml", "--export", "no/such/folder.yaml").exception, NornFlowError)


def test_the_schema_holds_the_installed_step_types(project: Path) -> None:
    schema = json.loads(call("schema").stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    assert {"step.shell", "step.assert", "step.conditional", "step.nornir.task"} <= set(schema["definitions"])
    validator = jsonschema.Draft7Validator(schema)
    assert validator.is_valid(load("good.yaml").data)
    assert not validator.is_valid(load("bad.yaml").data)
    assert call("schema", "--output", "schema.json").return_value == 0
    assert json.loads((project / "schema.json").read_text()) == schema


def test_the_example_workflows_compile_and_fit_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    done = call("validate", "workflows")
    assert done.return_value == 0, done.stdout
    validator = jsonschema.Draft7Validator(json.loads(call("schema").stdout))
    for path in sorted(Path("workflows").glob("*.yaml")):
        assert [error.message for error in validator.iter_errors(load(path).data)] == [], path


@pytest.mark.parametrize(
    ("form", "start"), [("text", "hello 1.0: 1 step"), ("mermaid", "flowchart"), ("dot", "digraph")]
)
def test_a_workflow_is_drawn(project: Path, form: str, start: str) -> None:
    assert call("graph", "good.yaml", "--format", form).stdout.startswith(start)


def test_a_bad_workflow_is_not_drawn(project: Path) -> None:
    done = call("graph", "bad.yaml")
    assert (done.return_value, done.stdout) == (2, "")
    assert "NF101" in done.stderr
