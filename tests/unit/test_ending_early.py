"""Ending a run early: levels go up and never down, each does what it says, and no device is left without a fate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from called import compiled
from engine_stage import CONFIG, Stage, changing, fates, network
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.deadlines import HostTimes
from nornflow.errors import StepCancelled
from nornflow.model.event import EventKind
from nornflow.model.rollout import Amount, Rollout
from nornflow.model.run import RUN_MOVES, HostState, RunRecord, RunState
from nornflow.model.step import OnFailure, Retry
from nornflow.model.wish import Level, Wish
from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def wish(level: Level, by: str = "ada") -> Wish:
    return Wish(level, by, NOON, "SIGINT")


def in_pairs(stage: Stage, **more: object) -> Stage:
    stage.workflow["rollout"] = Rollout(batches=(Amount(2),), **more)  # type: ignore[arg-type]
    return stage


class TestWishes:
    @given(
        st.sampled_from(Level), st.text(min_size=1), st.datetimes(timezones=st.just(UTC)), st.sampled_from(["", "X"])
    )
    def test_one_comes_back_as_it_was_written(self, level: Level, by: str, at: datetime, via: str) -> None:
        assert Wish.read(Wish(level, by, at, via).written()) == Wish(level, by, at, via)

    def test_no_wish_is_an_empty_text(self) -> None:
        assert Wish.read("") is None

    @given(st.lists(st.sampled_from(Level)))
    def test_they_go_up_and_never_down(self, levels: list[Level]) -> None:
        switch, heard = StopSwitch(), list[Wish]()
        switch.in_batches = True
        switch.on_wish(heard.append)
        heights = [0]
        for level in levels:
            assert switch.heed(wish(level)) is (level.height > heights[-1])
            heights.append(max(heights[-1], level.height))
        assert (switch.finishing, switch.stopping, switch.aborted) == tuple(heights[-1] >= least for least in (1, 2, 3))
        assert switch.undoing is switch.aborted
        assert [each.level.height for each in heard] == sorted(set(heights) - {0})

    def test_whoever_comes_late_hears_what_was_wished_for(self) -> None:
        switch, heard = StopSwitch(), list[Wish]()
        switch.heed(wish(Level.AFTER_DEVICE))
        forget = switch.on_wish(heard.append)
        forget()
        switch.heed(wish(Level.NOW))
        assert heard == [wish(Level.AFTER_DEVICE)]

    def test_what_waits_outside_a_batch_ends_earlier_than_what_waits_within(self) -> None:
        switch = StopSwitch()
        switch.in_batches = True
        switch.heed(wish(Level.AFTER_BATCH))
        assert switch.rest(60)
        assert not switch.wait(0)
        switch.heed(wish(Level.AFTER_DEVICE))
        assert switch.wait(60)

    def test_before_its_first_batch_a_run_has_none_to_finish(self) -> None:
        switch = StopSwitch()
        switch.heed(wish(Level.AFTER_BATCH))
        assert switch.stopping

    def test_the_end_of_its_time_takes_back_no_more_than_on_failure_says(self) -> None:
        switch = StopSwitch()
        switch.abort("timeout")
        assert not switch.undoing
        switch.heed(wish(Level.NOW))
        assert (switch.undoing, switch.reason) == (True, "timeout")


class TestLevels:
    def test_after_the_batch(self) -> None:
        stage = in_pairs(changing(network(5)), soak=60.0)
        run = stage.prepare()
        stage.fleet.before = lambda step, host: wishes(stage, Level.AFTER_BATCH, "r1")
        record = run.execute()
        assert record.state is RunState.CANCELLED
        assert list(fates(record).values()) == ["changed", "changed", "skipped", "skipped", "skipped"]
        assert stage.naps == []  # nobody soaks for a batch that does not come
        assert record.error.startswith("ada ended the run after the batch at work")

    def test_after_the_last_batch_there_is_nothing_to_cancel(self) -> None:
        stage = changing(network(2))
        run = stage.prepare()
        stage.fleet.before = lambda step, host: wishes(stage, Level.AFTER_BATCH, "r1")
        assert run.execute().state is RunState.SUCCEEDED

    def test_after_the_batch_its_retries_go_on(self) -> None:
        retry = Retry(attempts=3, delay=5)
        stage = in_pairs(changing(network(3)).step("v", "fake.check", "configure", condition="inputs.ok", retry=retry))
        stage.inputs = {"ok": False}
        run = stage.prepare()
        stage.fleet.before = lambda step, host: wishes(stage, Level.AFTER_BATCH, "r1")
        run.execute()
        assert stage.naps == [5, 5]

    def test_while_it_soaks(self) -> None:
        stage = in_pairs(changing(network(4)), soak=60.0)
        run = stage.prepare()
        run._tools = replace(run._tools, soak=lambda seconds: stage.switch.heed(wish(Level.AFTER_BATCH)))
        record = run.execute()
        assert (record.state, list(fates(record).values())[1:3]) == (RunState.CANCELLED, ["changed", "skipped"])

    def test_at_its_question_nothing_has_been_sent(self) -> None:
        stage = changing(network(2))
        stage.approve = lambda plan, held: not stage.switch.heed(wish(Level.AFTER_BATCH))
        record = stage.run()
        assert record.state is RunState.CANCELLED
        assert record.error.endswith("; nothing had been sent to a device")
        assert set(fates(record).values()) == {"skipped"}

    def test_a_question_in_the_middle_that_is_answered_with_no_ends_after_the_batch(self) -> None:
        stage = in_pairs(changing(network(4)), pause_after=frozenset({1}))
        stage.question = lambda text: False
        record = stage.run()
        assert (record.state, list(fates(record).values())[1:3]) == (RunState.CANCELLED, ["changed", "skipped"])

    def test_now_takes_back_finished_batches_too(self) -> None:
        stage = in_pairs(changing(network(5)))
        run = stage.prepare()
        stage.fleet.before = lambda step, host: wishes(stage, Level.NOW, "r3")
        record = run.execute()
        assert record.state is RunState.CANCELLED
        assert list(fates(record).values()) == [*["rolled_back"] * 4, "skipped"]

    def test_now_while_a_failed_run_is_taken_back_already(self) -> None:
        stage = changing(network(3)).step("verify", "fake.check", "configure", condition="host.name != 'r3'")
        stage.workflow |= {"on_failure": OnFailure.ROLLBACK, "rollout": Rollout(max_failures=Amount(1))}
        run = stage.prepare()
        stage.fleet.before = lambda step, host: stage.switch.heed(wish(Level.NOW)) if step == "rollback" else None
        record = run.execute()
        assert fates(record) == {"r1": "rolled_back", "r2": "rolled_back", "r3": "rolled_back"}

    def test_items_end_between_two_of_them_but_a_change_is_not_left_half_done(self) -> None:
        stage = network(1).step("say", "fake.say", text="x", for_each=[1, 2, 3])
        stage.say.said = Stopping(stage)  # type: ignore[assignment]
        record = stage.run()
        assert stage.say.said == ["x"]
        result = record.steps[0].result
        assert result is not None
        assert (result.state, result.error) == (
            HostState.CANCELLED,
            "step say was stopped when 1 of its 3 items were done",
        )

    def test_who_asked_when_and_how_stands_in_the_events(self) -> None:
        stage = in_pairs(changing(network(3)))
        run = stage.prepare()
        stage.fleet.before = lambda step, host: wishes(stage, Level.AFTER_DEVICE, "r1")
        run.execute()
        [event] = stage.observer.of(EventKind.RUN_STOPPING)
        assert event.data == {"level": "after-device", "user": "ada", "asked": NOON.isoformat(), "via": "SIGINT"}


class Stopping(list[str]):
    """Ends the run when the first word is said."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def append(self, word: str) -> None:
        super().append(word)
        self._stage.switch.heed(wish(Level.AFTER_DEVICE))


