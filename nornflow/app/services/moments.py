"""Moments as people write them on a command line: `90d` ago, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from nornflow.errors import UsageError

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def ago(text: str, now: datetime) -> datetime:
    """Return the moment that lies an age (`30m`, `12h`, `90d`, `2w`) before `now`; UsageError for other words."""
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text.strip())
    if found is None:
        raise UsageError(f"{text!r} is not an age", hint="for example 30m, 12h, 90d or 2w")
    return now - int(found[1]) * _UNITS[found[2]]


def moment(text: str, now: datetime) -> datetime:
    """Return an age before `now`, or a date or time (ISO 8601; UTC unless it says otherwise)."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return ago(text, now)
        except UsageError:
            raise UsageError(
                f"{text!r} is neither an age nor a date", hint="for example 12h, 7d or 2026-11-21"
            ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
