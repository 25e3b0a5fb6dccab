"""Windows of time that come again: from an hour of the clock to another one, on some days, as clocks go in some place."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def moment(value: object) -> datetime:
    """Return the moment (UTC) that a text with its place says (ISO 8601); ValueError for anything else.

    A number is none: `20261123` would be a day in 1970 to whoever counts seconds.
    """
    try:
        found = (
            value if isinstance(value, datetime) else datetime.fromisoformat(value) if isinstance(value, str) else None
        )
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"{value!r:.60} is no moment: write 2026-11-22T02:00:00+01:00, or ...Z for UTC")
    if found.tzinfo is None:
        raise ValueError("a moment needs its place: 2026-11-22T02:00:00+01:00, or ...Z for UTC")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value!s:.60} is beyond every calendar") from None


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
    now: datetime, start: time, end: time, days: Collection[str] = (), place: ZoneInfo | None = None
) -> tuple[datetime, datetime]:
    """Return the window (UTC) that `now` lies in, or else the next one; `days` are those on which it begins (none: all).

    An `end` that is not later than the `start` is on the next day.
    """
    at = place or ZoneInfo("UTC")
    today = now.astimezone(at).date()
    for offset in range(-1, 16):
        day = today + timedelta(days=offset)
        if days and DAYS[day.weekday()] not in days:
            continue
        begins = datetime.combine(day, start, at).astimezone(UTC)
        ends = datetime.combine(day + timedelta(days=int(end <= start)), end, at).astimezone(UTC)
        if now < ends and begins < ends:  # an hour that a clock leaves out may be over before it begins
            return begins, ends
    raise ValueError("there is no such window")  # each day of the week comes again, whole, within a fortnight
