"""The devices of a run among forked processes of this machine, so that it uses more than one core."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from nornflow.abc import Cancellation
from nornflow.app.processes.clerk import Clerk
from nornflow.app.processes.process import Process
from nornflow.app.processes.wire import NewPass
from nornflow.app.processes.zygote import Zygote
from nornflow.engine.shards.shard import Finished, Order
from nornflow.engine.shards.sharing import Died, Sharing
from nornflow.engine.tools import Tools
from nornflow.model.event import EventKind
from nornflow.model.run import RunInfo
from nornflow.redaction import Redactor


class Forked(Sharing):
    """Processes that a zygote forks; they get ready while the run does, and begin when it joins them."""

    def __init__(self, zygote: Zygote, count: int, targets: Sequence[str], redactor: Redactor) -> None:
        super().__init__(count, targets)
        self._zygote = zygote
        self._redactor = redactor
        self._lines = [zygote.fork() for _ in range(count)]
        self._processes: list[Process] = []
        self._run: tuple[RunInfo, Tools, Clerk] | None = None
        self._replacing = threading.Lock()
        self._alone = False

    def join(self, run: RunInfo, tools: Tools) -> None:
        """Send it to all, and listen to them."""
        clerk = Clerk(tools)
        self._run = run, tools, clerk
        self._processes = [Process(line, run, clerk, self._redactor) for line in self._lines]

    def begin(self, process: int, order: Order, cancellation: Cancellation) -> None:
        """Send the order."""
        self._processes[process].begin(order, cancellation)

    def finish(self, process: int, order: Order, cancellation: Cancellation) -> Finished | Died:
        """Wait for what comes back."""
        assert self._run is not None  # it was joined
        one = self._processes[process]
        found = one.wait(order, self._heed)
        return Died(one.told(order)) if found is None else found

    def _heed(self) -> None:
        assert self._run is not None  # it was joined
        for process in self._processes:
            process.heed(self._run[1].switch)

    def start_pass(self) -> None:
        """Send it to all."""
        for process in self._processes:
            process.send(NewPass())

    def replace_dead(self) -> bool:
        """Fork new processes, unless the zygote is dead too: from then on the run's own process is alone."""
        assert self._run is not None  # it was joined
        info, tools, clerk = self._run
        with self._replacing:
            for number, process in enumerate(self._processes):
                if process.alive or self._alone:
                    continue
                tools.emitter.emit(
                    EventKind.PROCESS_DIED, f"process {process.pid} of the run died", process=process.pid
                )
                try:
                    line = self._zygote.fork()
                except OSError:
                    self._alone = True
                else:
                    self._processes[number] = Process(line, info, clerk, self._redactor)
            return not self._alone

    def close(self) -> None:
        """Let the processes close their sessions and end, side by side."""
        enders = [threading.Thread(target=process.end, daemon=True) for process in self._processes]
        for thread in enders:
            thread.start()
        for thread in enders:
            thread.join()
        if self._run is not None:
            self._run[2].close()
        self._zygote.end()
