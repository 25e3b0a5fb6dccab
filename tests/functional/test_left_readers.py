"""`nornflow ... | head`: a reader that leaves early has enough, and nothing went wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("words", [("schema",), ("run", "--help"), ("plugins", "list")], ids=" ".join)
def test_a_command_whose_reader_left_ends_well_and_says_nothing(words: tuple[str, ...]) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "nornflow", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    said = command.stderr.read()
    command.stderr.close()
    assert (command.wait(60), said) == (0, b"")
