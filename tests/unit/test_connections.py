"""How many connections a process keeps to a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from nornflow.store.connections import KEPT, UsedPool


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(UsedPool, "monotonic", staticmethod(clock))
    return clock


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/x.db", poolclass=UsedPool, pool_use_lifo=True, pool_timeout=0.1)
    yield engine
    engine.dispose()


def use(engine: Engine, at_once: int) -> None:
    with ExitStack() as stack:
        for _ in range(at_once):
            stack.enter_context(engine.connect()).execute(text("SELECT 1"))


def kept(engine: Engine) -> int:
    assert isinstance(engine.pool, UsedPool)
    return engine.pool.checkedin()


def test_what_a_burst_needed_is_closed_once_it_lies_unused(engine: Engine, clock: Clock) -> None:
    use(engine, 4)
    clock.now += KEPT / 2
    use(engine, 1)
    assert kept(engine) == 4  # another burst would find them
    clock.now += KEPT
    use(engine, 2)
    assert kept(engine) == 2
    for _ in range(10):
        clock.now += KEPT
        use(engine, 1)
    assert kept(engine) == 1


def test_what_is_closed_can_be_opened_again_up_to_the_same_bound(engine: Engine, clock: Clock) -> None:
    for _ in range(3):
        use(engine, 15)
        clock.now += 2 * KEPT
        use(engine, 1)
        assert kept(engine) == 1
    with pytest.raises(Exception, match="QueuePool limit"):
        use(engine, 16)
    use(engine, 15)
