"""What runs wait for, on SQLite and on PostgreSQL: kept once, decided once, and known to whoever looks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from nornflow.app.services.waits.going_on import due
from nornflow.app.services.workers.alive import Alive
from nornflow.errors import PolicyDenied, RunLost, StateConflict, UsageError
from nornflow.model.approval import Answer, Approval
from nornflow.model.event import EventKind
from nornflow.model.run import RunState
from nornflow.model.wait import Awaited, Wait, WaitEnd, WaitKind
from nornflow.policy.waits import barred, judged
from nornflow.redaction import Redactor
from nornflow.store.opening import open_store
from nornflow.store.patience import PatientRunStore
from nornflow.store.run_waits import RunWaits
from nornflow.store.tables import runs
from nornflow.store.waits import Bound, SqlWaits
from nornflow.store.workers import Workers
from nornflow.testing.run_store import NOON, ended_run, new_run

BOARD = Awaited(WaitKind.APPROVAL, "go on?", 2, ("@netops", "dora"), expires=3600, remind=600)
SIGNAL = Awaited(WaitKind.SIGNAL, signal="ci", expires=3600)
BOUND = Bound("ada", ("ann",))


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def members(group: str) -> Sequence[str]:
    return ("ada", "bob", "carol") if group == "netops" else ()


def judge(user: str, minutes: float = 1) -> Callable[[Wait, Sequence[Wait]], WaitEnd | None]:
    """Judge as the command line does."""

    def judging(wait: Wait, others: Sequence[Wait]) -> WaitEnd | None:
        why = barred(user, wait, others, members)
        end = judged(wait, at(minutes), members)
        if why and end is not WaitEnd.REJECTED:
            raise PolicyDenied(why)
        return end

    return judging


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[PatientRunStore]:
    with closing(open_store(database_url, tmp_path, Redactor(["hunter22"]))) as store:
        store.begin(new_run(worker="w1"))
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON, fence=1)
        yield store


@pytest.fixture
def table(store: PatientRunStore) -> SqlWaits:
    return SqlWaits(store)


@pytest.fixture
def mine(store: PatientRunStore) -> RunWaits:
    """The waits as the run's own process sees them."""
    return RunWaits(store, "run-1", 1, BOUND)


def rest(store: PatientRunStore, mine: RunWaits, *waits: Wait, fence: int = 1) -> None:
    """Let the run's process end, waiting for these."""
    mine.leave([wait.number for wait in waits])
    store.move("run-1", RunState.RUNNING, RunState.WAITING, NOON, fence=fence)


def say(table: SqlWaits, user: str, number: int = 1, minutes: float = 1, *, yes: bool = True, plan: str = "h") -> Wait:
    answer = Answer.APPROVED if yes else Answer.REJECTED
    said = Approval(plan, user, answer, at(minutes), f"{user} says hunter22", "nornflow approve")
    return table.answer("run-1", number, said, judge(user, minutes))


def test_what_is_waited_for_comes_back_as_it_was_and_is_there_once(mine: RunWaits) -> None:
    wait = mine.ask("board", 2, BOARD, "h", NOON)
    assert wait == mine.ask("board", 2, replace(BOARD, text="another"), "i", at(5)) == mine.known("board", 2)
    assert (wait.asked, wait.plan, wait.requester, wait.authors, wait.since) == (BOARD, "h", "ada", ("ann",), NOON)
    assert (wait.end, wait.expires_at, wait.open) == (None, at(60), True)
    assert mine.known("board", 1) is None
    assert [mine.ask("board", number, BOARD, "h", NOON).number for number in (1, 3)] == [2, 3]


