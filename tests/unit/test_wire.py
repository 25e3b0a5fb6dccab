"""What goes between a run's process and those that work for it, when strangers have put something into it."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.connection import Pipe

import pytest

from nornflow.app.processes.clerk import Clerk
from nornflow.app.processes.process import Process
from nornflow.app.processes.wire import Born, Line
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.shard import Order
from nornflow.engine.shards import Round, Work
from nornflow.redaction import Redactor


class Sly(Exception):
    """Can be pickled, and not be read."""

    def __init__(self, *, host: str) -> None:
        super().__init__(host)


@pytest.fixture
def ends() -> Iterator[tuple[Line, Line]]:
    ours, theirs = map(Line, Pipe())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_what_the_other_end_could_not_read_is_not_sent(ends: tuple[Line, Line]) -> None:
    ours, theirs = ends
    with pytest.raises(TypeError):
        ours.send_readable(Sly(host="r1"))
    ours.send_readable(Born(7))
    assert theirs.receive() == Born(7)


def test_a_process_that_says_what_nobody_can_read_is_not_waited_for(
    ends: tuple[Line, Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = ends
    killed: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, number: killed.append(pid))
    process = Process(ours, None, Clerk.__new__(Clerk), Redactor())  # type: ignore[arg-type]
    order = Order(1, Round(Work.READ, ("r1",)), {}, {})
    process.begin(order)
    theirs.send(Born(7))
    theirs.send(Sly(host="r1"))
    assert process.wait(order, StopSwitch(), StopSwitch()) is None
    assert killed == [7]
    assert not process.alive
