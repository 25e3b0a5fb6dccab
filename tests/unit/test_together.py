"""Many threads want the same thing at the same moment, and it is done once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from nornflow.store.together import Together

LONG = 20.0


class Gated:
    """Work that goes on when it is let, one time after the other, and keeps what each time was for."""

    def __init__(self) -> None:
        self.times: list[list[int]] = []
        self.errors: dict[int, BaseException] = {}
        self._began = threading.Semaphore(0)
        self._goes_on = threading.Semaphore(0)

    def __call__(self, wanted: Sequence[int]) -> int:
        self.times.append(sorted(wanted))
        number = len(self.times)
        self._began.release()
        assert self._goes_on.acquire(timeout=LONG)
        if number in self.errors:
            raise self.errors[number]
        return number

    def wait_until_begun(self) -> None:
        assert self._began.acquire(timeout=LONG)

    def go_on(self, times: int = 1) -> None:
        self._goes_on.release(times)


@pytest.fixture
def work() -> Gated:
    return Gated()


def crowd(pool: ThreadPoolExecutor, together: Together[int, int], wanted: Sequence[int]) -> list[Future[int]]:
    """Let threads ask, and return when each of them waits for the next time."""
    futures = [pool.submit(together, each) for each in wanted]
    for _ in range(2000):
        if len(together._next.wanted) == len(wanted):
            return futures
        threading.Event().wait(0.005)
    raise AssertionError("not everybody came")


def test_who_comes_meanwhile_is_served_together_by_a_time_that_begins_later(work: Gated) -> None:
    together = Together(work)
    with ThreadPoolExecutor(11) as pool:
        first = pool.submit(together, 0)
        work.wait_until_begun()
        others = crowd(pool, together, range(1, 11))
        work.go_on(2)
        assert first.result(LONG) == 1
        assert {future.result(LONG) for future in others} == {2}
    assert work.times == [[0], list(range(1, 11))]


def test_an_error_is_everybodys_who_waited_for_it_and_nobodys_afterwards(work: Gated) -> None:
    together = Together(work)
    work.errors[2] = ValueError("the disk is full")
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together, 0)
        work.wait_until_begun()
        others = crowd(pool, together, range(1, 4))
        work.go_on(3)
        assert first.result(LONG) == 1
        for future in others:
            with pytest.raises(ValueError, match="the disk is full"):
                future.result(LONG)
        assert pool.submit(together, 9).result(LONG) == 3


def test_what_interrupts_one_thread_is_no_answer_for_another(work: Gated) -> None:
    together = Together(work)
    work.errors[2] = KeyboardInterrupt()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together, 0)
        work.wait_until_begun()
        others = crowd(pool, together, range(1, 4))
        work.go_on(10)
        assert first.result(LONG) == 1
        ends = [future.exception(LONG) for future in others]
    interrupted = [end for end in ends if end is not None]
    assert [type(end) for end in interrupted] == [KeyboardInterrupt]
    asked_again = [each for wanted in work.times[2:] for each in wanted]
    assert len(asked_again) == 2  # the other two have their answer all the same


def test_each_of_many_threads_is_answered_by_a_time_that_began_after_it_asked() -> None:
    now = iter(range(1_000_000))
    lock = threading.Lock()

    def moment() -> int:
        with lock:
            return next(now)

    together: Together[None, int] = Together(lambda wanted: moment())

    def asks(_: int) -> bool:
        before = moment()
        return together(None) > before

    with ThreadPoolExecutor(30) as pool:
        assert all(pool.map(asks, range(3000)))


def test_one_at_a_time() -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(wanted: Sequence[int]) -> None:
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.0005)
        inside.pop()

    ask: Callable[[int], None] = Together(work)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, range(400)))
    assert max(most) == 1
