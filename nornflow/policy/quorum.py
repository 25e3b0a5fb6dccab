"""What a profile says of approvals: read as it is written, and taken together with what another profile says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nornflow.model.profile import Quorum

MOST = 20
"""The largest number of approvals that a profile may ask for."""
_KEYS = ("count", "from", "valid_for")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = 365 * 86_400


def read_quorum(value: Any, where: str, problems: list[str]) -> Quorum:
    """Return what a profile's `approvals` says, a number or a mapping; what is wrong with it is added to `problems`."""
    written: Mapping[str, Any] = value if isinstance(value, Mapping) else {"count": value}
    for key in [str(key) for key in written if key not in _KEYS]:
        problems.append(f"{where}.{key}: unknown key, known are {', '.join(_KEYS)}")
    quorum = Quorum(count=1)
    count = written.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST:
        problems.append(f"{where}: must be a whole number from 0 to {MOST}, not {count!r}")
    else:
        quorum = replace(quorum, count=count)
    names = written.get("from", ())
    if isinstance(names, (list, tuple)) and all(isinstance(name, str) and name.strip("@ ") for name in names):
        quorum = replace(quorum, approvers=tuple(names))
        if names and len(names) < quorum.count and not any(name.startswith("@") for name in names):
            problems.append(f"{where}.from: names {len(names)} users, and {quorum.count} must approve")
    else:
        problems.append(f"{where}.from: must be a list of users and @groups, not {names!r}")
    if "valid_for" in written:
        seconds = _seconds(written["valid_for"])
        if seconds is None:
            problems.append(
                f"{where}.valid_for: must be a time like 30m, 12h or 3d, at most 365d, not {written['valid_for']!r}"
            )
        else:
            quorum = replace(quorum, valid_for=seconds)
    return quorum


def stricter_quorum(one: Quorum, other: Quorum) -> Quorum:
    """Return what satisfies both: the larger number, the shorter time, and users whom both name."""
    users = one.approvers or other.approvers
    if one.approvers and other.approvers:
        users = tuple(name for name in one.approvers if name in other.approvers) or one.approvers
    return Quorum(max(one.count, other.count), users, min(one.valid_for, other.valid_for))


def fewer_approvals(base: Quorum, other: Quorum) -> list[str]:
    """Name what `other` asks less of than `base`."""
    return [f"approvals: {other.count}"] if other.count < base.count else []


def _seconds(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 1 <= value <= _LONGEST else None
    found = re.fullmatch(r"(\d{1,8})\s*([smhdw])", value.strip()) if isinstance(value, str) else None
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    return seconds if 1 <= seconds <= _LONGEST else None