def wishes(stage: Stage, level: Level, host: str) -> None:
    """Wish it, once, when the device has been changed."""
    if stage.devices[host].received and not stage.switch.finishing:
        stage.switch.heed(wish(level))


def paced(rollout: str = "") -> HostTimes:
    steps = 'steps: [{id: look, type: fake.check, condition: "true"}]'
    return HostTimes(compiled(f"name: paced\nversion: 1.0\n{rollout}{steps}\n"))


class TestHostTimes:
    def test_without_a_limit_there_is_none(self) -> None:
        times = paced()
        times.use("r1", 1e9)
        assert (times.left(["r1"]), times.over("r1")) == (None, None)

    def test_what_is_used_is_gone(self) -> None:
        times = paced("rollout: {host_timeout: 10}\n")
        times.use("r1", 4)
        assert times.left(["r1", "r2"]) == {"r1": 6, "r2": 10}
        times.use("r1", 7)
        error = times.over("r1")
        assert error is not None
        assert error.reason == "timeout"
        assert times.over("r2") is None


FINAL = {state for state in RunState if state not in RUN_MOVES}
SETTLED = {HostState.CHANGED, HostState.CANCELLED, HostState.ROLLED_BACK, HostState.SKIPPED, HostState.UNKNOWN}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(Level)), max_size=5),
    st.sampled_from(OnFailure),
    st.integers(1, 4),
)
def test_any_interleaving_leaves_every_device_in_a_named_state_and_nothing_half_rolled_back(
    plan: list[tuple[int, Level]], on_failure: OnFailure, size: int
) -> None:
    """Wishes come before, in the middle of and behind the work on any device; work that is ended now is cut off there."""
    stage = network(5)
    for number in (1, 2):
        after = ("one",) if number == 2 else ()
        stage.step(("one", "two")[number - 1], "fake.configure", *after, lines=[f"ntp server 192.0.2.{number + 10}"])
    stage.workflow |= {
        "on_failure": on_failure,
        "rollout": Rollout(
            batches=(Amount(size),), soak=1.0, pause_after=frozenset({1}), max_failures=Amount(100, percent=True)
        ),
    }
    run = stage.prepare()
    moment = iter(range(1_000))

    def something_happens(step: str = "", host: str = "") -> None:
        now = next(moment)
        for when, level in plan:
            if when == now:
                stage.switch.heed(wish(level))
        if host and step != "rollback" and stage.switch.aborted:
            raise StepCancelled(f"{host}: cut off in the middle of {step}")

    stage.fleet.before = stage.fleet.after = something_happens
    run._tools = replace(
        run._tools,
        soak=lambda seconds: bool(something_happens()) or stage.switch.finishing,
        question=lambda text: not (something_happens() or stage.switch.finishing),
    )
    judge(run.execute(), stage, on_failure)


def judge(record: RunRecord, stage: Stage, on_failure: OnFailure) -> None:
    assert record.state in FINAL
    assert len(record.hosts) == 5
    texts = {name: same(device.config) for name, device in stage.devices.items()}
    whole = [("192.0.2.11" in text, "192.0.2.12" in text) for text in texts.values()]
    for host, (one, two) in zip(record.hosts, whole, strict=True):
        before = same(CONFIG.format(host.host))
        assert host.state in SETTLED, host
        if host.state in (HostState.ROLLED_BACK, HostState.SKIPPED):
            assert texts[host.host] == before, host
        if host.state is HostState.CHANGED:
            assert (one, two) == (True, True), host
        if stage.switch.undoing:
            assert texts[host.host] == before, host  # whatever on_failure says
        elif stage.switch.stopping and on_failure is OnFailure.ROLLBACK:
            assert (one, two) in ((False, False), (True, True)), host
    if not stage.switch.finishing:
        assert (record.state, set(whole)) == (RunState.SUCCEEDED, {(True, True)})


def same(config: str) -> str:
    return str(normalise(config, platform_for("ios")))
