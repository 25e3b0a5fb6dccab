"""The attack corpus of objects: what a task may reach for in a connection, a host and their threads, over each driver."""

from __future__ import annotations

import contextlib
import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from nornir.core.task import Task

from nornflow.errors import GuardDenied
from nornflow.testing import Fleet, Router
from nornflow.testing.guarded import GuardedNetwork

PASSWORD = "simulated-login"
PWNED = "hostname PWNED"

Connection = Any

OBJECT_ATTACKS: dict[str, Callable[[Task, Connection], Any]] = {
    "write_channel": lambda t, c: c.write_channel("reload\n"),
    "channel.write_channel": lambda t, c: c.channel.write_channel("reload\n"),
    "remote_conn": lambda t, c: c.remote_conn.sendall(b"reload\n"),
    "remote_conn_pre": lambda t, c: c.remote_conn_pre.exec_command("reload"),
    "second session by transport": lambda t, c: c.remote_conn.transport.open_session().exec_command("reload"),
    "sftp": lambda t, c: c.remote_conn_pre.open_sftp(),
    "class trick": lambda t, c: type(c).__getattribute__(c, "remote_conn"),
    "driver's own method": lambda t, c: c.__class__.write_channel(c, "reload\n"),
    "driver's send_config_set": lambda t, c: c.__class__.send_config_set(c, [PWNED]),
    "__dict__": lambda t, c: c.__dict__["remote_conn"],
    "vars": lambda t, c: vars(c),
    "__reduce__": lambda t, c: pickle.dumps(c),
    "copy": lambda t, c: copy.copy(c),
    "deepcopy": lambda t, c: copy.deepcopy(c),
    "set attribute": lambda t, c: setattr(c, "write_channel", print),
    "delete attribute": lambda t, c: delattr(c, "base_prompt"),
    "set class": lambda t, c: setattr(c, "__class__", object),
    "password": lambda t, c: c.password,
    "secret": lambda t, c: c.secret,
    "disconnect": lambda t, c: c.disconnect(),
    "establish_connection": lambda t, c: c.establish_connection(),
    "_read_buffer": lambda t, c: c._read_buffer,
    "redispatch": lambda t, c: __import__("netmiko").redispatch(c, "linux"),
    "file_transfer": lambda t, c: __import__("netmiko").file_transfer(c, source_file="/etc/passwd", dest_file="x"),
    "unknown connection": lambda t, c: t.host.get_connection("scrapli", t.nornir.config),
    "open with a password": lambda t, c: t.host.open_connection("netmiko", t.nornir.config, password="x"),
    "open elsewhere": lambda t, c: t.host.open_connection("netmiko", t.nornir.config, hostname="192.0.2.9"),
    "change the address": lambda t, c: setattr(t.host, "hostname", "192.0.2.9"),
    "change the class": lambda t, c: setattr(t.host, "__class__", type(t.host).__mro__[2]),
    "other host": lambda t, c: t.nornir.inventory.hosts["r2"].get_connection("netmiko", t.nornir.config),
    "nested run": lambda t, c: t.nornir.run(
        task=lambda task: task.host.get_connection("netmiko", None)
    ).raise_on_error(),
    "held connection": lambda t, c: t.host.connections["netmiko"].connection.write_channel("reload\n"),
    "the session of the host": lambda t, c: t.host.sessions(object()),
}


def _netmiko(task: Task) -> Connection:
    return task.host.get_connection("netmiko", task.nornir.config)


@pytest.mark.parametrize("attack", OBJECT_ATTACKS)
def test_no_attribute_leads_to_the_channel_or_the_credentials(
    attack: str, network: GuardedNetwork, unharmed: Router
) -> None:
    def task(task: Task) -> Any:
        return OBJECT_ATTACKS[attack](task, _netmiko(task))

    outcome = network.plan("r1", task)

    assert outcome.error is not None, outcome.result
    assert PASSWORD not in repr(outcome)


def test_a_walk_over_attributes_finds_neither_a_channel_nor_the_password(
    network: GuardedNetwork, unharmed: Router
) -> None:
    import paramiko

    def walk(task: Task) -> list[str]:
        found: list[str] = []
        seen: set[int] = set()
        todo: list[tuple[str, Any]] = [("task", task), ("connection", _netmiko(task))]
        while todo:
            path, thing = todo.pop()
            if id(thing) in seen or len(seen) > 20_000 or path.count(".") > 5:
                continue
            seen.add(id(thing))
            if isinstance(thing, (paramiko.Transport, paramiko.SSHClient)) or (
                thing == PASSWORD and type(thing) is str
            ):
                found.append(path)
            if isinstance(thing, dict):
                todo += [(f"{path}.{key}", value) for key, value in thing.items()]
            if isinstance(thing, (list, tuple)):
                todo += [(f"{path}.{number}", value) for number, value in enumerate(thing)]
            if type(thing).__module__.startswith(("nornir", "nornflow", "netmiko", "paramiko")):
                for name in dir(thing):
                    with contextlib.suppress(Exception):
                        todo.append((f"{path}.{name}", getattr(thing, name)))
        return found

    outcome = network.plan("r1", walk)

    assert outcome.result == []


