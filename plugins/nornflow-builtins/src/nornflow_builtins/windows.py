"""Windows of time that come again: from an hour of the clock to another one, on some days, as clocks go in some place."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def clock_time(text: str) -> time:
    """Return an hour of the clock (`02:00`, `23:30`); ValueError when it is none."""
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no hour of the clock: write 02:00") from None
    if found.tzinfo is not None:
        raise ValueError(f"{text!r} names a place: that is `timezone`")
    return found


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name (`Europe/Amsterdam`); ValueError when this machine knows none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r} here: write one like UTC or Europe/Amsterdam") from None


def window(
    moment: datetime, start: time, end: time, days: Collection[str] = (), place: ZoneInfo | None = None
) -> tuple[datetime, datetime]:
    """Return the window (UTC) that a moment lies in, or else the next one; `days` are those on which it begins (none: all).

    An `end` that is not later than the `start` is on the next day.
    """
    at = place or ZoneInfo("UTC")
    today = moment.astimezone(at).date()
    for offset in range(-1, 9):
        day = today + timedelta(days=offset)
        if days and DAYS[day.weekday()] not in days:
            continue
        begins = datetime.combine(day, start, at).astimezone(UTC)
        ends = datetime.combine(day + timedelta(days=int(end <= start)), end, at).astimezone(UTC)
        if moment < ends:
            return begins, ends
    raise ValueError("there is no such window")  # each day of the week comes again within eight days
