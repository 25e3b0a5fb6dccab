"""A network behind the guard for tests: run any Nornir task under a lease and see what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from nornflow.abc import ConnectionGuard
from nornflow.devices.guard import Lease, close_host, guard_hosts, held
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, Mode
from nornflow.platforms.load import platform_for
from nornflow.redaction import Redactor


@dataclass(slots=True)
class Outcome:
    """What a task did under a lease: its result, the error that ended it, and the lease's report."""

    result: Any = None
    diff: str = ""
    error: BaseException | None = None
    report: LeaseReport = field(default_factory=LeaseReport)


class GuardedNetwork:
    """Puts an inventory (`{name: {hostname, port, username ...}}`, as `fleet.inventory()`) behind the given guards.

    with GuardedNetwork(fleet.inventory(), [NetmikoGuard()]) as network:
        outcome = network.plan("r1", netmiko_send_config, config_commands=["ntp server 192.0.2.1"])
        assert outcome.report.captured == ["ntp server 192.0.2.1"]
    """

    def __init__(self, inventory: Mapping[str, Mapping[str, Any]], guards: Iterable[ConnectionGuard]) -> None:
        from nornir.core import Nornir
        from nornir.core.configuration import Config
        from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory

        self.redactor = Redactor()
        defaults = Defaults()
        plain = ("hostname", "port", "username", "password", "platform", "data")
        self.hosts = Hosts(
            {
                name: Host(
                    name,
                    defaults=defaults,
                    connection_options={
                        connection: ConnectionOptions(extras=dict(options.get("extras", {})))
                        for connection, options in entry.get("connection_options", {}).items()
                    },
                    **{key: entry[key] for key in plain if key in entry},
                )
                for name, entry in inventory.items()
            }
        )
        self.nornir = Nornir(inventory=Inventory(self.hosts, Groups(), defaults), config=Config())
        guard_hosts(self.hosts, {guard.connection: guard for guard in guards}, redactor=self.redactor)

    def __enter__(self) -> GuardedNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every session."""
        for host in self.hosts.values():
            close_host(host)

    @contextmanager
    def lease(self, host: str, mode: Mode, permissions: Iterable[str] = (), **grant: Any) -> Iterator[LeaseReport]:
        """Hold a lease on a host in this thread; `grant` has `sealed`, `deny` and `allow_exec`."""
        device = self.hosts[host]
        report = LeaseReport()
        platform = platform_for(device.get("nos") or device.platform or "")
        with held(Lease(Grant(host, "step", mode, frozenset(permissions), **grant), platform, report)):
            yield report

    def plan(
        self, host: str, task: Callable[..., Any], *, grant: Mapping[str, Any] | None = None, **params: Any
    ) -> Outcome:
        """Run a Nornir task as a plan does: with `device.read`, unless the grant says otherwise."""
        return self._run(host, task, Mode.PLAN, {"permissions": ("device.read",), **(grant or {})}, params)

    def apply(
        self, host: str, task: Callable[..., Any], *, grant: Mapping[str, Any] | None = None, **params: Any
    ) -> Outcome:
        """Run a Nornir task as an apply does: with `device.read` and `device.configure`, unless the grant says otherwise."""
        allowed = ("device.read", "device.configure")
        return self._run(host, task, Mode.APPLY, {"permissions": allowed, **(grant or {})}, params)

    def _run(
        self, host: str, task: Callable[..., Any], mode: Mode, grant: Mapping[str, Any], params: Mapping[str, Any]
    ) -> Outcome:
        import logging

        from nornir.core.processor import Processors
        from nornir.core.task import Task

        outcome = Outcome()
        log = logging.getLogger("nornir.core.task")
        before, log.disabled = log.disabled, True  # Nornir logs every failed task with its traceback
        try:
            with self.lease(host, mode, **grant) as outcome.report:
                answer = Task(task, self.nornir, False, Processors(), **params).start(self.hosts[host])[0]
                outcome.result, outcome.diff, outcome.error = answer.result, answer.diff or "", answer.exception
        except Exception as error:  # noqa: BLE001 - whatever ended the lease is what the test wants to see
            outcome.error = error
        finally:
            log.disabled = before
        return outcome
