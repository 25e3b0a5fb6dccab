"""Links in pages resolve, every page can be reached, and no file names a machine or a package index."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
_OTHERS = {".git", ".venv", ".nornflow", "build", "dist", "node_modules", "__pycache__"}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
# put together here so that this file does not hold what it looks for
_STRANGERS = re.compile(
    "|".join(
        (
            r"\bpypi\." + "org",
            "python" + r"hosted\.org",
            "registry." + r"npmjs\.org",
            r"\bdeb\." + r"debian\.org",
            "/opt/" + "pypi",
            r"(?<![\w.])/work/" + r"(main|shared)\b",
            r"(?<![\w.])/root/" + r"(\.|work)",
            r"(?<![\w.])/home/" + r"[a-z]+/",
        )
    )
)


def files(*suffixes: str) -> Iterator[Path]:
    for path in _of_the_project():
        if path.is_file() and not path.is_symlink() and (not suffixes or path.suffix in suffixes):
            yield path


def _of_the_project() -> list[Path]:
    """Return what git knows or would take; without git (an unpacked archive) every file that is not built or cached."""
    words = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    asked = subprocess.run(words, capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        return sorted(ROOT / name for name in asked.stdout.split("\0") if name)
    return [p for p in sorted(ROOT.rglob("*")) if not _OTHERS & set(p.relative_to(ROOT).parts)]


PAGES = list(files(".md"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, spelled as renderers of Markdown spell them."""
    headings = re.findall(r"^#+ +(.+?) *#*$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets(page: Path) -> Iterator[tuple[str, Path, str]]:
    for link in _LINK.findall(_FENCE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = unquote(link).partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_resolves(page: Path) -> None:
    for link, target, anchor in targets(page):
        assert target.exists(), f"{page.relative_to(ROOT)}: {link} leads nowhere"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.relative_to(ROOT)}: {link} names no heading"


def test_every_page_of_the_documentation_is_reached_from_its_index() -> None:
    index = ROOT / "docs" / "index.md"
    reached: set[Path] = set()
    waiting = [index]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for _, target, _ in targets(page):
            waiting += target.glob("*.md") if target.is_dir() else [target]  # a folder is a list of its pages
    lost = {str(page.relative_to(ROOT)) for page in PAGES if ROOT / "docs" in page.parents} - {
        str(page.relative_to(ROOT)) for page in reached
    }
    assert not lost, f"link from docs/index.md or from a page that it leads to: {sorted(lost)}"


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = []
    for path in files():
        raw = path.read_bytes()
        if b"\0" not in raw[:1024]:
            for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
                if _STRANGERS.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)
