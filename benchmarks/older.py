"""nornflow 1.0 from the package index, in a virtual environment of its own: it has our package's name."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name(".venv-peer")
SAME = ("nornir", "nornir-netmiko", "netmiko", "paramiko", "cryptography", "PyYAML", "ruamel.yaml")
"""What both sides must have in the same version, so that the comparison is about nornflow."""


class NotInstalled(Exception):
    """Why nornflow 1.0 is not compared."""


def older_command() -> str:
    """Return the path of nornflow 1.0's command, installed when it is not there yet; raises NotInstalled."""
    command = FOLDER / "bin" / "nornflow"
    ready = FOLDER / "ready"
    if not ready.exists():
        _say("installing nornflow 1.0 into benchmarks/.venv-peer, to compare with it ...")
        _run([sys.executable, "-m", "venv", "--clear", str(FOLDER)])
        pins = [f"{name}=={importlib.metadata.version(name)}" for name in SAME]
        _run([str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "nornflow==1.0.*", *pins])
        ready.touch()
    return str(command)


def _run(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
        raise NotInstalled(errors[0].removeprefix("ERROR: ")[:160])


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
