"""A run whose process dies, at whatever entry of its journal, goes on in another one and ends as if nothing had happened."""

from __future__ import annotations

from collections import Counter

from engine_stage import CONFIG, Stage, fates
from mortal import Death, Mortal, Script, Story
from nornflow.model.run import RunRecord, RunState
from nornflow.model.workflow import Amount, OnFailure, Rollout

SAVE = "exec:write memory"


def network(count: int) -> dict[str, Mortal]:
    return {f"r{n}": Mortal(CONFIG.format(f"r{n}")) for n in range(1, count + 1)}


def growing(stage: Stage) -> Stage:
    """Thirty devices in batches; the verification fails on one of the last batch, and everything goes back."""
    stage.workflow |= {
        "on_failure": OnFailure.ROLLBACK,
        "rollout": Rollout(batches=(Amount(1), Amount(9), Amount(30)), soak=5),
    }
    stage.step("tell", "fake.say", text="begin")
    stage.step("configure", "fake.configure", "tell", lines=["ntp server 192.0.2.9", "no ntp server 192.0.2.1", SAVE])
    stage.step("verify", "fake.check", "configure", condition="host.name != 'r27'")
    return stage.step("end", "fake.say", "verify", text="end")


def seen(story: Story, record: RunRecord) -> tuple[object, ...]:
    """Return everything that must not depend on how often the process died."""
    return (
        record.state,
        fates(record),
        {name: device.config for name, device in story.devices.items()},
        {step.step: {host: (r.state, r.changed, r.diff) for host, r in step.hosts.items()} for step in record.steps},
        {host.host: (host.batch, host.diff, host.rollback) for host in record.hosts},
    )


def sent(story: Story) -> dict[str, Counter[str]]:
    """Return what each device received, without saving, which may be done twice."""
    return {name: Counter(line for line in device.received if line != SAVE) for name, device in story.devices.items()}


def undisturbed(script: Script, devices: dict[str, Mortal]) -> tuple[Story, RunRecord]:
    story = Story(script, devices)
    return story, story.live()


def test_dying_at_every_entry_of_the_journal_changes_neither_the_end_nor_what_devices_receive() -> None:
    calm, record = undisturbed(growing, network(30))
    assert record.state is RunState.ROLLED_BACK
    expected, lines = seen(calm, record), sent(calm)
    total = calm.counts[0]
    assert total > 150
    for entry in range(1, total + 1):
        for after, notes in ((False, False), (False, True), (True, True)):
            story = Story(growing, network(30), again="yes")
            found = story.live(Death(entry, after=after, notes=notes))
            where = f"entry {entry} of {total}, {after=}, {notes=}"
            assert story.deaths == 1, where
            assert seen(story, found) == expected, where
            assert sent(story) == lines, where
            assert len(story.say.said) <= 3, where
            assert story.naps.count(5) <= 4, where
