"""`nornflow profile` and `nornflow policy explain` as their users see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nornflow.cli import policy, profile
from nornflow.errors import ConfigurationError, UsageError

WORKFLOW = """\
name: hello
version: 1.0
inputs:
  name: {type: string, default: Developer, validation: {pattern: "^[A-Z]"}}
steps:
  - id: hello
    type: shell
    command: echo 'Hello {{ inputs.name }}!'
  - id: report
    type: script
    script: date | cat
    timeout: 3000
  - {id: careful, type: shell, command: date, profile: restricted}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nornflow.yaml").write_text(
        "profiles:\n  site:\n    extends: standard\n    description: with scripts\n    allow: [shell.script]\n"
    )
    (tmp_path / "hello.yaml").write_text(WORKFLOW)
    return tmp_path


def call(command: object, *words: str) -> Result:
    return CliRunner().invoke(command, list(words), obj={})  # type: ignore[arg-type]


def test_profiles_are_listed_and_the_default_is_marked(project: Path) -> None:
    lines = call(profile.command, "list").stdout.splitlines()
    assert [line[:12].strip() for line in lines] == ["plan_only", "restricted", "* standard", "elevated", "site"]
    assert "with scripts (extends standard)" in lines[-1]
    rows = json.loads(call(profile.command, "list", "--format", "json").stdout)
    assert [row["name"] for row in rows if row["default"]] == ["standard"]


def test_a_profile_is_shown_with_everything_it_holds(project: Path) -> None:
    text = call(profile.command, "show", "site").stdout
    for expected in (
        "with scripts",
        "extends          standard",
        "shell.script",
        "kubectl",
        "max_memory_mb",
        "wr[ite] er[ase]",
    ):
        assert expected in text
    shown = json.loads(call(profile.command, "show", "restricted", "--format", "json").stdout)
    assert shown["limits"]["max_step_duration"] == 900
    assert shown["permissions"]["http.request"] is False
    assert [rule["on"] for rule in shown["read"]] == ["exec"] * 3


def test_an_unknown_profile_is_told_with_the_nearest_one(project: Path) -> None:
    error = call(profile.command, "show", "restrictd").exception
    assert isinstance(error, UsageError)
    assert "did you mean 'restricted'" in error.message


def test_a_mistake_in_a_profile_is_told_with_its_place(project: Path) -> None:
    (project / "nornflow.yaml").write_text("profiles:\n  site: {extends: standart}\n")
    error = call(profile.command, "list").exception
    assert isinstance(error, ConfigurationError)
    assert "there is no profile 'standart' (did you mean 'standard'?)" in error.message
    assert "nornflow.yaml" in error.message


def test_explain_names_step_permission_rule_place_and_way_out(project: Path) -> None:
    result = call(policy.command, "explain", "hello.yaml")
    assert result.exit_code == 3
    denied = next(line for line in result.stdout.splitlines() if line.lstrip().startswith("deny"))
    assert "report: shell.script: profile standard: allow has no shell.script" in denied
    assert "profiles.standard.allow" in denied
    assert "write one that extends this one" in result.stdout
    assert "report: timeout: step 'report' asks for 3000 s, and profile 'standard' allows 1800 s" in result.stdout


def test_explain_answers_0_when_all_is_allowed_and_json_for_machines(project: Path) -> None:
    result = call(policy.command, "explain", "hello.yaml", "--profile", "elevated", "--format", "json")
    assert result.exit_code == 0
    explained = json.loads(result.stdout)
    assert explained["allowed"] is True
    assert {row["step"]: row["rule"] for row in explained["rows"]}["careful"].startswith("profile restricted")


def test_explain_checks_inputs_that_are_given(project: Path) -> None:
    error = call(policy.command, "explain", "hello.yaml", "-i", "name=lower").exception
    assert isinstance(error, UsageError)


def test_explain_refuses_a_step_profile_that_would_raise(project: Path) -> None:
    (project / "hello.yaml").write_text(WORKFLOW.replace("profile: restricted", "profile: elevated"))
    result = call(policy.command, "explain", "hello.yaml")
    assert result.exit_code == 3
    assert "careful: profile: profile 'elevated' would raise 'standard'" in result.stdout
