"""What the store knows of sealed plans: images, answers and who changed devices since, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nornflow.model.approval import Answer, Approval
from nornflow.model.run import HostRecord, HostState, RunState
from nornflow.model.sealed import SealedPlan
from nornflow.redaction import Redactor
from nornflow.store.blobs import LIMIT
from nornflow.store.opening import open_store
from nornflow.store.patience import PatientRunStore
from nornflow.store.sealed import SqlSealed
from nornflow.testing.run_store import NOON, ended_run, new_run

HOSTS = [{"host": name, "steps": [], "pre_hash": name * 32} for name in ("r1", "r2", "r3")]
DATA = {"plan": {"workflow": "ntp", "version": "1", "profile": "standard", "hosts": HOSTS}}
PLAN = SealedPlan(NOON, "ann", ("bob",), {}, {"targets": ["r1"]}, (), DATA, hash="ab" * 32)


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[PatientRunStore]:
    with closing(open_store(database_url, tmp_path, Redactor(["hunter22"]))) as store:
        yield store


def test_the_configuration_a_plan_was_made_on_comes_back_as_it_was(store: PatientRunStore, tmp_path: Path) -> None:
    kept = SqlSealed(store)
    images = {"r1": "hostname r1\n", "r2": "hostname r2\n" * LIMIT, "r3": "enable secret hunter22\n"}
    kept.keep(PLAN, images)
    kept.keep(PLAN, images)
    for name, text in images.items():
        assert kept.image(PLAN.hash, name, name * 32) == text
    assert kept.image(PLAN.hash, "r1", "other") is None
    assert kept.image("cd" * 32, "r1", "r1" * 32) is None
    assert all(b"hunter22" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_answers_are_added_and_come_back_in_order(store: PatientRunStore) -> None:
    kept = SqlSealed(store)
    said = [
        Approval(PLAN.hash, "dave", Answer.REJECTED, NOON, "too late, hunter22"),
        Approval(PLAN.hash, "dave", Answer.APPROVED, NOON + timedelta(hours=1)),
        Approval("cd" * 32, "erin", Answer.APPROVED, NOON),  # of a plan that was sealed elsewhere
    ]
    for each in said:
        kept.answered(each)
    found = kept.answers(PLAN.hash)
    assert [(each.user, each.answer, each.at) for each in found] == [(e.user, e.answer, e.at) for e in said[:2]]
    assert "hunter22" not in found[0].comment
    assert len(kept.answers("cd" * 32)) == 1


def test_the_last_run_that_changed_a_device_is_named(store: PatientRunStore) -> None:
    for number, state in enumerate((HostState.CHANGED, HostState.OK)):
        run = f"run-{number}"
        store.begin(replace(new_run(run), spec={"sealed": PLAN.hash}))
        store.move(run, RunState.PENDING, RunState.PLANNING, NOON)
        store.move(run, RunState.PLANNING, RunState.RUNNING, NOON)
        record = ended_run(run)
        store.finish(replace(record, hosts=(HostRecord(record.hosts[0].host, state),)), RunState.RUNNING)
    host = record.hosts[0].host
    kept = SqlSealed(store)
    touched = kept.touched_since(host, NOON - timedelta(hours=1))
    assert touched is not None
    assert (touched.run, touched.plan) == ("run-0", PLAN.hash)
    assert str(touched) == f"run run-0 of ntp, by {touched.user}, which applied plan {PLAN.short},"
    assert kept.touched_since(host, NOON + timedelta(days=1)) is None
    assert kept.touched_since("nobody", NOON - timedelta(hours=1)) is None


def test_what_is_old_is_forgotten_with_its_files(store: PatientRunStore) -> None:
    kept = SqlSealed(store)
    kept.keep(PLAN, {"r2": "hostname r2\n" * LIMIT})
    kept.answered(Approval(PLAN.hash, "dave", Answer.APPROVED, NOON))
    store.purge(NOON - timedelta(days=1))
    assert kept.image(PLAN.hash, "r2", "r2" * 32) is not None
    store.purge(NOON + timedelta(days=1))
    assert kept.image(PLAN.hash, "r2", "r2" * 32) is None
    assert not kept.answers(PLAN.hash)


def waiting(store: PatientRunStore, *hosts: str, since: datetime | None = None) -> dict[str, list[str]]:
    return {plan.hash: [host.host for host in plan.hosts] for plan in SqlSealed(store).pending(hosts, since)}


def sealed_plan(digest: str, *hosts: str, follows: str = "", hours: int = 0) -> SealedPlan:
    step = {"step": "configure", "host": "", "lines": ["cdp run", "snmp community hunter22"], "diff": "+cdp run"}
    data = {"plan": {**DATA["plan"], "hosts": [{"host": host, "steps": [{**step, "host": host}]} for host in hosts]}}
    made = NOON + timedelta(hours=hours)
    return replace(PLAN, hash=digest * 32, approved=data, follows=follows * 32, created_at=made)


def test_plans_wait_for_devices_until_they_are_applied_made_anew_or_rejected(
    store: PatientRunStore, tmp_path: Path
) -> None:
    kept = SqlSealed(store)
    first, second = sealed_plan("ab", "r1", "r2"), sealed_plan("cd", "r2", "r3", hours=1)
    for each in (first, second, sealed_plan("ef", hours=2)):
        kept.keep(each, {})
    assert waiting(store, "r1", "r2", "r9") == {first.hash: ["r1", "r2"], second.hash: ["r2"]}
    assert waiting(store, "r9") == {}
    assert waiting(store, "r2", since=NOON + timedelta(minutes=1)) == {second.hash: ["r2"]}
    assert kept.pending(["r1"], None)[0].hosts[0].steps[0].lines == ("cdp run", "snmp community ********")
    assert all(b"hunter22" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())

    kept.keep(sealed_plan("12", "r2", follows="ab", hours=3), {})
    assert waiting(store, "r1", "r2") == {first.hash: ["r1"], second.hash: ["r2"], "12" * 32: ["r2"]}

    kept.answered(Approval(second.hash, "dave", Answer.REJECTED, NOON))
    assert second.hash not in waiting(store, "r2", "r3")
    kept.answered(Approval(second.hash, "dave", Answer.APPROVED, NOON + timedelta(hours=1)))
    assert waiting(store, "r3") == {second.hash: ["r3"]}

    store.begin(replace(new_run("run-1"), hosts={"r1": "ios"}, spec={"sealed": first.hash}))
    assert waiting(store, "r1") == {first.hash: ["r1"]}
    store.move("run-1", RunState.PENDING, RunState.PLANNING, NOON)
    store.move("run-1", RunState.PLANNING, RunState.RUNNING, NOON)
    ended = replace(ended_run("run-1"), hosts=(HostRecord("r1", HostState.CHANGED),))
    store.finish(ended, RunState.RUNNING)
    assert waiting(store, "r1") == {}

    store.purge(NOON + timedelta(days=1))
    assert waiting(store, "r1", "r2", "r3") == {}


def test_answers_that_are_given_at_once_are_all_kept(store: PatientRunStore) -> None:
    kept, start, wrong = SqlSealed(store), threading.Barrier(6), []

    def answer(number: int) -> None:
        start.wait()
        try:
            for _ in range(4):
                kept.answered(Approval(PLAN.hash, f"user-{number}", Answer.APPROVED, NOON))
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            wrong.append(error)

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(kept.answers(PLAN.hash)) == 24


def test_who_sealed_a_plan_is_known_where_it_was_sealed(store: PatientRunStore) -> None:
    kept = SqlSealed(store)
    assert kept.requester(PLAN.hash) is None
    kept.answered(Approval(PLAN.hash, "dave", Answer.APPROVED, NOON))
    assert kept.requester(PLAN.hash) is None  # an answer seals nothing
    kept.keep(PLAN, {})
    assert kept.requester(PLAN.hash) == "ann"
