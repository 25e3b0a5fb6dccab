"""Changes on trial in memory: devices with timers of their own or none, and what has become of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine_stage import CONFIG, Stage
from mortal import Mortal
from nornflow.model.confirm import OwnTimer
from nornflow.model.event import EventKind
from nornflow.model.workflow import Confirm
from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for
from nornflow.testing.fakes import FakeDevice

SAVE = "exec:write memory"
LINES = ["ntp server 192.0.2.9", "no ntp server 192.0.2.1", SAVE]
COMMIT_TIMER = OwnTimer("commit timer", "fake", with_commit=True)
DEAD_MAN = OwnTimer("dead-man", "fake")
LONG = 100_000.0
IOS = platform_for("cisco_ios")


def network(*timers: OwnTimer | None) -> dict[str, Mortal]:
    """Return devices r1, r2 ..., each with its own timer or none."""
    return {f"r{n}": Mortal(CONFIG.format(f"r{n}"), timer=timer) for n, timer in enumerate(timers, 1)}


EACH_KIND = (None, COMMIT_TIMER, DEAD_MAN)


def held(stage: Stage, within: float = LONG, bad: str = "", **keys: Any) -> Stage:
    """Change every device, verify it (which fails on one), and have that confirmed in time."""
    stage.workflow |= {"confirm": Confirm(within), **keys}
    stage.step("configure", "fake.configure", lines=LINES)
    return stage.step("verify", "fake.check", "configure", condition=f"host.name != '{bad}'")


def back(devices: Mapping[str, FakeDevice]) -> dict[str, bool]:
    return {
        name: normalise(device.config, IOS) == normalise(CONFIG.format(name), IOS) for name, device in devices.items()
    }


def told(stage: Stage, kind: EventKind) -> list[str]:
    return [event.host or event.message for event in stage.observer.of(kind)]
