"""States before and after a change on devices in memory: when they are looked at, how they compare, and what that means."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from engine_stage import CONFIG, Stage, changing, fates
from mortal import Death, Mortal, Story
from nornflow.errors import Unreachable
from nornflow.model.confirm import OwnTimer
from nornflow.model.event import EventKind
from nornflow.model.rollout import Amount, Confirm, Rollout
from nornflow.model.run import HostState, RunRecord, RunState, StepResult
from nornflow.model.snapshot import Snapshot
from nornflow.model.step import OnFailure, Scope, Step
from nornflow.workflow import looks

UP = {"peers": {"10.0.0.5": {"state": "up", "uptime": 100}}}
DOWN = {"peers": {"10.0.0.5": {"state": "down", "uptime": 0}}}
LATER = {"peers": {"10.0.0.5": {"state": "up", "uptime": 160}}}


@dataclass
class Peering(Mortal):
    """A router that shows a peer; what it shows follows from its configuration, as far as `breaks` says."""

    breaks: str = "nothing does"
    looked: int = 0

    @property
    def answers(self) -> Any:
        return self

    @answers.setter
    def answers(self, value: Any) -> None:
        """Answers are made, not given."""

    def __contains__(self, command: object) -> bool:
        return command == "show state"

    def __getitem__(self, command: str) -> str:
        self.looked += 1
        state = DOWN if self.breaks in self.config else UP
        peer = {**state["peers"]["10.0.0.5"], "uptime": 100 + self.looked}
        return json.dumps({"peers": {"10.0.0.5": peer}})


def snapshot(**keys: Any) -> Snapshot:
    own = {"on_failure": OnFailure(keys.pop("bears", "fail")), "when": keys.pop("when", "")}
    look = Step("net", "fake.look", Scope.DEVICE, frozenset({"device.read"}), **own)
    made = looks.snapshot(keys, [look])
    assert made is not None
    return made


def network(count: int = 2, **breaks: str) -> dict[str, Any]:
    return {f"r{n}": Peering(CONFIG.format(f"r{n}"), breaks=breaks.get(f"r{n}", "-")) for n in range(1, count + 1)}


def stage(devices: dict[str, Any], **keys: Any) -> Stage:
    made = changing(Stage(devices))
    made.workflow |= {"snapshot": snapshot(**keys)}
    return made


def compared(record: RunRecord, host: str = "r1") -> StepResult:
    return next(step.hosts[host] for step in record.steps if step.step == "state:differences")


def classes(result: StepResult) -> dict[str, str]:
    return {each["path"]: each["class"] for each in result.outputs["differences"]}


class TestComparison:
    def test_each_difference_is_intended_collateral_or_noise(self) -> None:
        record = stage(network(r1="192.0.2.9")).run()
        assert record.state is RunState.SUCCEEDED  # a warning is the default
        found = compared(record)
        assert classes(found) == {
            "net.peers.10.0.0.5.state": "collateral",
            "net.ntp.192.0.2.9": "intended",
            "net.peers.10.0.0.5.uptime": "noise",
        }
        assert [found.outputs[name] for name in ("intended", "collateral", "noise")] == [1, 1, 1]
        assert found.warning == (
            "1 difference of the state that the plan does not explain: net.peers.10.0.0.5.state: up -> down"
        )
        assert found.outputs["differences"][1]["because"] == "+ ntp server 192.0.2.9"
        assert classes(compared(record, "r2")).keys() == {"net.ntp.192.0.2.9", "net.peers.10.0.0.5.uptime"}

    def test_the_states_themselves_stand_in_the_record(self) -> None:
        record = stage(network(1)).run()
        states = {
            step.step: step.hosts["r1"].outputs["parsed"]["ntp"] for step in record.steps if step.type == "fake.look"
        }
        assert states == {
            "before:net": [{"server": "192.0.2.1"}],
            "after:net": [{"server": "192.0.2.1"}, {"server": "192.0.2.9"}],
        }

    def test_patterns_of_the_workflow_count_beside_what_is_known(self) -> None:
        meant = stage(network(1, r1="192.0.2.9"), intended=["net.peers.10.0.0.5.*"], unexplained="fail").run()
        assert classes(compared(meant))["net.peers.10.0.0.5.state"] == "intended"
        noisy = stage(network(1, r1="192.0.2.9"), noise=["*.state"], unexplained="fail").run()
        assert (noisy.state, classes(compared(noisy))["net.peers.10.0.0.5.state"]) == (RunState.SUCCEEDED, "noise")

    def test_what_differs_between_two_first_looks_is_noise(self) -> None:
        class Flapping(Peering):
            def __getitem__(self, command: str) -> str:
                self.looked += 1
                return json.dumps({"flap": self.looked, "peer": "up"})

        made = stage({"r1": Flapping(CONFIG.format("r1"))}, learn=3, unexplained="fail")
        record = made.run()
        assert made.naps == [3]
        assert classes(compared(record)) == {"net.flap": "noise", "net.ntp.192.0.2.9": "intended"}
        assert compared(record).outputs["differences"][1]["because"] == "it changed between two looks before the change"
        assert compared(stage({"r1": Flapping(CONFIG.format("r1"))}).run()).outputs["collateral"] == 1

    def test_a_changed_device_is_given_time_before_the_second_look_and_an_unchanged_one_is_not(self) -> None:
        devices = network(1)
        first = stage(devices, settle=20)
        first.run()
        second = stage(devices, settle=20)
        assert second.run().state is RunState.SUCCEEDED
        assert (first.naps, second.naps) == ([20], [])

    def test_everybody_is_told(self) -> None:
        made = stage(network(1, r1="192.0.2.9"))
        made.run()
        (event,) = made.observer.of(EventKind.STATE_COMPARED)
        assert (event.host, event.data) == ("r1", {"intended": 1, "collateral": 1, "noise": 1})
        assert "up -> down" in event.message

    def test_without_the_key_nothing_is_looked_at(self) -> None:
        devices = network(1)
        record = changing(Stage(devices)).run()
        assert [step.step for step in record.steps] == ["configure"]
        assert devices["r1"].looked == 0


class TestUnexplained:
    def test_it_fails_the_device_and_the_rollout_goes_no_further(self) -> None:
        made = stage(network(3, r1="192.0.2.9"), unexplained="fail")
        made.workflow["rollout"] = Rollout(batches=(Amount(1), Amount(100, percent=True)))
        record = made.run()
        assert record.state is RunState.FAILED
        assert fates(record) == {"r1": "failed", "r2": "skipped", "r3": "skipped"}
        (first, *_) = record.hosts
        assert (first.failed_step, first.reason) == ("state:differences", "unexplained")
        assert "net.peers.10.0.0.5.state: up -> down" in first.error
        assert made.devices["r2"].looked == 0

    def test_it_is_taken_back_as_any_failure_is(self) -> None:
        made = stage(network(2, r2="192.0.2.9"), unexplained="fail")
        made.workflow["on_failure"] = OnFailure.ROLLBACK
        record = made.run()
        assert fates(record) == {"r1": "rolled_back", "r2": "rolled_back"}
        assert not any("192.0.2.9" in device.config for device in made.devices.values())

    def test_a_difference_that_is_borne_lets_the_others_go_on(self) -> None:
        made = stage(network(2, r1="192.0.2.9"), unexplained="fail")
        made.workflow["rollout"] = Rollout(max_failures=Amount(1))
        assert fates(made.run()) == {"r1": "failed", "r2": "changed"}

    @pytest.mark.parametrize("timer", [None, OwnTimer("commit timer", "fake", with_commit=True)])
    def test_it_is_found_before_the_change_is_confirmed_and_takes_the_batch_back(self, timer: OwnTimer | None) -> None:
        devices = network(2, r2="192.0.2.9")
        for device in devices.values():
            device.timer = timer
        made = stage(devices, unexplained="fail")
        made.workflow |= {"confirm": Confirm(100_000.0)}
        record = made.run()
        assert fates(record) == {"r1": "rolled_back", "r2": "rolled_back"}
        assert not any("192.0.2.9" in device.config for device in devices.values())
        assert not any(host.confirm["confirmed_at"] for host in record.hosts)
        assert "not confirmed: r2 failed at state:differences" in record.hosts[0].error


class TestLooksThatFail:
    def fails_at(self, made: Stage, phase: str, host: str = "r1") -> RunRecord:
        run = made.prepare()

        def refuse(step: str, name: str) -> None:
            if step == f"{phase}:net" and name == host:
                raise Unreachable(f"{name}: the connection was refused")

        made.fleet.before = refuse
        return run.execute()

    def test_a_device_that_could_not_be_seen_before_is_not_changed(self) -> None:
        made = stage(network(2))
        made.workflow["rollout"] = Rollout(max_failures=Amount(1))
        record = self.fails_at(made, "before")
        assert fates(record) == {"r1": "failed", "r2": "changed"}
        assert record.hosts[0].failed_step == "before:net"
        assert not made.devices["r1"].received

    def test_one_that_cannot_be_seen_afterwards_has_failed(self) -> None:
        made = stage(network(1))
        made.workflow["on_failure"] = OnFailure.ROLLBACK
        assert fates(self.fails_at(made, "after")) == {"r1": "rolled_back"}

    @pytest.mark.parametrize("phase", ["before", "after"])
    def test_a_look_whose_failure_is_borne_is_not_compared_and_that_is_said(self, phase: str) -> None:
        record = self.fails_at(stage(network(1), bears="warn", unexplained="fail"), phase)
        assert fates(record) == {"r1": "changed"}
        assert compared(record).warning == "not compared, because it was not seen: net"

    def test_a_look_for_other_devices_is_skipped(self) -> None:
        record = stage(network(2), when="host.name == 'r2'").run()
        assert fates(record) == {"r1": "changed", "r2": "changed"}
        assert compared(record, "r1").outputs["differences"] == []
        assert compared(record, "r2").outputs["intended"] == 1

    def test_a_device_whose_change_failed_is_not_looked_at_again(self) -> None:
        made = stage(network(1)).step("verify", "fake.check", "configure", condition="false")
        record = made.run()
        assert fates(record) == {"r1": "failed"}
        assert made.devices["r1"].looked == 1
        assert not any(step.hosts for step in record.steps if step.step == "after:net")


def seen(story: Story, record: RunRecord) -> tuple[Any, ...]:
    return (
        record.state,
        fates(record),
        {name: device.config for name, device in story.devices.items()},
        {host.host: (host.batch, host.diff, host.error, host.rollback) for host in record.hosts},
        {host: classes(compared(record, host)) for host in ("r1", "r2", "r3")},
    )


class TestDeath:
    """The state before the change is in the journal before anything is sent, so a resumed run compares with that."""

    def script(self, **keys: Any) -> Callable[[Stage], Stage]:
        def made(each: Stage) -> Stage:
            changing(each).step("verify", "fake.check", "configure", condition="true")
            each.workflow |= {
                "snapshot": snapshot(**keys),
                "on_failure": OnFailure.ROLLBACK,
                "rollout": Rollout(batches=(Amount(1), Amount(2)), max_failures=Amount(1)),
            }
            return each

        return made

    @pytest.mark.parametrize(
        ("after", "notes", "learn"), [(False, False, 3), (False, True, 0), (True, False, 0), (True, True, 3)]
    )
    def test_a_run_that_dies_at_any_entry_of_its_journal_finds_the_same_differences(
        self, after: bool, notes: bool, learn: float
    ) -> None:
        script = self.script(unexplained="fail", learn=learn)
        calm = Story(script, network(3, r3="192.0.2.9"))
        expected = seen(calm, calm.live())
        assert expected[0] is RunState.SUCCEEDED
        assert expected[1] == {"r1": "changed", "r2": "changed", "r3": "rolled_back"}
        for entry in range(1, calm.counts[0] + 1):
            story = Story(script, network(3, r3="192.0.2.9"))
            assert seen(story, story.live(Death(entry, after=after, notes=notes))) == expected, entry

    def test_what_was_seen_before_the_death_is_not_asked_for_again(self) -> None:
        story = Story(self.script(), network(3))
        intent = 1 + next(
            number for number, entry in enumerate(self.entries_of(network(3))) if entry.kind.value == "intent"
        )
        story.live(Death(intent, after=True))
        assert story.devices["r1"].looked == 2  # type: ignore[attr-defined]

    def entries_of(self, devices: dict[str, Any]) -> list[Any]:
        story = Story(self.script(), devices)
        story.live()
        return story.entries


def test_a_state_with_a_host_that_was_skipped_is_no_state() -> None:
    assert compared(stage(network(1), when="false").run()).state is HostState.OK
