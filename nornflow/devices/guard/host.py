"""Nornir hosts under the guard: their connections open through it, do what the held lease allows, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from threading import get_ident
from typing import Any, NoReturn

from nornir.core.inventory import Host

from nornflow.abc import ConnectionGuard
from nornflow.devices.guard.addresses import Addresses
from nornflow.devices.guard.judge import Act
from nornflow.devices.guard.lease import Lease, current_lease
from nornflow.devices.guard.session import Book, Session
from nornflow.devices.guard.vault import Vault, inventory_elements
from nornflow.errors import GuardDenied, LineRejected
from nornflow.model.device import HostView, Way
from nornflow.redaction import Redactor

_EXEC = "exec:"
_KEY = object()  # only this module can ask a host for its sessions
_FIXED = frozenset(
    (
        *("__class__", "name", "hostname", "port", "username", "password", "platform"),
        *("connection_options", "connections", "groups", "defaults"),
    )
)


class Connection:
    """What stands in `Host.connections`: gives the facade to whoever holds the lease."""

    __slots__ = ("_facade",)

    def __init__(self, facade: Callable[[], Any]) -> None:
        self._facade = facade

    @property
    def connection(self) -> Any:
        """The facade for the lease that this thread holds."""
        return self._facade()

    def open(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refuse: the host opens its sessions itself."""
        raise GuardDenied("a connection is opened by its host alone", hint="use host.get_connection()")

    def close(self) -> None:
        """Do nothing: the host closes its sessions itself."""


