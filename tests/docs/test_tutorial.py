"""The code of tutorial and how-to pages is real: it is the example plugin's, or it loads as a plugin itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from nornflow.cli.plugins import command
from nornflow.plugins.host import check_plugin


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_tutorials_code_is_the_example_plugin(root: Path) -> None:
    written = blocks(root / "docs" / "tutorial" / "first-plugin.md", "python")
    source = (root / "plugins" / "nornflow-example" / "src" / "nornflow_example.py").read_text()
    for block in written:
        assert block in source
    assert re.sub(r"\s+", "", "".join(sorted(written, key=source.index))) == re.sub(r"\s+", "", source)


def test_the_tutorials_configuration_is_the_example_plugins(root: Path) -> None:
    for block in blocks(root / "docs" / "tutorial" / "first-plugin.md", "toml"):
        assert block in (root / "plugins" / "nornflow-example" / "pyproject.toml").read_text()
    for block in blocks(root / "docs" / "tutorial" / "first-plugin.md", "yaml"):
        assert yaml.safe_load(block)


def test_the_tutorials_output_is_what_is_printed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    shown = blocks(root / "docs" / "tutorial" / "first-plugin.md", "text")
    monkeypatch.chdir(tmp_path)
    source = (root / "plugins" / "nornflow-example" / "src" / "nornflow_example.py").read_text()
    (tmp_path / "contact.py").write_text(source)
    checked = CliRunner().invoke(command, ["check", "contact.py"], obj={})
    assert checked.stdout.replace(str(tmp_path), ".../contacts") in shown[1]
    (tmp_path / "nornflow.yaml").write_text("plugins: {disabled: [example], local: [contact.py]}\n")
    installed = CliRunner().invoke(command, ["show", "contact"], obj={})
    assert installed.stdout.partition("\nstep type ")[2] in shown[2]


@pytest.mark.parametrize("number", range(5))
def test_each_example_of_the_how_to_is_a_plugin_in_order(number: int, root: Path, tmp_path: Path) -> None:
    code = blocks(root / "docs" / "how-to" / "write-a-step-type.md", "python")
    assert len(code) == 5
    (tmp_path / "acme_steps.py").write_text(f'"""An example of the how-to."""\n{code[number]}')
    assert check_plugin("acme_steps.py", tmp_path).problems == ()
