"""The life of a forked process: it is given devices of a run, order by order, until there are no more."""

from __future__ import annotations

import os
import threading
import traceback
from contextlib import suppress
from functools import partial

from nornflow.app.build import Project
from nornflow.app.clock import now
from nornflow.app.processes.wire import (
    Answered,
    Begin,
    Born,
    Desk,
    End,
    Failed,
    FarEvents,
    FarFence,
    FarJournal,
    Learned,
    Line,
    NewPass,
    Stop,
)
from nornflow.app.services.decided import Change
from nornflow.app.services.prepared import tools_for
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.emit import Emitter
from nornflow.engine.shards.shard import Finished, Order, Shard, as_plain
from nornflow.model.run import RunInfo


class Child:
    """One forked process. It inherited the change, made ready; all that is the run's own comes with `Begin`."""

    def __init__(self, project: Project, change: Change, count: int, line: Line) -> None:
        self._count = count
        self._project = project
        self._change = change
        self._line = line
        self._desk = Desk(line)
        self._switch = StopSwitch()
        self._orders: dict[int, StopSwitch] = {}
        self._shard: Shard | None = None

    def live(self) -> None:
        """Do what comes, until the end; returns when there is no parent any more, too."""
        self._project.redactor.tell(lambda value, origin: self._line.send(Learned(value, origin)))
        with suppress(EOFError, OSError):
            while not isinstance(message := self._line.receive(), End):
                self._take(message)
        self._switch.abort()
        self._change.close()

    def _take(self, message: object) -> None:
        match message:
            case Begin(info):
                self._shard = self._begin(info)
            case NewPass():
                assert self._shard is not None  # it begins with Begin
                self._shard.start_pass()
            case Order():
                # known before its thread runs: a Stop may come next
                self._orders[message.number] = StopSwitch()
                threading.Thread(target=self._do, args=(message,), daemon=True, name=f"order-{message.number}").start()
            case Stop():
                self._stop(message)
            case Answered():
                self._desk.answer(message)

    def _begin(self, info: RunInfo) -> Shard:
        change, project, switch = self._change, self._project, self._switch
        emitter = Emitter(
            info.id,
            (),
            now,
            project.redactor,
            sink=FarEvents(self._line),
            lost=partial(switch.stop, "store"),
        )
        journal = FarJournal(self._line, self._desk)
        tools = tools_for(project, change, info, emitter=emitter, switch=switch, journal=journal)
        if change.devices is not None:
            change.devices.put_behind(FarFence(self._desk))
            change.devices.share(self._count)
        return Shard(change.workflow, change.hosts, info, change.spec.inputs, change.spec.variables, tools)

    def _do(self, order: Order) -> None:
        assert self._shard is not None  # it begins with Begin
        switch = self._orders[order.number]
        answer: object
        try:
            answer = self._shard.do(order, switch)
        except Exception:  # noqa: BLE001 - a fault of the program is the run's to tell, not this process's
            answer = Failed(order.number, traceback.format_exc())
        del self._orders[order.number]
        try:
            self._line.send_readable(answer)
        except OSError:
            return  # there is no run any more
        except Exception:  # noqa: BLE001 - a stranger's output that cannot be pickled and read, by whatever error of its own
            assert isinstance(answer, Finished)  # the others are text
            with suppress(OSError):
                self._line.send(as_plain(answer))

    def _stop(self, stop: Stop) -> None:
        switch = self._orders.get(stop.order) if stop.order else self._switch
        if switch is not None and stop.aborted:
            switch.abort()
        elif switch is not None and stop.stopping:
            switch.stop()


def load_drivers(project: Project, change: Change) -> None:
    """Import what the steps will open connections with, while the run's own process is still busy with other things."""
    guards = project.plugin_host.registries.connection_guards
    for name in {step.type.partition(".")[0] for step in change.workflow.every_step}:
        if name in guards:
            with suppress(Exception):  # whoever opens a connection is told
                guards[name].load()


def live(project: Project, change: Change, count: int, line: Line) -> None:
    """Be one of `count` forked processes, from its first moment to its last."""
    line.send(Born(os.getpid()))
    Child(project, change, count, line).live()
