"""Every command line that a page shows is one that the command line takes: no option or command is made up."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from nornflow.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if page.name != "cli.md"  # made of the command line itself
)
_BLOCK = re.compile(r"^```(console|sh|yaml|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^\s*(?:[$#] |- )?(?P<words>nornflow [a-z].*?)\s*$", re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    for language, block in _BLOCK.findall(page.read_text()):
        for line in _LINE.finditer(block):
            if language in ("text", "yaml") and not re.match(r"\s*(nornflow|- nornflow|# nornflow)", line.group(0)):
                continue
            words = shlex.split(line["words"], comments=True)
            end = next((at for at, word in enumerate(words) if re.match(r"[|&;]|\d?>", word)), len(words))
            yield words[1:end]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_command_line_takes_every_command_of_a_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a project in the current folder may bring commands of its own
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: None)  # read, never done
    for words in commands(page):
        try:
            cli.main(words, prog_name="nornflow", standalone_mode=False)
        except click.UsageError as error:
            pytest.fail(f"{page.relative_to(ROOT)}: nornflow {shlex.join(words)}: {error.format_message()}")


def test_the_pages_show_commands_and_made_up_ones_are_found(tmp_path: Path) -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 50
    page = tmp_path / "page.md"
    page.write_text("```console\n$ nornflow plan x.yaml --detailed > plan.md\nplan of x\n```\n")
    (words,) = commands(page)
    assert words == ["plan", "x.yaml", "--detailed"]
    with pytest.raises(click.UsageError):
        cli.main(words, prog_name="nornflow", standalone_mode=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_yaml_of_a_page_can_be_read_and_every_picture_is_there(page: Path) -> None:
    text = page.read_text()
    if page.parent.name != "diagnostics":  # those show files that cannot be read
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            assert yaml.safe_load(block) is not None
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text):
        assert (page.parent / picture).is_file()
