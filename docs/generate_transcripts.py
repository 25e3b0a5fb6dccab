"""Runs the commands that pages show, so that what stands below them is what they print.

A `console` block holds commands (`$ nornflow ...`) and their output; a line of `...` stands for any lines left out. A fenced
block below a line that ends with a path in backticks and a colon is a file of the reader's folder. `make docs` runs
the pages, writes anew what a command prints otherwise than shown, and draws the pictures; tests run them and compare.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-change.md")
LEFT_OUT = "..."
READER = "ann"
"""The name that stands in pages for whoever runs the commands."""

_BLOCK = re.compile(r"(?:`(?P<file>[\w./-]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?P<words>.+)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_DEMO = re.compile(r"\A\$ (?P<words>make demo)\n(?P<shown>.*)", re.DOTALL)
_RUN_ID = re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b")
_HOST_LINE = re.compile(r"^  (r\d+): ")


@dataclass(frozen=True, slots=True)
class Shown:
    """One command of a page and what the page says that it prints; `place` is where the output stands in the page."""

    words: str
    output: str
    place: tuple[int, int]


def parts(page: str) -> Iterator[Shown | tuple[str, str]]:
    """Yield the files (name and text) and the commands of a page, in order."""
    for block in _BLOCK.finditer(page):
        if block["language"] == "console":
            # the demo's output has commands in it
            commands = _DEMO if block["text"].startswith("$ make demo\n") else _COMMAND
            for command in commands.finditer(block["text"]):
                start = block.start("text") + command.start("shown")
                yield Shown(command["words"], command["shown"], (start, start + len(command["shown"])))
        elif block["file"]:
            yield block["file"], block["text"]


def printed(words: str, folder: Path, last: int) -> tuple[str, int]:
    """Run one command as the reader would and return what stands on the screen then, and its exit code."""
    if words == "echo $?":
        return f"{last}\n", last
    if words == "make demo":
        words = "nornflow demo"
    program, *arguments = shlex.split(words)
    if program != "nornflow":
        raise ValueError(f"a page shows a command that is not run: {words}")
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-m", "nornflow", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout, done.returncode


def play(page: str, folder: Path) -> Iterator[tuple[Shown, str]]:
    """Do in an empty folder what a page says; yield each command with what it printed, as a page would show it."""
    here, last = folder, 0
    try:
        for part in parts(page):
            if isinstance(part, tuple):
                file = here / part[0]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(part[1], encoding="utf-8")
            elif part.words.startswith("cd "):
                here = here / part.words.removeprefix("cd ")
            else:
                output, last = printed(part.words, here, last)
                yield part, for_readers(output, folder)
    finally:
        if (here / ".nornflow" / "lab").exists():  # its devices would stay when their folder is gone
            printed("nornflow lab down", here, 0)


def for_readers(output: str, folder: Path) -> str:
    """Return output without what is this machine's alone: its folder and its user."""
    shown = output.replace(str(folder), LEFT_OUT)
    user = re.escape(pwd.getpwuid(os.getuid()).pw_name)
    shown = re.sub(rf"  {user}  ", f"  {READER}  ", shown)
    return re.sub(rf"\({user}\)$", f"({READER})", shown, flags=re.MULTILINE)


def normal(text: str) -> list[str]:
    """Return the lines of output without what differs from run to run: ids, hashes, times, ports, which device was first."""
    text = _RUN_ID.sub("RUN", text)
    text = re.sub(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b", "HASH", text)
    text = re.sub(r"\bin \d+\.\d s\b", "in N s", text)
    text = re.sub(r"127\.0\.0\.1:\d+ *", "127.0.0.1:PORT ", text)
    text = re.sub(r"ssh -p \d+", "ssh -p PORT", text)
    lines: list[str] = []
    together: list[str] = []
    for line in [*text.rstrip("\n").split("\n"), ""]:
        if _HOST_LINE.match(line):
            together.append(line.rstrip())
        else:
            lines += [*sorted(together, key=_host), line.rstrip()]
            together = []
    return lines


def _host(line: str) -> str:
    found = _HOST_LINE.match(line)
    return found[1] if found else ""


def same(shown: str, output: str) -> bool:
    """Tell whether a page shows what was printed; `...` on a line of its own stands for any lines."""
    wanted = "\n".join(r"(?:.*\n)*?.*" if line == LEFT_OUT else re.escape(line) for line in normal(shown))
    return re.fullmatch(wanted, "\n".join(normal(output))) is not None


def refreshed(page: str) -> str:
    """Return the page with the output of every command that prints something else than is shown."""
    with tempfile.TemporaryDirectory(prefix="nornflow-docs-") as name:
        found = list(play(page, Path(name).resolve()))
    for command, output in reversed(found):
        if not same(command.output, output):
            blank = "\n" if command.output.endswith("\n\n") else ""
            page = page[: command.place[0]] + output.rstrip("\n") + "\n" + blank + page[command.place[1] :]
    return page


def main() -> None:
    """Run every page's commands and write the pages whose output is not as shown."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        new = refreshed(text)
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")  # noqa: T201 - this is a program
    subprocess.run([sys.executable, str(ROOT / "docs" / "pictures" / "make.py")], check=True)


if __name__ == "__main__":
    main()
