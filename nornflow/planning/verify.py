"""Whether a device shows after a change what was planned: the planned lines are there, and what was to go is gone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nornflow.model.plan import Method
from nornflow.planning.normalise import tree_of
from nornflow.planning.predict import predict
from nornflow.platforms.platform import Platform
from nornflow.platforms.tree import SEPARATOR, Path
from nornflow.record import record

_SECRET = re.compile(
    r"\b(?:secret|password|passwd|community|key|key-string|pre-shared-key|authentication-key|encrypted-password"
    r"|plain-text-password|md5|hmac-\S+)\b"
)
"""Words before a value that devices show otherwise than it was typed (hashed, or veiled)."""


@record
class Verdict:
    """What a reading says of a change: planned lines that are `missing`, lines that `remain` although they were to go.

    `known` is false where nobody can tell from text what the lines should have made of the configuration.
    """

    missing: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()
    known: bool = True

    @property
    def passed(self) -> bool | None:
        """True when all is as planned, None when that is not known."""
        return not (self.missing or self.remaining) if self.known else None

    def __str__(self) -> str:
        said = [f"`{line}` is not there" for line in self.missing] + [
            f"`{line}` is still there" for line in self.remaining
        ]
        more = f" and {len(said) - 3} more" if len(said) > 3 else ""
        return ", ".join(said[:3]) + more


def verify(before: str, after: str, lines: Sequence[str], platform: Platform) -> Verdict:
    """Hold a reading against what the lines should have made of the configuration before.

    Only what the lines were to change is looked at: a default that the device adds by itself is no fault. A line with
    a secret counts as there when the device shows a new line that begins alike up to the secret.
    """
    prediction = predict(before, lines, platform)
    if prediction.method is Method.IMPOSSIBLE:
        return Verdict(known=False)
    old, wanted, now = (list(tree_of(text, platform).paths()) for text in (before, prediction.text, after))
    was, goal, shown = set(old), set(wanted), set(now)
    veiled = {_up_to_secret(path) for path in now if path not in was} - {None}
    missing = [path for path in wanted if path not in was and path not in shown and _up_to_secret(path) not in veiled]
    remaining = [path for path in old if path not in goal and path in shown]
    return Verdict(tuple(map(SEPARATOR.join, missing)), tuple(map(SEPARATOR.join, remaining)))


def _up_to_secret(path: Path) -> Path | None:
    found = _SECRET.search(path[-1])
    return (*path[:-1], path[-1][: found.end()]) if found and found.end() < len(path[-1]) else None
