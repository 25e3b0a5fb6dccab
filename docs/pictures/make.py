"""Draws the pictures of the documentation: commands of the tutorial with their output, as a terminal would show them.

What they show is text of docs/tutorial/first-change.md, which a test holds against what the program prints. Pictures fetch
nothing: fonts are those of the reader's machine.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

FOLDER = Path(__file__).parent
TUTORIAL = FOLDER.parent / "tutorial" / "first-change.md"
COLUMNS = 100
THEME = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        *((22, 27, 34), (255, 123, 114), (126, 231, 135), (227, 179, 65)),  # black, red, green, yellow
        *((121, 192, 255), (210, 168, 255), (118, 227, 234), (201, 209, 217)),  # blue, magenta, cyan, white
    ],
)


@dataclass(frozen=True, slots=True)
class Picture:
    """Which command of the tutorial is shown, and from which line of its output on ("" is all of it)."""

    command: str
    title: str
    begin: str = ""


PICTURES: Mapping[str, Picture] = {
    "plan": Picture("nornflow plan workflows/retire-port.yaml -i interface=GigabitEthernet3", "plan"),
    "run": Picture("nornflow run workflows/retire-port.yaml -i interface=GigabitEthernet3 --yes", "run", "batch 1 of"),
    "rollback": Picture(
        "nornflow run workflows/retire-port.yaml -i interface=GigabitEthernet2 --yes",
        "a change that fails its verification is taken back",
        "batch 1 of",
    ),
}
_STYLES = (
    (r"^\$ ", "bold"),
    (r"^batch |^rolling back ", "bold"),
    (r"^ +\+", "green"),
    (r"^ +-(?! id)", "red"),
    (r"^ +@@", "cyan"),
    (r" (failed|rollback_failed)\b", "red"),
    (r" changed$|^devices: .*changed", "yellow"),
    (r"rolled_back|running == pre-image", "magenta"),
    (r" skipped\b", "cyan"),
    (r" ok$", "green"),
)


def shown(page: str, picture: Picture) -> list[str]:
    """Return the lines of a picture: the command, and its output from the wanted line on."""
    head = f"$ {picture.command}\n"
    _, found, rest = page.partition(head)
    if not found:
        raise ValueError(f"the tutorial does not show: {picture.command}")
    lines = re.split(r"^(?:\$ .*|```)$", rest, maxsplit=1, flags=re.MULTILINE)[0].strip("\n").split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(picture.begin))
    return [head.rstrip("\n"), *([] if start == 0 else ["..."]), *lines[start:]]


def drawn(name: str, page: str) -> str:
    """Return one picture as SVG."""
    picture = PICTURES[name]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in shown(page, picture):
        style = next((style for pattern, style in _STYLES if re.search(pattern, line)), "")
        console.print(Text(line, style=style), soft_wrap=False)
    svg = console.export_svg(title=f"nornflow: {picture.title}", theme=THEME, unique_id=f"nornflow-{name}")
    svg = re.sub(r"\s*@font-face \{.*?\n    \}", "", svg, flags=re.DOTALL)  # they would be fetched from elsewhere
    svg = svg.replace("font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace")
    return re.sub(r"\s*<!-- .*? -->", "", svg)


def main() -> None:
    """Write every picture."""
    page = TUTORIAL.read_text(encoding="utf-8")
    for name in PICTURES:
        (FOLDER / f"{name}.svg").write_text(drawn(name, page), encoding="utf-8")


if __name__ == "__main__":
    main()
