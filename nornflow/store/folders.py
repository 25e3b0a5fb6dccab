"""Making the folders of a workspace: what runs read from devices lies there."""

from __future__ import annotations

from pathlib import Path

MODE = 0o770
"""For its owner and the group that works with the project; the umask may take from that."""


def made(folder: Path) -> Path:
    """Return a folder that is there, having made it, and those above it that were missing, for no others; OSError."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=MODE, exist_ok=True)
    return folder
