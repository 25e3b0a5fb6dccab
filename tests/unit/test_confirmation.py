"""A change that has to be confirmed: a batch stands as a whole when all of it is verified in time, and is back otherwise."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from engine_stage import CONFIG, Stage, fates
from mortal import Mortal
from nornflow.errors import ConnectionLost, Unreachable
from nornflow.model.event import EventKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import RunState
from nornflow.model.step import OnFailure
from nornflow.model.wish import Level, Wish
from on_trial import COMMIT_TIMER, DEAD_MAN, EACH_KIND, LINES, LONG, SAVE, back, held, network, told


def test_what_is_verified_is_confirmed_and_saved_only_then() -> None:
    devices = network(*EACH_KIND)
    stage = held(Stage(dict(devices)))
    run = stage.prepare()
    seen: dict[str, list[str]] = {}
    stage.fleet.before = lambda step, host: seen.setdefault(step, []).append(
        f"{host} {'armed' if devices[host].armed else ''} {'saved' if SAVE in devices[host].received else ''}".strip()
    )
    record = run.execute()
    assert record.state is RunState.SUCCEEDED
    assert seen["verify"] == ["r1", "r2 armed", "r3 armed"]
    assert all(device.received == LINES and not device.armed for device in devices.values())
    assert told(stage, EventKind.CONFIRM_DONE) == ["r1", "r2", "r3"]
    confirms = {host.host: host.confirm for host in record.hosts}
    assert [confirm["by"] for confirm in confirms.values()] == ["controller", "commit timer", "dead-man"]
    for confirm in confirms.values():
        assert confirm["armed_at"] < confirm["confirmed_at"] < confirm["deadline"]
        assert (confirm["token"], confirm["within"], confirm["reverted_at"]) == ("nornflow-run-1-c1", LONG, "")


@pytest.mark.parametrize("on_failure", [OnFailure.STOP, OnFailure.CONTINUE, OnFailure.ROLLBACK])
@pytest.mark.parametrize("bad", ["r1", "r2", "r3"])
def test_one_that_is_not_verified_takes_the_whole_batch_back(bad: str, on_failure: OnFailure) -> None:
    devices = network(*EACH_KIND)
    stage = held(Stage(dict(devices)), bad=bad, on_failure=on_failure)
    record = stage.run()
    assert all(back(devices).values())
    assert not any(SAVE in device.received or device.armed for device in devices.values())
    assert record.state is RunState.ROLLED_BACK
    assert set(fates(record).values()) == {"rolled_back"}
    assert told(stage, EventKind.CONFIRM_REFUSED) == [f"{bad} failed at verify: not true: host.name != '{bad}'"]
    others = {host.error for host in record.hosts if host.host != bad}
    assert others == {f"batch 1 was not confirmed: {bad} failed at verify: not true: host.name != '{bad}'"}
    assert all(host.confirm["reverted_at"] and not host.confirm["confirmed_at"] for host in record.hosts)
    # those with a timer of their own went back by it, the other one by the lines of its rollback
    assert [len(device.received) for device in devices.values()] == [4, 2, 2]


def test_a_batch_that_was_confirmed_stays_when_a_later_one_is_not() -> None:
    devices = network(*EACH_KIND)
    stage = held(Stage(dict(devices)), bad="r3", rollout=Rollout(batches=(Amount(1), Amount(2))))
    assert fates(stage.run()) == {"r1": "changed", "r2": "rolled_back", "r3": "rolled_back"}
    assert back(devices) == {"r1": False, "r2": True, "r3": True}
    assert [SAVE in device.received for device in devices.values()] == [True, False, False]
    tokens = {event.data["batch"]: list(event.data["hosts"]) for event in stage.observer.of(EventKind.CONFIRM_ARMED)}
    assert tokens == {1: ["r1"], 2: ["r2", "r3"]}


def test_a_batch_that_was_confirmed_goes_back_with_the_run_all_the_same() -> None:
    devices = network(*EACH_KIND)
    rollout = Rollout(batches=(Amount(2), Amount(1)))
    record = held(Stage(dict(devices)), bad="r3", rollout=rollout, on_failure=OnFailure.ROLLBACK).run()
    assert set(fates(record).values()) == {"rolled_back"}
    assert all(back(devices).values())
    assert devices["r2"].received[-1] == SAVE  # it had been saved, so its way back is saved too


def test_a_batch_is_confirmed_only_behind_its_health_checks() -> None:
    devices = network(*EACH_KIND)
    stage = held(Stage(dict(devices)), rollout=Rollout(batches=(Amount(1), Amount(2))))
    stage.step("well", "fake.check", condition="host.name != 'r3'", check=True)
    record = stage.run()
    assert fates(record) == {"r1": "changed", "r2": "rolled_back", "r3": "rolled_back"}
    assert [SAVE in device.received for device in devices.values()] == [True, False, False]
    assert told(stage, EventKind.CONFIRM_REFUSED) == ["r3 failed at well: not true: host.name != 'r3'"]
    assert [(batch.good, batch.failed) for batch in record.batches] == [(True, ()), (False, ("r3",))]


def test_a_check_of_the_run_takes_back_what_is_on_trial_and_no_more() -> None:
    devices = network(*EACH_KIND)
    stage = held(Stage(dict(devices)), rollout=Rollout(batches=(Amount(1), Amount(2))))
    stage.step("ask", "fake.say", fail=9, check=True, when="len(steps.configure.changed_hosts) > 1")
    record = stage.run()
    assert fates(record) == {"r1": "changed", "r2": "rolled_back", "r3": "rolled_back"}
    assert (record.error, [batch.good for batch in record.batches]) == ("step ask: not yet", [True, False])


def test_devices_with_nothing_to_change_are_neither_armed_nor_taken_back() -> None:
    devices = network(*EACH_KIND)
    devices["r3"].config = devices["r3"].config.replace("192.0.2.1", "192.0.2.9")
    stage = held(Stage(dict(devices)), bad="r3")
    record = stage.run()
    assert fates(record) == {"r1": "rolled_back", "r2": "rolled_back", "r3": "failed"}
    assert record.hosts[2].confirm == {}


def test_nothing_is_sent_when_one_device_cannot_be_armed() -> None:
    class Dead(Mortal):
        def __getattribute__(self, name: str) -> Any:
            if name == "armed" and len(super().__getattribute__("lines")) == 0 and super().__getattribute__("stubborn"):
                raise Unreachable("r3: no shell account")
            return super().__getattribute__(name)

    devices = network(None, DEAD_MAN)
    devices["r3"] = Dead(CONFIG.format("r3"), timer=DEAD_MAN, stubborn=("x",))
    stage = held(Stage(dict(devices)))
    record = stage.run()
    assert record.state is RunState.FAILED
    assert [device.received for device in devices.values()] == [[], [], []]
    assert not devices["r2"].armed
    assert "r3 could not be armed: r3: no shell account" in record.error


def test_a_device_that_somebody_changed_since_the_plan_is_not_armed() -> None:
    devices = network(DEAD_MAN, DEAD_MAN)

    def meanwhile(*_: Any) -> bool:
        devices["r2"].config += "snmp-server contact me\n"
        return True

    stage = held(Stage(dict(devices)))
    stage.approve, stage.profile = meanwhile, "restricted"
    record = stage.run()
    assert "r2 could not be armed: r2: the configuration is not the one that was planned against" in record.error
    assert [device.received for device in devices.values()] == [[], []]


def test_what_is_not_verified_in_time_is_taken_back() -> None:
    devices = network(*EACH_KIND)
    record = held(Stage(dict(devices)), within=8.0).run()  # each look at the clock takes a second
    assert record.state is RunState.ROLLED_BACK
    assert "not verified within 8 s" in record.error
    assert all(back(devices).values())


def test_a_retry_that_would_wait_beyond_the_deadline_does_not_wait() -> None:
    devices = network(None)
    stage = held(Stage(dict(devices)), within=60.0, bad="r1")
    from nornflow.model.step import Retry

    stage.steps[1] = stage.steps[1].__class__(
        **{name: getattr(stage.steps[1], name) for name in stage.steps[1].__dataclass_fields__ if name != "retry"},
        retry=Retry(attempts=10, delay=300),
    )
    record = stage.run()
    assert 0 < max(stage.naps) < 60
    assert fates(record) == {"r1": "rolled_back"}


def test_work_that_hangs_is_ended_when_the_time_is_over() -> None:
    import threading

    devices = network(None)
    stage = held(Stage(dict(devices)), within=0.3)
    stage.ticks = itertools.repeat(0)  # a clock that stands still prolongs nothing
    run = stage.prepare()
    aborted = threading.Event()
    running = stage.fleet.run

    def hanging(name: str, hosts: Any, work: Any, **options: Any) -> Any:
        if name == "verify":
            options["cancellation"].on_abort(aborted.set)
            assert aborted.wait(10)
        return running(name, hosts, work, **options)

    stage.fleet.run = hanging  # type: ignore[method-assign]
    assert fates(run.execute()) == {"r1": "rolled_back"}
    assert aborted.is_set()


def test_a_change_that_closes_the_way_in_for_new_sessions_is_not_confirmed() -> None:
    devices = network(*EACH_KIND)
    stage = held(Stage(dict(devices)))
    run = stage.prepare()

    def cut(step: str, host: str) -> None:
        if (step, host) == ("confirm", "r2"):
            devices["r2"].broken = Unreachable("r2: no answer")

    stage.fleet.before = cut
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 3:  # its own timer is over, and the way in is open again
            devices["r2"].expire()
            devices["r2"].broken = None
        return False

    stage.switch.rollbacks.wait = wait  # type: ignore[method-assign]
    record = run.execute()
    assert "r2 cannot be confirmed: r2: no answer" in record.error
    assert len(waits) == 3
    assert all(back(devices).values())
    assert fates(record) == dict.fromkeys(devices, "rolled_back")


def test_one_that_is_lost_in_the_middle_of_the_confirmations_takes_those_back_that_were_confirmed() -> None:
    devices = network(COMMIT_TIMER, COMMIT_TIMER)
    stage = held(Stage(dict(devices)))
    run = stage.prepare()
    calls: list[str] = []

    def lose(step: str, host: str) -> None:
        calls.append(f"{step} {host}")
        if calls.count("confirm r2") == 2:
            devices["r2"].expire()

    stage.fleet.before = lose
    record = run.execute()
    assert told(stage, EventKind.CONFIRM_DONE) == ["r1"]
    assert all(back(devices).values())
    assert fates(record) == {"r1": "rolled_back", "r2": "rolled_back"}


def test_a_commit_that_began_no_timer_is_not_believed() -> None:
    devices = network(COMMIT_TIMER)
    stage = held(Stage(dict(devices)))
    run = stage.prepare()
    stage.fleet.before = lambda step, host: devices[host].armed.clear() if step == "verify" else None
    record = run.execute()
    assert "its commit timer does not run" in record.error
    assert fates(record) == {"r1": "rolled_back"}


@pytest.mark.parametrize("bad", ["", "r1"])
def test_a_commit_of_which_the_configuration_shows_nothing_is_not_left_to_its_timer(bad: str) -> None:
    devices = network(COMMIT_TIMER)
    devices["r1"].stubborn = tuple(LINES[:2])
    held(Stage(dict(devices)), bad=bad).run()
    assert devices["r1"].armed == {}


def test_somebody_else_who_changes_a_device_before_it_is_confirmed_keeps_it_from_that() -> None:
    devices = network(None)
    stage = held(Stage(dict(devices)))
    run = stage.prepare()

    def meddle(step: str, host: str) -> None:
        if step == "verify":
            devices[host].config += "snmp-server contact me\n"

    stage.fleet.before = meddle
    assert "not the one that this run left there" in run.execute().error


@pytest.mark.parametrize(
    ("level", "fate"), [(Level.AFTER_BATCH, "changed"), (Level.AFTER_DEVICE, "rolled_back"), (Level.NOW, "rolled_back")]
)
def test_a_run_that_is_stopped_confirms_only_a_batch_that_came_to_its_end(level: Level, fate: str) -> None:
    devices = network(*EACH_KIND)
    stage = held(Stage(dict(devices)), rollout=Rollout(batches=(Amount(3),)))
    run = stage.prepare()
    wish = Wish(level, "ada", stage_time(), "test")
    stage.fleet.before = lambda step, host: stage.switch.heed(wish) and None if step == "verify" else None
    record = run.execute()
    assert set(fates(record).values()) == {fate}
    assert all(back(devices).values()) is (fate == "rolled_back")
    assert not any(device.armed for device in devices.values())


def stage_time() -> Any:
    from mortal import stage_start

    return stage_start()


def test_own_timers_are_for_devices_that_one_step_changes() -> None:
    devices = network(COMMIT_TIMER, DEAD_MAN)
    stage = held(Stage(dict(devices)))
    stage.step("more", "fake.configure", "configure", lines=["snmp-server contact me"])
    plan, _ = stage.prepare().plan()
    assert [host.confirm for host in plan.hosts] == ["controller", "dead-man"]
    assert fates(stage.run()) == {"r1": "changed", "r2": "changed"}


def test_a_plan_that_counts_on_a_timer_which_is_not_there_any_more_is_not_carried_out() -> None:
    devices = network(DEAD_MAN)
    stage = held(Stage(dict(devices)))

    def forget(*_: Any) -> bool:
        devices["r1"].timer = None
        return True

    stage.approve, stage.profile = forget, "restricted"
    record = stage.run()
    assert "counts on its dead-man, which nothing here can arm" in record.error
    assert devices["r1"].received == []


def test_a_device_that_cannot_be_taken_back_is_named() -> None:
    devices = network(None, None)
    stage = held(Stage(dict(devices)), bad="r1")
    run = stage.prepare()

    def lose(step: str, host: str) -> None:
        if (step, host) == ("rollback", "r2"):
            devices["r2"].broken = ConnectionLost("r2: gone")

    stage.fleet.before = lose
    record = run.execute()
    assert record.state is RunState.ROLLBACK_FAILED
    assert fates(record) == {"r1": "rolled_back", "r2": "rollback_failed"}
    assert record.hosts[1].confirm["reverted_at"] == ""
