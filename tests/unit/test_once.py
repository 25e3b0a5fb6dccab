"""What goes on is told once, what comes back is told again."""

from __future__ import annotations

from nornflow.app.services.workers.once import QUIET, Once


def test_an_outage_is_told_once_and_the_next_one_too() -> None:
    told: list[str] = []
    now = 0.0
    once = Once(told.append, lambda: now)
    for _ in range(200):  # it goes on for longer than it takes to be over
        once("the store is away")
        now += 1
    once("no room for a process")
    assert told == ["the store is away", "no room for a process"]
    now += QUIET
    once("the store is away")
    assert told[2:] == ["the store is away"]
