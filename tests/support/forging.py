"""What somebody can do to a plan file who may write to it: change it, and seal it anew so that its hash is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nornflow.model.sealed import FORMAT
from nornflow.planning.seal import canonical, hash_of


def forged(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a plan file says, as plain data, and write it with a hash that is right."""
    content = json.loads(file.read_bytes())["content"]
    change(content)
    file.write_bytes(enveloped(content))


def enveloped(content: Any, signatures: Any = ()) -> bytes:
    """Return a plan file with this content, whatever it is."""
    envelope = {"format": FORMAT, "hash": hash_of(content), "signatures": signatures, "content": content}
    return canonical(envelope).encode() + b"\n"