def test_so_many_say_yes_as_are_wanted_and_who_may_not_is_refused(table: SqlWaits, mine: RunWaits) -> None:
    mine.ask("board", 0, BOARD, "h", NOON)
    for user, why in (("ada", "made the plan"), ("ann", "wrote the workflow"), ("eve", "not among")):
        with pytest.raises(PolicyDenied, match=why):
            say(table, user)
    assert say(table, "bob").end is None
    assert say(table, "bob", minutes=2).end is None  # twice is once
    wait = say(table, "dora", minutes=3)
    assert (wait.end, wait.ended_at, wait.approved_by) == (WaitEnd.APPROVED, at(3), ("bob", "dora"))
    assert [each.user for each in wait.answers] == ["bob", "bob", "dora"]
    assert "hunter22" not in wait.answers[0].comment
    with pytest.raises(StateConflict, match="is decided: approved"):
        say(table, "carol", yes=False)
    assert [known.end for known in table.of("run-1")] == [WaitEnd.APPROVED]


def test_one_no_decides_also_of_who_asked_for_it(table: SqlWaits, mine: RunWaits) -> None:
    mine.ask("board", 0, BOARD, "h", NOON)
    say(table, "bob")
    assert say(table, "ada", yes=False).end is WaitEnd.REJECTED
    with pytest.raises(StateConflict, match="rejected"):
        say(table, "dora")


def test_a_nul_keeps_no_answer_and_no_signal_from_being_kept(
    store: PatientRunStore, table: SqlWaits, mine: RunWaits
) -> None:
    """Devices and programs write such things; PostgreSQL takes none in a text."""
    mine.ask("ci", 0, replace(SIGNAL, text="a\0b"), "h", NOON)
    mine.ask("board", 0, BOARD, "h", NOON)
    table.answer("run-1", 2, Approval("h", "bob", Answer.REJECTED, at(1), "no\0!", "here"), judge("bob", 1))
    found = table.signal("run-1", "ci", {"x\0": "\0"}, "jenkins", at(1))
    assert found is not None
    assert (found.data, found.asked.text) == ({"x\0": "\0"}, "a\0b")
    told = [stored.event.message.replace("\0", "\ufffd") for stored in store.events("run-1")]
    assert told == ["no\ufffd!", "jenkins sent the signal ci"]


def test_an_answer_about_another_plan_does_not_count(table: SqlWaits, mine: RunWaits) -> None:
    mine.ask("board", 0, BOARD, "h", NOON)
    say(table, "bob", plan="other")
    say(table, "carol", plan="other")
    assert say(table, "dora").end is None


def test_too_late_is_too_late_for_good_also_when_the_clock_is_set_back(table: SqlWaits, mine: RunWaits) -> None:
    mine.ask("board", 0, BOARD, "h", NOON)
    say(table, "bob", minutes=59)
    with pytest.raises(StateConflict, match="it is too late"):
        say(table, "dora", minutes=60)
    with pytest.raises(StateConflict, match="expired"):
        say(table, "dora", minutes=2)
    assert table.of("run-1")[0].end is WaitEnd.EXPIRED


def test_an_answer_from_the_future_does_not_count(table: SqlWaits, mine: RunWaits) -> None:
    mine.ask("board", 0, BOARD, "h", NOON)
    say(table, "bob", minutes=50)
    assert say(table, "dora", minutes=1).end is None  # the clock was set back between them
    assert say(table, "carol", minutes=2).end is WaitEnd.APPROVED


def test_different_people_whichever_is_answered_first(table: SqlWaits, mine: RunWaits) -> None:
    one = replace(BOARD, approvers=1, different_each_batch=True)
    mine.ask("board", 1, one, "h", NOON)
    mine.ask("board", 2, one, "h", NOON)
    mine.ask("noc", 0, replace(one, different_from=("board",)), "h", NOON)
    say(table, "bob", 3)
    with pytest.raises(PolicyDenied, match="approved step noc"):
        say(table, "bob", 1)
    say(table, "carol", 1)
    with pytest.raises(PolicyDenied, match="approved step board of batch 1, and each batch needs somebody else"):
        say(table, "carol", 2)
    assert [wait.approved_by for wait in table.of("run-1")] == [("carol",), (), ("bob",)]


