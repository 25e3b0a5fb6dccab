"""The public face: few names, each documented, each real, and nothing heavy behind a plain import."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import nornflow


def test_the_page_lists_exactly_the_public_names(reference: Path, generate: ModuleType) -> None:
    page = (reference / "public-face.md").read_text()
    listed = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert listed == list(nornflow.__all__)
    assert page == generate.public_face_page(), "run: make docs"


@pytest.mark.parametrize("name", nornflow.__all__)
def test_every_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(nornflow, name)
    assert inspect.getdoc(value)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__name__ == name


def test_type_checkers_see_the_same_names() -> None:
    source = ast.parse(Path(nornflow.__file__).read_text())
    block = next(node for node in source.body if isinstance(node, ast.If))
    seen = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(nornflow.__all__)


def test_an_unknown_name_is_told_as_python_does() -> None:
    with pytest.raises(AttributeError, match="no public name 'nothing'"):
        nornflow.nothing  # noqa: B018


def test_the_version_is_told_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from nornflow.cli.main import cli\n"
        "try: cli(['--version'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'yaml', 'nornir', 'netmiko', 'napalm', 'paramiko', 'rich', 'jinja2', 'pluggy', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
