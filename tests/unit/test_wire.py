"""What goes between a run's process and those that work for it, when strangers have put something into it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe
from types import SimpleNamespace

import pytest

from nornflow.app.processes.clerk import Clerk
from nornflow.app.processes.forked import Forked
from nornflow.app.processes.process import Process
from nornflow.app.processes.wire import Begin, Born, Line, Stop
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.shards.shard import Finished, Order
from nornflow.engine.shards.shards import Done, Round, Work
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
    process.begin(order, StopSwitch())
    theirs.send(Born(7))
    theirs.send(Sly(host="r1"))
    assert process.wait(order, lambda: None) is None
    assert killed == [7]
    assert not process.alive


class Ready:
    """A zygote whose processes are played."""

    def __init__(self) -> None:
        self.processes: list[Connection] = []

    def fork(self) -> Line:
        ours, theirs = Pipe()
        self.processes.append(theirs)
        return Line(ours)

    def end(self) -> None:
        """There is none."""


def test_all_processes_are_told_to_end_while_one_of_them_is_waited_for() -> None:
    """One that is slow to end its devices would let the others begin ever more of theirs."""
    zygote, switch = Ready(), StopSwitch()
    forked = Forked(zygote, 2, ("r1", "r2"), Redactor())  # type: ignore[arg-type]
    forked.join(None, SimpleNamespace(switch=switch))  # type: ignore[arg-type]
    orders = [Order(number, Round(Work.APPLY, (f"r{number}",), "configure"), {}, {}) for number in (1, 2)]
    for number, order in enumerate(orders):
        forked.begin(number, order, switch)
    waiting = threading.Thread(target=lambda: forked.finish(0, orders[0], switch))
    waiting.start()
    switch.stop()
    slow, other = zygote.processes
    assert [other.recv(), other.recv()] == [Begin(None), orders[1]]  # type: ignore[arg-type]
    assert other.poll(5)
    assert [other.recv(), other.recv()] == [Stop(True, False), Stop(True, False, 2)]
    slow.send(Finished(1, Done(), {}))
    waiting.join()
    for process in zygote.processes:
        process.close()
    forked.close()
