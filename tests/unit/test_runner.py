"""The runner: as many threads as workers, an end to every device's time, and nothing that hangs holds up the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from nornir.core import Nornir
from nornir.core.inventory import Host, Hosts, Inventory

from nornflow.devices import runner
from nornflow.devices.runner import HostRunner
from nornflow.errors import GuardDenied


def nornir_of(count: int, host_runner: HostRunner) -> Nornir:
    hosts = Hosts({f"r{number}": Host(f"r{number}") for number in range(count)})
    return Nornir(inventory=Inventory(hosts=hosts), runner=host_runner)


def run(count: int, task: Callable[..., Any], workers: int = 4, **keys: Any) -> SimpleNamespace:
    seen = SimpleNamespace(expired=[], lost=[])
    seen.expire = lambda host: not seen.expired.append(host)
    made = HostRunner(workers, keys.pop("timeout", None), keys.pop("expired", seen.expire), seen.lost.append, **keys)
    seen.results = nornir_of(count, made).run(task=task)
    return seen


def test_every_host_has_a_result_and_no_more_work_at_once_than_workers() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def task(task: Any) -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        with lock:
            now -= 1
        return str(task.host.name)

    seen = run(40, task)
    assert {name: result[0].result for name, result in seen.results.items()} == {f"r{n}": f"r{n}" for n in range(40)}
    assert most <= 4


def test_no_host_is_no_work() -> None:
    assert dict(run(0, lambda task: None).results) == {}


def test_a_host_whose_time_is_over_is_told_and_ends_by_itself() -> None:
    cut = threading.Event()
    told: list[str] = []

    def expired(host: str) -> bool:
        told.append(host)
        cut.set()
        return True

    def task(task: Any) -> str:
        if task.host.name == "r1":
            assert cut.wait(10)  # as a read that ends because its socket was closed
        return "done"

    seen = run(3, task, timeout=0.2, expired=expired)
    assert "r1" in told
    assert sorted(seen.results) == ["r0", "r1", "r2"]
    assert seen.lost == []


def test_a_thread_that_never_ends_is_left_behind_and_its_place_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LEAVE_AFTER", 0.1)
    stuck = threading.Event()

    def task(task: Any) -> str:
        if task.host.name == "r0":
            stuck.wait(20)
        return "done"

    try:
        seen = run(5, task, workers=1, timeout=0.2)
    finally:
        stuck.set()
    assert seen.expired == ["r0"]
    assert seen.lost == ["r0"]
    assert sorted(seen.results) == ["r1", "r2", "r3", "r4"]


def test_in_a_hurry_threads_that_do_not_end_are_left_behind_without_any_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "LEAVE_AFTER", 0.05)
    stuck, lost = threading.Event(), list[str]()
    made = HostRunner(2, None, lambda name: True, lost.append)

    def task(task: Any) -> None:
        if task.host.name == "r0":
            made.hurry()
            stuck.wait(20)

    nornir_of(3, made).run(task=task)
    stuck.set()
    assert lost == ["r0"]


def test_a_task_that_starts_another_run_leaves_the_one_that_it_is_part_of_alone() -> None:
    refused: list[str] = []

    def task(task: Any) -> str:
        try:
            task.nornir.run(task=lambda task: None)
        except GuardDenied as error:
            refused.append(error.message)
        return str(task.host.name)

    seen = run(20, task)
    assert sorted(seen.results) == sorted(f"r{number}" for number in range(20))
    assert all(result[0].result == name for name, result in seen.results.items())
    assert len(refused) == 20
    assert "may not start another run" in refused[0]


def test_a_host_that_may_not_be_cut_yet_is_asked_for_again_and_its_answer_taken() -> None:
    asked, go_on = list[str](), threading.Event()

    def expired(host: str) -> bool:
        asked.append(host)
        if len(asked) == 3:
            go_on.set()  # as a commit that has come to its end
        return False

    def task(task: Any) -> str:
        assert go_on.wait(20)
        return "committed"

    seen = run(1, task, timeout=0.05, expired=expired)
    assert len(asked) >= 3
    assert seen.results["r0"][0].result == "committed"
    assert seen.lost == []


def test_a_single_host_may_have_less_time_than_the_others() -> None:
    cut = threading.Event()

    def expired(host: str) -> bool:
        cut.set()
        return True

    def task(task: Any) -> str:
        if task.host.name == "r1":
            assert cut.wait(10)
        return "done"

    seen = run(3, task, timeout=60.0, limits={"r1": 0.1}, expired=expired)
    assert sorted(seen.results) == ["r0", "r1", "r2"]