def test_passwords_read_as_masks_everywhere(network: GuardedNetwork, unharmed: Router) -> None:
    def read(task: Task) -> list[str]:
        host = task.host
        return [
            host.password,
            host.get_connection_parameters("netmiko").password,
            host.get_connection_parameters("netmiko").password + "",
            str(host.dict()),
            str(task.nornir.inventory.dict()),
            f"{host.get('password')}",
        ]

    outcome = network.plan("r1", read)

    assert all(PASSWORD not in text for text in outcome.result)
    assert network.redactor.text(PASSWORD) == "********"


def test_the_connection_is_dead_once_its_step_is_over_in_every_thread(
    network: GuardedNetwork, unharmed: Router
) -> None:
    kept: list[Any] = []

    def keep(task: Task) -> None:
        connection = _netmiko(task)
        kept.extend([connection, connection.send_command, connection.send_config_set])

    network.plan("r1", keep)
    errors: list[BaseException] = []

    def use() -> None:
        for attempt in (lambda: kept[0].base_prompt, lambda: kept[1]("show version"), lambda: kept[2]([PWNED])):
            try:
                attempt()
            except GuardDenied as error:
                errors.append(error)

    use()
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

    assert len(errors) == 6


def test_a_lease_does_not_reach_into_another_thread(network: GuardedNetwork, unharmed: Router) -> None:
    def spawn(task: Task) -> list[BaseException]:
        errors: list[BaseException] = []

        def use() -> None:
            try:
                _netmiko(task)
            except GuardDenied as error:
                errors.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        return errors

    assert len(network.plan("r1", spawn).result) == 1


def test_without_a_lease_nothing_opens(network: GuardedNetwork, unharmed: Router) -> None:
    with pytest.raises(GuardDenied, match="no step holds a lease"):
        network.hosts["r1"].get_connection("netmiko", network.nornir.config)


def test_a_swallowed_denial_stays_on_record_and_the_next_use_gets_a_fresh_session(
    network: GuardedNetwork, routers: Fleet, unharmed: Router
) -> None:
    def swallow(task: Task) -> str:
        with contextlib.suppress(Exception):
            _netmiko(task).save_config(cmd="reload")
        return str(_netmiko(task).send_command("show clock"))

    outcome = network.plan("r1", swallow)

    assert outcome.error is None
    assert "UTC" in outcome.result
    assert any("reload" in denial for denial in outcome.report.denials)


NAPALM_ATTACKS: dict[str, Callable[[Connection], Any]] = {
    "cli": lambda c: c.cli(["reload"]),
    "cli redirect": lambda c: c.cli(["show run | redirect flash:x"]),
    "ping": lambda c: c.ping("192.0.2.1\nconf t\nhostname PWNED"),
    "traceroute": lambda c: c.traceroute("192.0.2.1\rreload"),
    "getter argument": lambda c: c.get_route_to("0.0.0.0/0\nreload"),
    "device": lambda c: c.device.send_config_set([PWNED]),
    "_netmiko_device": lambda c: c._netmiko_device.write_channel("reload\n"),
    "_send_command": lambda c: c._send_command("reload"),
    "_commit_handler": lambda c: c._commit_handler("configure replace flash:x"),
    "rollback": lambda c: c.rollback(),
    "replace": lambda c: c.load_replace_candidate(config=PWNED),
    "candidate with a command": lambda c: c.load_merge_candidate(config="interface Loopback0\n do reload"),
    "candidate that leaves": lambda c: c.load_merge_candidate(config="hostname x\nend\nreload"),
    "close": lambda c: c.close(),
    "password": lambda c: c.password,
}


@pytest.mark.parametrize("attack", NAPALM_ATTACKS)
def test_napalm_has_no_way_around(attack: str, network: GuardedNetwork, unharmed: Router) -> None:
    def task(task: Task) -> Any:
        return NAPALM_ATTACKS[attack](task.host.get_connection("napalm", task.nornir.config))

    for outcome in (network.plan("r1", task), network.apply("r1", task, grant={"sealed": ()})):
        assert isinstance(outcome.error, GuardDenied), outcome
        assert outcome.report.denials


PARAMIKO_ATTACKS: dict[str, Callable[[Connection], Any]] = {
    "exec_command": lambda c: c.exec_command("reload"),
    "two lines": lambda c: c.exec_command("show version\nreload"),
    "open_session": lambda c: c.get_transport().open_session().exec_command("reload"),
    "shell": lambda c: c.invoke_shell().send(b"reload\n"),
    "shell in pieces": lambda c: [c.invoke_shell().send(piece) for piece in (b"rel", b"oad", b"\r")],
    "shell's exec": lambda c: c.invoke_shell().exec_command("reload"),
    "shell's subsystem": lambda c: c.invoke_shell().invoke_subsystem("sftp"),
    "shell's transport": lambda c: c.invoke_shell().get_transport(),
    "shell's real channel": lambda c: c.invoke_shell()._real.sendall(b"reload\n"),
    "open_sftp": lambda c: c.open_sftp(),
    "_transport": lambda c: c._transport,
    "connect": lambda c: c.connect("192.0.2.9"),
}


@pytest.mark.parametrize("attack", PARAMIKO_ATTACKS)
def test_paramiko_has_no_way_around(attack: str, network: GuardedNetwork, unharmed: Router) -> None:
    def task(task: Task) -> Any:
        return PARAMIKO_ATTACKS[attack](task.host.get_connection("paramiko", task.nornir.config))

    for outcome in (network.plan("r1", task), network.apply("r1", task, grant={"sealed": ()})):
        assert outcome.error is not None, outcome
