"""The how-to about simulated routers does what it says: its tests are run as a reader would run them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from nornflow.testing.routers.faults import KINDS

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


def test_the_examples_pass_as_they_stand(tmp_path: Path) -> None:
    text = (HOW_TO / "simulated-routers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_examples.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_examples.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(re.findall('^def test_', text, re.MULTILINE))} passed" in done.stdout


def test_every_fault_stands_in_the_how_to() -> None:
    text = (HOW_TO / "simulated-routers.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(KINDS)
