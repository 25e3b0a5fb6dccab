"""The `script` step: a shell with pipes, values by environment only."""

from typing import Any

import pytest

from nornflow import HostState, PolicyDenied
from nornflow_builtins.programs import ScriptStep

SCRIPT = ScriptStep()


def test_pipes_and_redirections_work_and_the_workspace_is_the_folder(run_bench: Any) -> None:
    result = run_bench.run(
        SCRIPT,
        {"script": 'printf "b\\na\\n" | sort > sorted\ncat sorted\necho "$WHO"'},
        profile="elevated",
        environment={"WHO": "$(id)"},
    )
    assert result.stdout == "a\nb\n$(id)\n"
    assert [file.name for file in run_bench.workspace.iterdir()] == ["sorted"]


def test_the_text_is_not_a_template(run_bench: Any) -> None:
    result = run_bench.run(
        SCRIPT, {"script": "echo '{{ inputs.name }}'"}, {"inputs": {"name": "x'; id; '"}}, profile="elevated"
    )
    assert result.stdout == "{{ inputs.name }}\n"


def test_it_stops_at_the_first_error_and_at_unset_variables(run_bench: Any) -> None:
    result = run_bench.run(SCRIPT, {"script": "echo one\nfalse\necho two"}, profile="elevated")
    assert (result.state, result.stdout) == (HostState.FAILED, "one\n")
    result = run_bench.run(SCRIPT, {"script": 'echo "$UNSET"'}, profile="elevated")
    assert result.state is HostState.FAILED


@pytest.mark.parametrize("profile", ["plan_only", "restricted", "standard"])
def test_it_needs_a_permission_of_its_own(run_bench: Any, profile: str) -> None:
    with pytest.raises(PolicyDenied, match=r"shell\.script"):
        run_bench.run(SCRIPT, {"script": "echo hi"}, profile=profile)
