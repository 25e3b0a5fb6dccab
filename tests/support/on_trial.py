"""Changes on trial in memory: devices with timers of their own or none, and what has become of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine_stage import CONFIG, Stage, fates
from mortal import Mortal, Story
from nornflow.model.confirm import OwnTimer
from nornflow.model.event import EventKind
from nornflow.model.rollout import Amount, Confirm, Matching, Rollout
from nornflow.model.run import RunRecord
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


def script(stage: Stage) -> Stage:
    return held(stage, rollout=Rollout(batches=(Amount(1), Amount(3))))


def script_with_a_bad_one(stage: Stage) -> Stage:
    return held(stage, bad="r4", rollout=Rollout(batches=(Amount(1), Amount(3))))


def script_with_checks(stage: Stage) -> Stage:
    held(stage, rollout=Rollout(batches=(Matching("name == 'r2'"), Amount(3)), soak=5))
    return stage.step("well", "fake.check", condition="host.name != 'r4'", check=True)


MIXED = (COMMIT_TIMER, None, COMMIT_TIMER, DEAD_MAN)


def ends(story: Story, record: RunRecord) -> tuple[object, ...]:
    configs = {name: normalise(device.config, IOS) for name, device in story.devices.items()}
    saved = {name: SAVE in device.received for name, device in story.devices.items()}
    return record.state, fates(record), configs, saved, [name for name, d in story.devices.items() if d.armed]
