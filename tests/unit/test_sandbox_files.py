"""Files of steps: confined to workspace and project, whatever links and names say."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.errors import NornFlowError, PolicyDenied, ResourceExhausted, StepError
from nornflow.policy.profiles import load_profiles
from nornflow.sandbox.files import Files
from nornflow.sandbox.sandbox import LocalSandbox


@pytest.fixture
def files(tmp_path: Path) -> Files:
    for name in ("workspace", "project", "outside"):
        (tmp_path / name).mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return Files(tmp_path / "workspace", tmp_path / "project", max_file_size_mb=1)


def test_what_is_written_can_be_read_and_has_mode_0644(files: Files) -> None:
    written = files.write_text("reports/today.txt", "hällo\n")
    assert stat.S_IMODE(written.stat().st_mode) == 0o644
    assert files.read_text("reports/today.txt") == "hällo\n"
    files.write_text("reports/today.txt", "new", mode=0o4755)
    assert stat.S_IMODE(written.stat().st_mode) == 0o755
    assert [file.name for file in written.parent.iterdir()] == ["today.txt"]


def test_the_workspace_comes_before_the_project(files: Files) -> None:
    (files.project / "ntp.j2").write_text("project")
    assert files.read_text("ntp.j2") == "project"
    files.write_text("ntp.j2", "workspace")
    assert files.read_text("ntp.j2") == "workspace"
    assert files.read_text(str(files.project / "ntp.j2")) == "project"


@pytest.mark.parametrize("path", ["../outside/secret", "/etc/passwd", "a/../../x", "", "a\0b", "a\nb", ".."])
def test_paths_out_of_the_folders_are_refused(files: Files, path: str) -> None:
    with pytest.raises(PolicyDenied):
        files.read_text(path)
    with pytest.raises(PolicyDenied):
        files.write_text(path, "x")


def test_links_that_lead_out_are_refused_and_links_inside_are_not(files: Files, tmp_path: Path) -> None:
    (files.workspace / "out").symlink_to(tmp_path / "outside")
    (files.workspace / "file").symlink_to(tmp_path / "outside" / "secret")
    (files.workspace / "loop").symlink_to("loop")
    for path in ("out/secret", "file", "loop"):
        with pytest.raises(PolicyDenied):
            files.read_text(path)
        with pytest.raises(PolicyDenied):
            files.write_text(path, "pwned")
    assert (tmp_path / "outside" / "secret").read_text() == "secret"
    files.write_text("real/file", "inside")
    (files.workspace / "in").symlink_to("real")
    assert files.read_text("in/file") == "inside"


def test_a_link_that_is_swapped_in_after_the_check_is_not_followed(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = files.workspace / "folder"
    folder.mkdir()
    (folder / "secret").write_text("mine")
    inside = Files._inside

    def then_swap(self: Files, *arguments: object) -> tuple[Path, Path]:
        answer = inside(self, *arguments)  # type: ignore[arg-type]
        folder.rename(files.workspace / "moved")
        folder.symlink_to(tmp_path / "outside")
        return answer

    monkeypatch.setattr(Files, "_inside", then_swap)
    with pytest.raises(PolicyDenied, match="is no folder"):
        files.read_text("folder/secret")


def test_only_ordinary_files_are_opened(files: Files) -> None:
    os.mkfifo(files.workspace / "fifo")
    (files.workspace / "folder").mkdir()
    for path in ("fifo", "folder"):
        with pytest.raises(PolicyDenied, match="no ordinary file"):
            files.read_text(path)
        with pytest.raises(PolicyDenied):
            files.write_text(path, "x")


def test_size_encoding_and_absence_are_told(files: Files) -> None:
    with pytest.raises(ResourceExhausted, match="1 MiB"):
        files.write_text("big", "x" * 1_048_577)
    (files.workspace / "big").write_bytes(b"x" * 1_048_577)
    with pytest.raises(ResourceExhausted, match="1 MiB"):
        files.read_text("big")
    (files.workspace / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(StepError, match="not UTF-8"):
        files.read_text("latin")
    with pytest.raises(StepError, match="no file 'absent'"):
        files.read_text("absent")


def test_permissions_are_asked_first(tmp_path: Path) -> None:
    sandbox = LocalSandbox(load_profiles()["plan_only"], workspace=tmp_path, project=tmp_path)
    with pytest.raises(PolicyDenied, match=r"file\.write"):
        sandbox.write_text("x", "x")
    assert not (tmp_path / "x").exists()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(["..", ".", "a", "out", "/", "//", "~", "\\", "%2e%2e", " ", "é"]), max_size=6))
def test_no_path_writes_outside(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    root = tmp_path_factory.mktemp("fuzz", numbered=True)
    (root / "outside").mkdir()
    files = Files(root / "workspace", root / "workspace", 1)
    files.workspace.mkdir()
    (files.workspace / "out").symlink_to(root / "outside")
    try:
        written = files.write_text("/".join(parts), "x")
    except NornFlowError:
        pass
    else:
        assert written.resolve().is_relative_to(files.workspace)
    assert list((root / "outside").iterdir()) == []
