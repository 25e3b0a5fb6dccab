"""How configuration text becomes lines and blocks, and what the netmiko plugin loads."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow import StepError, all_lines, split_blocks

Bench = Any


class TestBlocks:
    @pytest.mark.parametrize(
        ("text", "lines", "runs"),
        [
            ("banner motd # hello #\nntp server 1.1.1.1", ["banner motd # hello #", "ntp server 1.1.1.1"], 1),
            ("banner motd #\n a\n#\n", ["banner motd #", " a", "#"], 1),
            ("banner login\nhello\nEOF\nntp", ["banner login", "hello", "EOF", "ntp"], 2),
            ("banner motd line welcome\nhostname x", ["banner motd line welcome", "hostname x"], 1),
            ("  interface a\n    mtu 9000\n  !\n  ntp x\n", ["interface a", "  mtu 9000", "ntp x"], 1),
        ],
    )
    def test_banners_are_blocks_and_comments_go(self, text: str, lines: list[str], runs: int) -> None:
        blocks = split_blocks(text)
        assert all_lines(blocks) == lines
        assert len(blocks) == runs

    def test_a_banner_without_an_end_is_an_error(self) -> None:
        with pytest.raises(StepError, match="has no end"):
            split_blocks("banner motd ^C\nnever ends\n")

    @given(st.lists(st.text("abc !#^C\n ", max_size=12), max_size=8).map("\n".join))
    def test_no_ordinary_line_is_lost_or_reordered(self, text: str) -> None:
        kept = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("!")]
        assert [line.strip() for line in all_lines(split_blocks(text))] == kept

    @given(st.text(max_size=200))
    def test_any_text_is_lines_or_an_unfinished_banner(self, text: str) -> None:
        with suppress(StepError):  # a banner without an end
            assert all("\n" not in line for line in all_lines(split_blocks(text)))


def test_loading_the_plugin_does_not_import_netmiko() -> None:
    program = (
        "import sys, nornflow_netmiko.plugin as plugin; list(plugin.nornflow_step_types());"
        "print(*(name for name in ('netmiko', 'paramiko', 'textfsm', 'ntc_templates', 're2') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