def test_of_many_answers_at_once_each_is_kept_and_one_decides(store: PatientRunStore, mine: RunWaits) -> None:
    mine.ask("board", 0, replace(BOARD, approvers=3, who=()), "h", NOON)
    users = [f"u{number}" for number in range(6)]
    together, ended = threading.Barrier(len(users), timeout=30), list[Wait]()

    def answer(user: str) -> None:
        together.wait()
        with suppress(StateConflict):
            ended.append(say(SqlWaits(store), user))

    threads = [threading.Thread(target=answer, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [wait.end for wait in ended].count(WaitEnd.APPROVED) == 1
    assert len(SqlWaits(store).of("run-1")[0].approved_by) == 3
    told = [each.event for each in store.events("run-1") if each.event.kind is EventKind.WAIT_ANSWERED]
    assert [event.data.get("end") for event in told] == [None, None, "approved"]


def test_a_signal_ends_one_wait_before_or_after_it_is_waited_for(table: SqlWaits, mine: RunWaits) -> None:
    assert table.signal("run-1", "ci", {"n": [1, "ü hunter22"]}, "jenkins", NOON) is None
    first = mine.ask("ci", 1, SIGNAL, "h", NOON)
    assert (first.end, first.data) == (WaitEnd.SIGNALLED, {"n": [1, "ü hunter22"]})  # exact, and sealed where it lies
    second = mine.ask("ci", 2, SIGNAL, "h", NOON)
    assert second.end is None
    found = table.signal("run-1", "ci", 2, "jenkins", at(1))
    assert found is not None
    assert (found.number, found.end, found.data) == (2, WaitEnd.SIGNALLED, 2)


def test_a_signal_that_comes_too_late_is_refused_unless_another_step_waits_for_it(
    table: SqlWaits, mine: RunWaits
) -> None:
    mine.ask("ci", 0, SIGNAL, "h", NOON)
    for minutes in (60, 61):
        with pytest.raises(StateConflict, match="until 2026-11-21 13:00:00 UTC: it is too late"):
            table.signal("run-1", "ci", None, "jenkins", at(minutes))
    assert mine.known("ci", 0) == replace(mine.ask("ci", 0, SIGNAL, "h", at(61)), end=WaitEnd.EXPIRED)
    mine.ask("other", 0, SIGNAL, "h", at(30))
    found = table.signal("run-1", "ci", 1, "jenkins", at(62))
    assert found is not None
    assert (found.step, found.end) == ("other", WaitEnd.SIGNALLED)


def test_what_may_go_on_is_known_at_its_moment_and_until_it_has(
    store: PatientRunStore, table: SqlWaits, mine: RunWaits
) -> None:
    board = mine.ask("board", 0, BOARD, "h", NOON)
    until = mine.ask("night", 0, Awaited(WaitKind.TIME, until=at(30)), "h", NOON)
    assert table.due(at(99)) == []  # it still has a process
    rest(store, mine, board, until)
    standing = store.standing("run-1")
    assert (standing.state, standing.worker) == (RunState.WAITING, "")
    assert not standing.cut_off(lambda worker: True)
    assert [table.due(at(minutes)) for minutes in (29, 30)] == [[], ["run-1"]]
    assert [wait.step for wait in table.open()["run-1"]] == ["board", "night"]
    fence = store.take_over("run-1", 1, "w2")
    now = RunWaits(store, "run-1", fence, BOUND)
    store.move("run-1", RunState.WAITING, RunState.RUNNING, at(30), fence=fence)
    assert table.due(at(30)) == []
    assert now.end(until, WaitEnd.COME, at(30)).end is WaitEnd.COME
    rest(store, now, board, fence=fence)
    assert table.due(at(31)) == []  # that its time has come is done with
    say(table, "bob", minutes=32)
    say(table, "dora", minutes=32)
    assert table.due(at(32)) == ["run-1"]


def test_a_run_that_somebody_is_about_to_go_on_with_is_left_to_that(
    store: PatientRunStore, table: SqlWaits, mine: RunWaits
) -> None:
    board = mine.ask("board", 0, replace(BOARD, approvers=1), "h", NOON)
    rest(store, mine, board)
    say(table, "bob")
    me, other = Alive(store, 5), Workers(store.engine)
    assert due(store, me, NOON) == ["run-1"]
    store.take_over("run-1", 1, other.register())
    assert due(store, me, NOON) == []
    other.leave()
    assert due(store, me, NOON) == ["run-1"]


def test_a_waiting_run_that_is_to_end_may_go_on(store: PatientRunStore, table: SqlWaits, mine: RunWaits) -> None:
    rest(store, mine, mine.ask("board", 0, BOARD, "h", NOON))
    assert table.due(NOON) == []
    with store.engine.begin() as connection:
        connection.execute(update(runs).values(wish="[]"))
    assert table.due(NOON) == ["run-1"]


def test_a_missed_moment_is_waited_for_anew(store: PatientRunStore, table: SqlWaits, mine: RunWaits) -> None:
    wait = mine.ask("night", 0, Awaited(WaitKind.TIME, until=at(30), latest=at(40)), "h", NOON)
    wait = mine.end(wait, WaitEnd.COME, at(50))
    again = mine.again(wait, Awaited(WaitKind.TIME, until=at(90), latest=at(99)))
    assert (again.number, again.end, again.asked.until) == (wait.number, None, at(90))
    rest(store, mine, again)
    assert [table.due(at(minutes)) for minutes in (60, 90)] == [[], ["run-1"]]


def test_people_are_reminded_each_time_once(store: PatientRunStore, table: SqlWaits, mine: RunWaits) -> None:
    rest(store, mine, mine.ask("board", 0, BOARD, "h", NOON))
    assert table.remind(at(9)) == []
    (event,) = table.remind(at(10))
    assert (event.kind, event.step, event.message) == (EventKind.WAIT_REMINDED, "board", "go on?")
    assert table.remind(at(10)) == []
    say(table, "bob", minutes=12)
    (late,) = table.remind(at(45))  # nobody looked for a while: one reminder stands for those that were missed
    assert late.data["approved"] == ["bob"]
    assert (len(table.remind(at(49))), len(table.remind(at(50)))) == (0, 1)
    assert table.remind(at(60)) == []  # it is too late to be reminded
    told = [each.event.kind for each in store.events("run-1")]
    assert told.count(EventKind.WAIT_REMINDED) == 3


def test_who_has_lost_the_run_keeps_nothing_more(store: PatientRunStore, mine: RunWaits) -> None:
    wait = mine.ask("board", 0, BOARD, "h", NOON)
    store.take_over("run-1", 1, "w2")
    for act in (
        lambda: mine.ask("other", 0, BOARD, "h", NOON),
        lambda: mine.again(wait, BOARD),
        lambda: mine.end(wait, WaitEnd.EXPIRED, NOON),
        lambda: mine.leave([1]),
    ):
        with pytest.raises(RunLost):
            act()
    assert [known.end for known in SqlWaits(store).of("run-1")] == [None]


def test_a_run_that_has_ended_takes_no_answer_and_no_signal(
    store: PatientRunStore, table: SqlWaits, mine: RunWaits
) -> None:
    mine.ask("board", 0, BOARD, "h", NOON)
    say(table, "bob")
    store.finish(ended_run(), RunState.RUNNING, fence=1)
    with pytest.raises(StateConflict, match="has ended"):
        say(table, "dora")
    with pytest.raises(StateConflict, match="has ended"):
        table.signal("run-1", "ci", None, "jenkins", NOON)
    (said,) = store.record("run-1").approvals
    assert (said.user, said.step, said.plan) == ("bob", "board", "h")
    store.purge(at(10_000))
    with pytest.raises(UsageError, match="there is no run"):
        table.of("run-1")
