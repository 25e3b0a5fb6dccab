"""Child processes: real ones, with limits that hold and nothing left behind."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nornflow.abc import Cancellation
from nornflow.errors import PolicyDenied, ResourceExhausted, StepCancelled, StepError, StepTimeout, UsageError
from nornflow.policy.profiles import load_profiles
from nornflow.redaction import Redactor
from nornflow.sandbox import process
from nornflow.sandbox.sandbox import LocalSandbox
from nornflow.sandbox.text import LineStream, clean_line

PROFILES = load_profiles(
    {
        "small": {
            "extends": "elevated",
            "limits": {"max_memory_mb": 200, "max_file_size_mb": 1, "max_step_duration": 20},
        },
        "git-only": {"extends": "restricted", "commands": ["git", "echo"]},
    }
)
Make = Callable[..., LocalSandbox]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def sandbox(profile: str = "small", **options: object) -> LocalSandbox:
        workspace = tmp_path / "workspace"
        workspace.mkdir(exist_ok=True)
        return LocalSandbox(PROFILES[profile], workspace=workspace, project=tmp_path, **options)  # type: ignore[arg-type]

    return sandbox


class Abort(Cancellation):
    """A cancellation that a test pulls."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def stopping(self) -> bool:
        return self._event.is_set()

    @property
    def aborted(self) -> bool:
        return self._event.is_set()

    def on_abort(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def pull(self) -> None:
        self._event.set()
        for callback in list(self._callbacks):
            callback()


def alive(pid: int) -> bool:
    """Tell whether a process still runs; a zombie that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_runs_without_a_shell_and_its_output_and_usage_are_kept(make: Make) -> None:
    lines: list[str] = []
    result = make("standard", emit=lines.append).program(["echo", "Hello; rm -rf / $(id) `id`", "*"])
    assert (result.exit_code, result.stdout) == (0, "Hello; rm -rf / $(id) `id` *\n")
    assert lines == ["Hello; rm -rf / $(id) `id` *"]
    assert result.usage["max_memory_mb"] > 0


def test_exit_codes_are_kept_and_signals_are_negative(make: Make) -> None:
    assert make().program(["sh", "-c", "echo oops >&2; exit 7"]).exit_code == 7
    assert make().program(["sh", "-c", "kill -9 $$"]).exit_code == -9


def test_the_environment_is_clean(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-inherit")
    result = make().program(["env"], environment={"GREETING": "hi"})
    names = {line.partition("=")[0] for line in result.stdout.splitlines()}
    assert names == {"PATH", "HOME", "LANG", "GREETING"}
    assert f"HOME={tmp_path / 'workspace'}" in result.stdout


def test_the_surroundings_are_closed(make: Make, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as kept:
        os.set_inheritable(kept.fileno(), True)
        result = make().program(["sh", "-c", "ls /proc/$$/fd; cat; pwd; ps -o sid= -p $$ | tr -d ' '; echo $$"])
    *fds, folder, session, pid = result.stdout.split()
    assert set(fds) <= {"0", "1", "2", "3"}  # 3 is the folder that ls itself reads
    assert folder == str(tmp_path / "workspace")
    assert session == pid


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PATH", "BASH_ENV", "DYLD_INSERT_LIBRARIES"])
def test_variables_that_make_a_listed_program_run_other_code_are_refused(make: Make, name: str) -> None:
    with pytest.raises(PolicyDenied, match=name):
        make("standard").program(["echo"], environment={name: "x"})


@pytest.mark.parametrize("name", ["lower", "WITH-DASH", "1ST", "", "A=B"])
def test_a_wrong_name_of_a_variable_is_told(make: Make, name: str) -> None:
    with pytest.raises(UsageError, match="environment variable"):
        make().program(["echo"], environment={name: "x"})


def test_a_program_that_is_not_listed_is_denied_with_the_list(make: Make) -> None:
    with pytest.raises(PolicyDenied, match="does not allow the program 'curl'") as denied:
        make("standard").program(["curl", "http://localhost"])
    assert "kubectl" in denied.value.hint


def test_a_file_of_the_workspace_does_not_pass_for_a_listed_program(make: Make, tmp_path: Path) -> None:
    sandbox = make("git-only", environment={"PATH": f"{tmp_path / 'workspace'}:.:/usr/bin:/bin"})
    fake = tmp_path / "workspace" / "git"
    fake.write_text("#!/bin/sh\necho pwned\n")
    fake.chmod(0o755)
    for word in ("./git", str(fake), "../workspace/git"):
        with pytest.raises(PolicyDenied, match="is another file than"):
            sandbox.program([word, "--version"])
    assert sandbox.program(["git", "--version"]).stdout.startswith("git version")
    assert sandbox.program(["/usr/bin/git", "--version"]).exit_code == 0


def test_an_unknown_program_and_one_that_is_none_are_told(make: Make, tmp_path: Path) -> None:
    with pytest.raises(StepError, match="no program 'no-such-program'"):
        make().program(["no-such-program"])
    with pytest.raises(StepError, match="no file that can be executed"):
        make().program(["./missing"])
    broken = tmp_path / "workspace" / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(StepError, match="could not be started"):
        make().program(["./broken"])


def test_permissions_are_held_before_anything_is_done(make: Make) -> None:
    with pytest.raises(PolicyDenied, match=r"needs shell\.script.*standard") as denied:
        make("standard").script("echo hi")
    assert "profiles.standard.allow" in denied.value.message
    with pytest.raises(PolicyDenied, match=r"workflow's permissions leave out shell\.execute"):
        make("standard", permissions={"device.read"}).program(["echo"])


def test_a_timeout_ends_the_whole_family_even_who_ignores_term_or_left_the_group(make: Make, tmp_path: Path) -> None:
    script = "trap '' TERM; (trap '' TERM; setsid sh -c 'echo $$ > away; exec sleep 60') & echo $$ > self; sleep 60"
    begin = time.monotonic()
    with pytest.raises(StepTimeout, match="ended after 1 s"):
        make().script(script, timeout=1)
    assert time.monotonic() - begin < 15
    for name in ("self", "away"):
        assert not alive(int((tmp_path / "workspace" / name).read_text()))


def test_what_a_program_leaves_behind_is_killed_when_it_ends(make: Make) -> None:
    begin = time.monotonic()
    result = make().program(["sh", "-c", "setsid sleep 60 & echo $!"])
    assert result.exit_code == 0
    assert not alive(int(result.stdout))
    assert time.monotonic() - begin < 15


def test_a_cancel_from_another_thread_ends_the_family(make: Make, tmp_path: Path) -> None:
    abort = Abort()

    def ready(line: str) -> None:
        threading.Thread(target=abort.pull).start()

    with pytest.raises(StepCancelled):
        make(cancellation=abort, emit=ready).script("echo $$ > self; echo ready; sleep 60 & wait")
    assert not alive(int((tmp_path / "workspace" / "self").read_text()))
    with pytest.raises(StepCancelled):
        make(cancellation=abort).program(["echo", "never"])


def test_a_child_that_kills_its_supervisor_does_not_outlive_it(make: Make, tmp_path: Path) -> None:
    with pytest.raises(StepError, match="ended without a report"):
        make().program(["sh", "-c", "echo $$ > self; sleep 60 & kill -9 $PPID; sleep 60"])
    assert not alive(int((tmp_path / "workspace" / "self").read_text()))


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_a_daemon_does_not_outlive_a_supervisor_that_its_script_killed_or_stopped(
    signal: str, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PATIENCE", 1.0)
    script = f"""
        setsid sh -c 'echo $$ > daemon; exec sleep 60' &
        while ! test -s daemon; do :; done
        kill -{signal} $PPID
        sleep 60
    """
    with pytest.raises(StepError, match="ended without a report"):
        make().script(script, timeout=1)
    daemon = int((tmp_path / "workspace" / "daemon").read_text())
    deadline = time.monotonic() + 5
    while alive(daemon) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(daemon)


def test_a_fork_bomb_is_bounded(make: Make) -> None:
    bomb = "import os\nwhile True:\n  os.fork()\n"
    with pytest.raises(ResourceExhausted, match=r"limit of 256 processes|memory limit"):
        make().program(["python3", "-I", "-S", "-c", bomb])


def test_memory_is_limited_for_one_process_and_for_the_family(make: Make) -> None:
    with pytest.raises(ResourceExhausted, match="memory limit of 200 MiB: MemoryError"):
        make().program(["python3", "-c", "x = bytearray(10**9)"])
    hogs = "import os,time\nfor _ in range(4): os.fork()\nx = b'a' * 50_000_000\ntime.sleep(15)"
    with pytest.raises(ResourceExhausted, match="memory limit of 200 MiB"):
        make().program(["python3", "-I", "-S", "-c", hogs])


def test_the_engine_itself_keeps_its_limits(make: Make) -> None:
    import resource

    before = [resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)]
    make().program(["true"])
    assert before == [
        resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)
    ]


def test_file_size_and_output_are_limited(make: Make) -> None:
    with pytest.raises(ResourceExhausted, match="file size limit of 1 MiB"):
        make().script("head -c 2000000 /dev/zero > big")
    with pytest.raises(ResourceExhausted, match="16 MiB of output"):
        make().program(["head", "-c", "20000000", "/dev/zero"])


def test_a_script_gets_values_by_environment_only_and_stops_at_the_first_error(make: Make, tmp_path: Path) -> None:
    sandbox = make()
    value = "x; touch pwned $(touch pwned)"
    result = sandbox.script('echo "$VALUE" | tr a-z A-Z\nfalse\necho unreached', environment={"VALUE": value})
    assert (result.exit_code, result.stdout) == (1, "X; TOUCH PWNED $(TOUCH PWNED)\n")
    assert sandbox.script("#!/bin/bash\nfalse | true").exit_code == 1
    assert list((tmp_path / "workspace").iterdir()) == []


def test_a_script_reads_what_it_is_given_and_nothing_of_it_is_left(make: Make, tmp_path: Path) -> None:
    given = "one\n'$(touch pwned)'\n" * 20_000  # more than a pipe holds
    result = make().script("grep -c pwned; cat", stdin=given)
    assert (result.exit_code, result.stdout) == (0, "20000\n")
    assert make().script("cat").stdout == ""
    assert list((tmp_path / "workspace").iterdir()) == []


def test_the_working_directory_stays_in_the_workspace(make: Make, tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "sub").mkdir()
    assert make().program(["pwd"], cwd="sub").stdout == f"{tmp_path}/workspace/sub\n"
    for outside in ("..", "/", "sub/../.."):
        with pytest.raises(PolicyDenied):
            make().program(["pwd"], cwd=outside)
    with pytest.raises(StepError, match="no folder"):
        make().program(["pwd"], cwd="missing")


def test_live_output_is_masked_cleaned_and_cut(make: Make) -> None:
    lines: list[str] = []
    secret = "s3cr3t-value"
    make(emit=lines.append, redactor=Redactor([secret])).program(
        ["printf", f"\\033[31mred\\033[0m {secret}\\r\\n2026 fake\\rlog\\tline\\n%s", "x" * 3000]
    )
    assert lines[:2] == ["red ********", "2026 fakelog    line"]
    assert len(lines[2]) == 1000


def test_lines_are_cut_wherever_the_bytes_were(make: Make) -> None:
    lines: list[str] = []
    stream = LineStream(lines.append)
    for byte in "één\ntwö\r\nrest".encode():
        stream.feed(bytes([byte]))
    stream.finish()
    assert lines == ["één", "twö", "rest"]
    flood: list[str] = []
    LineStream(flood.append).feed(b"\n" * 20_000)
    assert len(flood) == 10_001


def test_direction_marks_and_controls_do_not_reach_a_log() -> None:
    assert clean_line("a\u202eb\x00c\x1b]0;title\x07d\u2028e\x9bf") == "abcdef"
