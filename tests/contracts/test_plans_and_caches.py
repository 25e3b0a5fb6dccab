"""Plans, answers and cached results in the store, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nornflow.errors import StoreError, UsageError
from nornflow.model.approval import Answer, Approval
from nornflow.model.cached import Doing
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep
from nornflow.model.run import RunState, StepResult
from nornflow.redaction import MASK, Redactor
from nornflow.store.blobs import LIMIT
from nornflow.store.cache import SqlResultCache
from nornflow.store.locks import SqlDeviceLocks
from nornflow.store.opening import open_store
from nornflow.store.patience import PatientRunStore
from nornflow.store.plans import SqlPlans, plan_hash
from nornflow.store.workers import Workers
from nornflow.testing.run_store import NOON, new_run

STEP = PlannedStep(
    "ntp", "r1", ("ntp server 192.0.2.1",), "netmiko", "+ntp server 192.0.2.1\n", Method.MODEL, "ab" * 32
)
PLAN = Plan("ntp", "1.0", "standard", {"n": [1, "ü"]}, (HostPlan("r1", "cisco_ios", (STEP,)),), {"tell": "runs once"})
LARGE = replace(PLAN, hosts=(HostPlan("r1", "cisco_ios", (replace(STEP, diff="+line\n" * LIMIT),)),))


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[PatientRunStore]:
    with closing(open_store(database_url, tmp_path, Redactor(["hunter22"]))) as store:
        yield store


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class TestPlans:
    @pytest.mark.parametrize("plan", [PLAN, LARGE], ids=["small", "large"])
    def test_a_plan_is_kept_once_and_comes_back_as_it_was(self, store: PatientRunStore, plan: Plan) -> None:
        plans = SqlPlans(store)
        digest = plans.keep(plan, NOON)
        assert plans.keep(plan, later(1)) == digest == plan_hash(plan)
        assert plans.plan(digest) == plan

    def test_any_difference_is_another_hash_and_the_order_of_keys_is_none(self) -> None:
        turned = replace(PLAN, inputs={"b": 1, "a": 2})
        assert plan_hash(turned) == plan_hash(replace(PLAN, inputs={"a": 2, "b": 1}))
        other = replace(PLAN, hosts=(replace(PLAN.hosts[0], steps=(replace(STEP, pre_hash="cd" * 32),)),))
        assert plan_hash(other) != plan_hash(PLAN)

    def test_a_secret_in_it_is_not_in_the_store_and_makes_another_hash_all_the_same(
        self, store: PatientRunStore, tmp_path: Path
    ) -> None:
        line = "snmp-server community {}"
        first, second = (
            replace(PLAN, hosts=(HostPlan("r1", "x", (replace(STEP, lines=(line.format(text),)),)),))
            for text in ("hunter22", MASK)
        )
        plans = SqlPlans(store)
        digest = plans.keep(first, NOON)
        assert digest != plan_hash(second)
        assert plans.plan(digest) == second
        with store.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM plans").all()
        assert "hunter22" not in repr(rows)
        assert all(b"hunter22" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())

    def test_a_plan_that_was_changed_behind_our_back_is_refused(self, store: PatientRunStore) -> None:
        plans = SqlPlans(store)
        digest = plans.keep(PLAN, NOON)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE plans SET body = REPLACE(body, '192.0.2.1', '192.0.2.9')")
        with pytest.raises(StoreError, match="not the one that was kept"):
            plans.plan(digest)

    def test_who_answered_what_is_kept_in_order(self, store: PatientRunStore) -> None:
        store.begin(new_run())
        plans = SqlPlans(store)
        no = Approval(plans.keep(PLAN, NOON), "ada", Answer.REJECTED, later(5), "not with hunter22")
        yes = Approval(plans.keep(LARGE, NOON), "bob", Answer.APPROVED, later(9), via="--yes")
        for answer in (no, yes, yes):  # the answer of the store may be lost, and the call is made again
            plans.answered("run-1", answer)
        assert plans.answers("run-1") == [replace(no, comment=f"not with {MASK}"), yes]
        with pytest.raises(UsageError, match="no run"):
            plans.answered("run-2", yes)

    def test_an_answer_to_a_plan_that_was_never_kept_is_refused(self, store: PatientRunStore) -> None:
        store.begin(new_run())
        with pytest.raises(StoreError, match="could not be kept"):
            SqlPlans(store).answered("run-1", Approval("00" * 32, "ada", Answer.APPROVED, NOON))

    def test_plans_go_with_the_last_run_that_has_them(self, store: PatientRunStore) -> None:
        plans = SqlPlans(store)
        digest = plans.keep(PLAN, NOON)
        for run in ("run-1", "run-2"):
            store.begin(new_run(run))
            plans.answered(run, Approval(digest, "ada", Answer.REJECTED, NOON))
        store.move("run-1", RunState.PENDING, RunState.CANCELLED, later(1))
        store.purge(later(2))
        assert plans.plan(digest) == PLAN
        store.move("run-2", RunState.PENDING, RunState.CANCELLED, later(3))
        store.purge(later(4))
        with pytest.raises(UsageError, match="no plan"):
            plans.plan(digest)


def doing(name: str = "k", host: str = "", **what: Any) -> Doing:
    return Doing("audit", "look", "fake.look", host, {"name": name, **what})


BROKEN = (
    "{",
    "[]",
    "5",
    "null",
    '{"state": "no"}',
    '{"state": "failed"}',
    '{"changed": true}',
    '{"error": "no"}',
    '{"outputs": []}',
    '{"outputs": 1}',
    '{"stdout": 7}',
    '{"diff": ["+x"]}',
    '{"warning": 5}',
    '{"exit_code": "x"}',
    '{"exit_code": null}',
    '{"attempts": 2}',
    '{"nothing": "known"}',
)
"""What may stand in a row that somebody, or something, has changed: no JSON, of another form, or of what is never kept."""


def kept(cache: SqlResultCache, one: Doing, at: datetime, ttl: int = 3600) -> StepResult | None:
    """The result as it was put; what it says of the cache itself is left out."""
    found = cache.get([one], at, ttl).get(one.key)
    return found and replace(found, cache_key="", cache_age=0.0)


class TestCache:
    def test_a_result_lives_as_long_as_it_was_given(self, store: PatientRunStore) -> None:
        cache, one = SqlResultCache(store), doing()
        cache.put([(one, StepResult(outputs={"n": 1}, stdout="x", attempts=3))], NOON, ttl=60)
        assert kept(cache, one, later(59)) == StepResult(outputs={"n": 1}, stdout="x")
        assert kept(cache, one, later(60)) is None
        cache.put([(one, StepResult(stdout="y"))], later(61), ttl=60)
        (found,) = cache.get([one, doing("other")], later(63), 60).values()
        assert (found.stdout, found.cache_key, found.cache_age) == ("y", one.key, 2.0)

    def test_whoever_asks_may_want_a_younger_one(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store)
        cache.put([(doing(), StepResult(stdout="x"))], NOON, ttl=3600)
        assert kept(cache, doing(), later(60), ttl=61) is not None
        assert kept(cache, doing(), later(60), ttl=60) is None

    def test_one_that_a_wrong_clock_kept_in_the_future_is_none(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store)
        cache.put([(doing(), StepResult(stdout="x"))], later(86_400), ttl=60)
        assert kept(cache, doing(), NOON) is None

    @pytest.mark.parametrize("value", [{65000: "a number as a key"}, (1, 2), float("nan"), object()])
    def test_what_would_come_back_as_something_else_is_not_kept(self, store: PatientRunStore, value: Any) -> None:
        cache = SqlResultCache(store)
        cache.put([(doing(), StepResult(outputs={"value": value}))], NOON, ttl=60)
        assert not cache.entries()

    def test_it_is_shared_by_all_who_have_the_store(
        self, store: PatientRunStore, database_url: str, tmp_path: Path
    ) -> None:
        SqlResultCache(store).put([(doing(), StepResult(stdout="x" * LIMIT))], NOON, ttl=60)
        with closing(open_store(database_url, tmp_path / "elsewhere")) as other:
            found = kept(SqlResultCache(other), doing(), NOON)
        assert found == StepResult(stdout="x" * LIMIT)

    def test_the_oldest_leave_first(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store, most=2)
        for second, name in enumerate("abc"):
            cache.put([(doing(name), StepResult())], later(second), ttl=60)
        assert [kept(cache, doing(name), later(3)) is not None for name in "abc"] == [False, True, True]

    def test_all_together_have_only_so_many_bytes(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store, most_bytes=2000)
        for second, name in enumerate("abc"):
            cache.put([(doing(name), StepResult(stdout=name * 900))], later(second), ttl=60)
        cache.put([(doing("too large"), StepResult(stdout="x" * 2000))], later(3), ttl=60)
        assert [kept(cache, doing(name), later(3)) is not None for name in "abc"] == [False, True, True]
        assert sum(entry.size for entry in cache.entries()) <= 2000

    def test_what_is_over_its_time_is_removed_when_something_is_kept(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store)
        cache.put([(doing("old"), StepResult())], NOON, ttl=60)
        cache.put([(doing("new"), StepResult())], later(60), ttl=60)
        assert [entry.key for entry in cache.entries()] == [doing("new").key]

    def test_it_is_listed_with_its_hits_and_cleared_by_pattern(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store)
        cache.put([(doing(host="r1"), StepResult(stdout="x")), (doing(host="r2", n=1), StepResult())], NOON, ttl=60)
        cache.put([(Doing("cmdb", "ask", "webhook", "", {}), StepResult())], later(1), ttl=600)
        cache.get([doing(host="r1")], later(2), 60)
        cache.get([doing(host="r1")], later(3), 60)
        assert [(one.workflow, one.step, one.host, one.hits) for one in cache.entries(host="r1")] == [
            ("audit", "look", "r1", 2)
        ]
        assert [one.step for one in cache.entries()] == ["ask", "look", "look"]
        assert [len(cache.entries(**by)) for by in ({"workflow": "cmdb"}, {"step": "look"}, {"host": "r9"})] == [
            1,
            2,
            0,
        ]
        assert cache.clear("r2") == 1
        assert cache.clear(expired=later(60)) == 1
        assert cache.clear("audit/*") == 0
        assert cache.clear("cmdb/a*") == 1
        assert not cache.entries()

    def test_a_result_with_a_secret_in_it_is_not_kept(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store)
        for name, result in (
            ("output", StepResult(stdout="its hunter22")),
            ("deep", StepResult(outputs={"a": [{"b": "hunter22"}]})),
            ("masked", StepResult(stdout=MASK)),
        ):
            cache.put([(doing(name), result)], NOON, ttl=60)
        cache.put([(doing(params="hunter22"), StepResult(stdout="x"))], NOON, ttl=60)
        assert not cache.entries()
        assert not cache.get([doing(params="hunter22")], NOON, 60)

    def test_a_device_that_a_run_changed_or_changes_is_told(self, store: PatientRunStore) -> None:
        cache, worker = SqlResultCache(store), Workers(store.engine)
        worker.register()
        locks = SqlDeviceLocks(store.engine, worker)
        assert cache.changes(["r1", "r2"]) == {"r1": 0, "r2": 0}
        tokens = locks.grant(locks.request("run-1", ["r1"]))
        assert tokens is not None
        assert cache.changes(["r1", "r2"]) == {"r2": 0}
        locks.release("run-1", tokens)
        assert cache.changes(["r1", "r2"]) == {"r1": tokens["r1"], "r2": 0}

    @pytest.mark.parametrize("broken", BROKEN)
    def test_a_broken_entry_is_no_result(self, store: PatientRunStore, broken: str) -> None:
        cache = SqlResultCache(store)
        cache.put([(doing(), StepResult())], NOON, ttl=60)
        with store.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE caches SET data = '{broken}'")
        assert cache.get([doing()], NOON, 60) == {}

    def test_a_store_that_fails_costs_the_cache_and_not_the_run(self, store: PatientRunStore) -> None:
        cache = SqlResultCache(store)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE caches RENAME TO elsewhere")
            connection.exec_driver_sql("ALTER TABLE locks RENAME TO nowhere")
        cache.put([(doing(), StepResult())], NOON, ttl=60)
        assert cache.get([doing()], NOON, 60) == {}
        assert cache.changes(["r1"]) == {}
