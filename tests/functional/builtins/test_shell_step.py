"""The `shell` step with real programs."""

from typing import Any

import pytest

from nornflow import HostState, PolicyDenied, StepTimeout
from nornflow_builtins.programs import ShellStep

SHELL = ShellStep()


def test_the_first_workflow_says_hello(run_bench: Any) -> None:
    result = run_bench.run(SHELL, {"command": "echo 'Hello {{ inputs.name }}!'"}, {"inputs": {"name": "Developer"}})
    assert (result.state, result.exit_code, result.stdout) == (HostState.OK, 0, "Hello Developer!\n")
    assert run_bench.lines == ["Hello Developer!"]


@pytest.mark.parametrize(
    "value",
    [
        "x; touch pwned",
        "$(touch pwned)",
        "`touch pwned`",
        "' touch pwned '",
        "a | tee pwned",
        "> pwned",
        "&& touch pwned",
    ],
)
def test_a_value_can_neither_add_a_word_nor_an_operator(run_bench: Any, value: str) -> None:
    result = run_bench.run(SHELL, {"command": "echo Hello {{ inputs.name }}"}, {"inputs": {"name": value}})
    assert result.stdout == f"Hello {value}\n"
    assert list(run_bench.workspace.iterdir()) == []


def test_a_non_zero_exit_fails_and_keeps_what_was_said(run_bench: Any) -> None:
    result = run_bench.run(SHELL, {"command": "python3 -c 'import sys; print(1); sys.exit(\"no luck\")'"})
    assert result.state is HostState.FAILED
    assert (result.exit_code, result.stdout, result.stderr) == (1, "1\n", "no luck\n")
    assert result.error == "python3 exited with 1: no luck"
    assert result.reason == "exit-code"


def test_a_signal_is_named(run_bench: Any) -> None:
    result = run_bench.run(SHELL, {"command": "python3 -c 'import os; os.kill(os.getpid(), 9)'"})
    assert result.error == "python3 was ended by SIGKILL"


def test_environment_folder_and_uncaptured_output(run_bench: Any) -> None:
    (run_bench.workspace / "sub").mkdir()
    params = {
        "command": ["python3", "-c", "import os; print(os.environ['WHO'], os.getcwd())"],
        "working_directory": "sub",
        "capture_output": False,
    }
    result = run_bench.run(SHELL, params, environment={"WHO": "ada"})
    assert result.stdout == ""
    assert run_bench.lines == [f"ada {run_bench.workspace}/sub"]


def test_a_program_out_of_the_list_and_a_timeout_are_errors(run_bench: Any) -> None:
    with pytest.raises(PolicyDenied, match="does not allow the program 'rm'"):
        run_bench.run(SHELL, {"command": "rm -rf /"})
    with pytest.raises(StepTimeout, match=r"after 0\.2 s"):
        run_bench.run(SHELL, {"command": "sleep 30"}, timeout=0.2)


def test_a_rendered_program_is_judged_by_what_it_became(run_bench: Any) -> None:
    with pytest.raises(PolicyDenied, match="'rm'"):
        run_bench.run(SHELL, {"command": "{{ inputs.tool }} -rf /"}, {"inputs": {"tool": "rm"}})


def test_secrets_do_not_show_in_live_output(run_bench: Any) -> None:
    run_bench.redactor.add("hunter2222")
    run_bench.run(SHELL, {"command": "echo hunter2222"})
    assert run_bench.lines == ["********"]
