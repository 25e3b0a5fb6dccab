"""What the tests of the documentation share: the repository, its pages, and the generator of reference pages."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def reference(root: Path) -> Path:
    """The folder of reference pages."""
    return root / "docs" / "reference"


@pytest.fixture(scope="session")
def generate(root: Path) -> ModuleType:
    """The generator behind `make docs`."""
    spec = importlib.util.spec_from_file_location("docs_generate", root / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def attributes(root: Path) -> set[tuple[str, str, str]]:
    """Every attribute that NornFlow's own code reads: the subpackage it is read in, what it is read from, its name."""
    return {
        (path.relative_to(root / "nornflow").parts[0], ast.unparse(node.value), node.attr)
        for path in (root / "nornflow").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