class GuardedHost(Host):
    """A Nornir host that opens its connections through the guard alone."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        lease = current_lease()
        if name in _FIXED and lease is not None:
            raise lease.denied(
                f"a task may not change {name!r} of a host: it says where and how its sessions are opened",
                hint="change the inventory",
            )
        super().__setattr__(name, value)


def guard_hosts(hosts: Mapping[str, Host], guards: Mapping[str, ConnectionGuard], *, redactor: Redactor) -> None:
    """Put hosts under the guard: from now on `get_connection` needs a lease, and passwords read as masks.

    The hosts stay the same objects, so every filtered Nornir object has them guarded too. Nothing is global: each call
    makes a class of hosts of its own, with its own sessions and guards. Passwords are added to the redactor.
    """
    vault = Vault(redactor)
    for element in inventory_elements(hosts.values()):
        vault.hide(element)
    guarded = _guarded_class(Book(dict(guards)), Addresses(hosts.values(), vault))
    for host in hosts.values():
        host.__class__ = guarded


def _guarded_class(book: Book, addresses: Addresses) -> type[GuardedHost]:
    def session_of(host: Host, connection: str) -> Session:
        name = host.name
        return book.session(name, connection, lambda: addresses.target(name, connection))

    class Guarded(GuardedHost):
        __slots__ = ()

        def get_connection(self, connection: str, configuration: Any) -> Any:
            lease = _lease_for(self, connection)
            try:
                session = session_of(self, connection)
            except GuardDenied as error:
                raise lease.denied(error.message.partition(": ")[2], hint=error.hint) from error
            facade = session.facade(lease)
            self.connections.setdefault(
                connection, Connection(lambda: session_of(self, connection).facade(_lease_for(self, connection)))
            )
            return facade

        def open_connection(self, connection: str, configuration: Any, *arguments: Any, **options: Any) -> Any:
            given = [
                name for name, value in options.items() if value is not None and name != "default_to_host_attributes"
            ]
            if given or any(value is not None for value in arguments):
                raise _lease_for(self, connection).denied(
                    "open_connection() may not say where and how to log in", hint="put it into the inventory"
                )
            self.get_connection(connection, configuration)
            return self.connections[connection]

        def close_connection(self, connection: str) -> None:
            _may_close(self)
            self.connections.pop(connection, None)
            book.close(self.name, connection)

        def close_connections(self) -> None:
            _may_close(self)
            self.connections.clear()
            book.close(self.name)

        def sessions(self, key: object) -> Any:
            """Give the module its sessions; nobody else has the key."""
            if key is not _KEY:
                raise GuardDenied("sessions are the guard's own", hint="use host.get_connection()")
            return book, session_of

    return Guarded


def _lease_for(host: Host, connection: str) -> Lease:
    lease = current_lease()
    if lease is None or not lease.active:
        raise GuardDenied(
            f"{host.name}: no step holds a lease in this thread, so {connection!r} stays closed",
            hint="use connections in the task's own thread, while it runs",
        )
    if lease.thread != get_ident():
        raise lease.denied(
            "another thread than the step's own asked for a connection", hint="use connections in the task's own thread"
        )
    if lease.grant.host != host.name:
        raise lease.denied(
            f"the step may not use the connection of {host.name}", hint="run the step on that device too"
        )
    return lease


def _may_close(host: Host) -> None:
    """Raise GuardDenied where a task closes the session of a device that it does not work on: another step may be using it."""
    lease = current_lease()
    if lease is None:
        raise GuardDenied(
            f"{host.name}: no step holds a lease in this thread, so its sessions stay open",
            hint="leave closing to NornFlow",
        )
    if lease.grant.host != host.name or lease.thread != get_ident():
        raise lease.denied(f"the step may not close the sessions of {host.name}", hint="leave closing to NornFlow")


def _inside(host: Host) -> tuple[Book, Callable[[Host, str], Session]]:
    if not isinstance(host, GuardedHost):
        _not_guarded(host)
    inside: tuple[Book, Callable[[Host, str], Session]] = host.sessions(_KEY)
    return inside


def _not_guarded(host: Host) -> NoReturn:
    raise GuardDenied(f"{host.name} is not under the guard", hint="call guard_hosts first")


def session_under_lease(host: Host, connection: str) -> tuple[Session, Lease]:
    """Return the session of a guarded host with the lease that this thread holds for it; raises GuardDenied."""
    lease = _lease_for(host, connection)
    return _inside(host)[1](host, connection), lease


def guarded_read_config(host: Host, connection: str) -> str:
    """Return the running configuration under the lease that this thread holds."""
    session, lease = session_under_lease(host, connection)
    driver = session.driver(lease)
    if not session.wired and not lease.permits("device.read"):
        raise lease.denied("reading needs the permission device.read", hint="use a profile that allows device.read")
    return session.guard.read_config(driver)


def guarded_way(host: Host, connection: str, view: HostView) -> Way:
    """Return the way by which a connection reaches the host; needs no lease, for nothing is opened."""
    return _inside(host)[1](host, connection).way(view)


def guarded_configure(host: Host, connection: str, lines: Sequence[str]) -> None:
    """Send these lines under the held lease; `exec:` lines run in exec mode. LineRejected at the first refused line.

    The whole block is judged before the first byte of it is sent.
    """
    session, lease = session_under_lease(host, connection)
    driver, judge = session.driver(lease), session.judge(lease)
    if lease.planning:
        raise lease.denied("nothing is configured while planning", hint="take a grant for applying")
    lease.fenced(begins=True)
    judge.rehearse_all(lines)
    for is_exec, group in groupby(lines, key=lambda line: line.startswith(_EXEC)):
        if not is_exec:
            block = list(group)
            if not session.wired:
                judge.enter()
                for line in block:
                    judge.config_line(line)
                session.guard.begin_candidate(driver, lease.grant.run)
            with _in_one_piece(session, lease):
                session.guard.configure(driver, block)
        else:
            for line in group:
                command = line.removeprefix(_EXEC)
                if not session.wired and judge.exec_line(command) is Act.CAPTURE:
                    continue
                with _in_one_piece(session, lease):
                    answer = session.guard.execute(driver, command)
                _must_be_taken(lease, command, answer)


def _in_one_piece(session: Session, lease: Lease) -> AbstractContextManager[None]:
    """Keep a request of an API from being cut; a wire knows itself which of its lines must not be."""
    return nullcontext() if session.wired else lease.whole()


def _must_be_taken(lease: Lease, command: str, answer: str) -> None:
    marker = next((line.strip() for line in answer.splitlines()[:4] if lease.platform.error_in(line.strip())), "")
    if marker:
        raise LineRejected(
            f"{lease.grant.host} refused the command {command!r}: {marker}",
            line=command,
            marker=marker,
            hint="try the command on the device; the user may lack the right to it",
        )


def guarded_compare_replace(host: Host, connection: str, text: str) -> str | None:
    """Return the device's own diff of making the text its configuration, under the held lease; None where it has none.

    Only where the platform's candidate lives on the device and is loaded while planning anyway.
    """
    session, lease = session_under_lease(host, connection)
    if lease.platform.name not in session.guard.native_platforms:
        return None
    driver = session.driver(lease)
    if not lease.permits("device.read"):
        raise lease.denied("comparing needs the permission device.read", hint="use a profile that allows device.read")
    session.guard.begin_candidate(driver, lease.grant.run)
    return session.guard.compare_replace(driver, text)


def guarded_replace(host: Host, connection: str, text: str) -> None:
    """Make the text the running configuration of the device; DeviceError when its driver cannot.

    This is the engine's own way back to a pre-image: it needs `device.configure` and no sealed line.
    """
    lease = _lease_for(host, connection)
    session = _inside(host)[1](host, connection)
    driver, judge = session.driver(lease), session.judge(lease)
    judge.replacing()
    session.guard.begin_candidate(driver, lease.grant.run)
    with lease.whole():
        session.guard.replace(driver, text)


def close_host(host: Host) -> None:
    """Close the sessions of a host."""
    host.connections.clear()
    _inside(host)[0].close(host.name)


def abort_host(host: Host) -> None:
    """Cut the sessions of a host from another thread, so that its blocked reads end at once."""
    for session in _inside(host)[0].abandon(host.name):
        session.abort()
