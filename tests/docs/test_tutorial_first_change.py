"""The tutorial of the first change is done as it is written, on simulated routers; its pictures show the same text."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PAGE = "tutorial/first-change.md"


@pytest.fixture
def transcripts(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "docs"))
    return import_module("generate_transcripts")


@pytest.fixture
def pictures(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "docs" / "pictures"))
    return import_module("make")


def test_every_command_of_the_tutorial_prints_what_is_shown(
    transcripts: ModuleType, root: Path, tmp_path: Path
) -> None:
    page = (root / "docs" / PAGE).read_text()
    done = list(transcripts.play(page, tmp_path))
    assert [command.words for command, _ in done[:2]] == [
        "nornflow init first-change",
        "nornflow run workflows/hello.yaml -i name=World",
    ]
    for command, output in done:
        assert transcripts.same(command.output, output), f"$ {command.words}\n{output}"


def test_the_tutorials_mistake_is_taken_back_and_its_change_stays(transcripts: ModuleType, root: Path) -> None:
    shown = [
        part.output
        for part in transcripts.parts((root / "docs" / PAGE).read_text())
        if isinstance(part, transcripts.Shown)
    ]
    story = "\n".join(shown)
    assert (
        story.index("3 changed")
        < story.index("3 ok; +0 -0 lines")
        < story.index("r2: rolled_back: running == pre-image")
    )
    assert [output.strip() for output in shown if output.strip().isdigit()] == ["0", "1", "0", "3"]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\n...\nz\n", "a\nb\nc\nz\n"),
        ("  r2: x ok\n  r1: x ok\n", "  r1: x ok\n  r2: x ok\n"),
        ("x: failed in 1.2 s (run 20261121-223557-a50760)\n", "x: failed in 10.0 s (run 20270101-000000-ffffff)\n"),
    ],
)
def test_what_differs_from_run_to_run_is_no_difference(transcripts: ModuleType, shown: str, printed: str) -> None:
    assert transcripts.same(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\n...\nz\n", "a\nb\nc\n"),
        ("  r1: x ok\n", "  r1: x failed\n"),
        ("  r1: x ok\n", "  r1: x ok\n  r2: x ok\n"),
        ("", "error: no\n"),
    ],
)
def test_what_is_printed_otherwise_is_a_difference(transcripts: ModuleType, shown: str, printed: str) -> None:
    assert not transcripts.same(shown, printed)


@pytest.mark.parametrize("name", ["plan", "run", "rollback"])
def test_pictures_show_the_tutorial_and_fetch_nothing(pictures: ModuleType, root: Path, name: str) -> None:
    drawn = pictures.drawn(name, (root / "docs" / PAGE).read_text())
    file = root / "docs" / "pictures" / f"{name}.svg"
    assert file.read_text() == drawn, "run `python docs/pictures/make.py`"
    assert "url(" not in drawn.replace("url(#", "")
    assert drawn.count("http") == drawn.count('xmlns="http://www.w3.org/2000/svg"')
    assert file.stat().st_size < 20_000
