"""What a project's own file says is what runs, whatever compiled code lies beside it."""

from __future__ import annotations

import os
import py_compile
from pathlib import Path

import pytest

from nornflow.errors import PluginError
from nornflow.plugins.sources import local_source

A_MOMENT = (1_700_000_000, 1_700_000_000)


def write(file: Path, text: str) -> None:
    """Write a file as if it had been at one and the same second."""
    file.write_text(text, encoding="utf-8")
    os.utime(file, A_MOMENT)


def test_a_plugin_that_is_edited_twice_within_a_second_is_the_last_one(tmp_path: Path) -> None:
    write(tmp_path / "own.py", "VALUE = 'one'\n")
    py_compile.compile(str(tmp_path / "own.py"))
    write(tmp_path / "own.py", "VALUE = 'two'\n")

    assert local_source("own.py", tmp_path).load().VALUE == "two"


def test_what_is_no_python_file_is_no_plugin(tmp_path: Path) -> None:
    write(tmp_path / "own.txt", "VALUE = 'one'\n")
    with pytest.raises(PluginError, match=r"own\.txt is not a Python file"):
        local_source("./own.txt", tmp_path).load()
