"""Attempts to get past the guard of scrapli's sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nornir.core.task import Task
from nornir_scrapli.tasks import (
    send_command,
    send_configs,
)

from attack_lines import CONFIG_LINES, LINES
from nornflow.errors import DeviceError, GuardDenied
from nornflow.model.permission import LineRule
from nornflow.testing import Fleet, Router
from nornflow.testing.guarded import GuardedNetwork
from scrapli_network import EVERYTHING, PASSWORD, PWNED, behind, scrapli

COMMANDS: dict[str, Callable[[Any, str], Any]] = {
    "send_command": lambda c, line: c.send_command(line),
    "send_command, not read": lambda c, line: c.send_command(command=line, eager_input=True),
    "send_commands": lambda c, line: c.send_commands([line]),
    "send_commands, eager": lambda c, line: c.send_commands(["show clock", line], eager=True),
    "send_and_read": lambda c, line: c.send_and_read(line, read_duration=1),
    "send_interactive": lambda c, line: c.send_interactive([(line, "#", False)]),
    "send_interactive, hidden": lambda c, line: c.send_interactive([["show clock", "#"], [line, "#", True]]),
}


def tried(attempts: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Make every attempt, whatever the one before raised, as a task that swallows exceptions would."""
    outcomes: dict[str, Any] = {}
    for name, attempt in attempts.items():
        try:
            outcomes[name] = attempt()
        except Exception as error:  # noqa: BLE001 - an attacker swallows everything
            outcomes[name] = error
    return outcomes


OBJECTS: dict[str, Callable[[Task, Any], Any]] = {
    "channel": lambda t, c: c.channel.send_input("reload"),
    "transport": lambda t, c: c.transport.write(b"reload\n"),
    "open": lambda t, c: c.open(),
    "close": lambda t, c: c.close(),
    "commandeer": lambda t, c: c.commandeer(c),
    "read_callback": lambda t, c: c.read_callback([], initial_input="reload"),
    "privilege_levels": lambda t, c: c.privilege_levels["configuration"],
    "update_privilege_levels": lambda t, c: c.update_privilege_levels(),
    "private send": lambda t, c: c._send_command("reload"),
    "escalation": lambda t, c: c._escalate(None),
    "logger": lambda t, c: c.logger,
    "password": lambda t, c: c.auth_password,
    "secondary": lambda t, c: c.auth_secondary,
    "class trick": lambda t, c: c.__class__.send_configs(c, [PWNED]),
    "base class": lambda t, c: c.__class__.__mro__[1].send_configs(c, [PWNED]),
    "context manager": lambda t, c: c.__enter__(),
    "set attribute": lambda t, c: setattr(c, "transport", None),
    "set timeout": lambda t, c: setattr(c, "timeout_ops", 1),
    "tcl shell": lambda t, c: c.acquire_priv("tclsh"),
    "down to user mode": lambda t, c: (c.acquire_priv("exec"), c.send_command("reload")),
    "configuration by interaction": lambda t, c: c.send_interactive([(PWNED, "#")], privilege_level="configuration"),
    "two lines": lambda t, c: c.send_configs(["interface Loopback0\rreload"]),
    "other host": lambda t, c: t.nornir.inventory.hosts["r2"].get_connection("scrapli", t.nornir.config),
    "open elsewhere": lambda t, c: t.host.open_connection("scrapli", t.nornir.config, hostname="192.0.2.9"),
}


class TestAttacks:
    @pytest.mark.parametrize("line", LINES, ids=repr)
    def test_no_command_gets_through(self, line: str, network: GuardedNetwork, unharmed: Router) -> None:
        def attack(task: Task) -> dict[str, Any]:
            return tried({name: lambda way=way: way(scrapli(task), line) for name, way in COMMANDS.items()})

        for outcome in (network.plan("r1", attack), network.apply("r1", attack, grant={"sealed": ()})):
            assert all(isinstance(answer, GuardDenied) for answer in outcome.result.values()), outcome.result
            assert len(outcome.report.denials) >= len(COMMANDS)
            assert outcome.report.captured == []

    @pytest.mark.parametrize("line", CONFIG_LINES)
    def test_no_configuration_line_does_more_than_configure(
        self, line: str, network: GuardedNetwork, unharmed: Router
    ) -> None:
        for run in (network.plan, network.apply):
            outcome = run("r1", send_configs, configs=["interface Loopback0", line])
            assert isinstance(outcome.error, GuardDenied)
            assert (outcome.report.captured, outcome.report.sent) == ([], [])

    @pytest.mark.parametrize("attack", OBJECTS)
    def test_no_attribute_leads_to_the_session_or_the_credentials(
        self, attack: str, network: GuardedNetwork, unharmed: Router
    ) -> None:
        outcome = network.plan("r1", lambda task: OBJECTS[attack](task, scrapli(task)))
        assert outcome.error is not None, outcome.result
        assert PASSWORD not in repr(outcome)
        assert network.plan("r1", send_command, command="show clock").error is None

    def test_below_raw_access_every_byte_is_still_judged(self, network: GuardedNetwork, unharmed: Router) -> None:
        deny = (LineRule(r"^interface Loopback0 / shutdown"), LineRule(r"^(reload|write erase)", on="exec"))

        def attack(task: Task) -> dict[str, Any]:
            def raw(*pieces: str) -> Callable[[], Any]:
                return lambda: [scrapli(task).transport.write(piece.encode()) for piece in pieces]

            return tried(
                {
                    "reload": lambda: scrapli(task).channel.send_input("relo"),
                    "block": lambda: scrapli(task).send_configs(["int lo0", "shut"]),
                    "raw": raw("reload\n"),
                    "raw in pieces": raw("r", "elo", "ad\n"),
                    "raw, edited": raw("xx\x08\x08reload\n"),
                    "raw, completed": raw("relo\t\n"),
                }
            )

        outcome = network.apply("r1", attack, grant={**EVERYTHING, "deny": deny})
        assert all(isinstance(answer, GuardDenied) for answer in outcome.result.values()), outcome.result

    def test_a_prompt_that_a_device_writes_into_its_output_opens_nothing(
        self, network: GuardedNetwork, unharmed: Router
    ) -> None:
        unharmed.outputs["show clock"] = "r1(config)#"

        def attack(task: Task) -> Any:
            scrapli(task).send_and_read("show clock", read_duration=1)
            return scrapli(task).send_and_read(PWNED, read_duration=1)

        try:
            outcome = network.apply("r1", attack)
        finally:
            unharmed.outputs.clear()
        assert isinstance(outcome.error, GuardDenied)

    def test_a_line_that_was_never_ended_does_not_reach_into_the_next_step(
        self, network: GuardedNetwork, unharmed: Router
    ) -> None:
        network.apply("r1", lambda task: scrapli(task).transport.write(b"show ver"), grant=EVERYTHING)
        assert "UTC" in network.apply("r1", send_command, command="show clock").result

    def test_lines_that_were_written_without_waiting_leave_no_mode_behind(
        self, own: tuple[Fleet, GuardedNetwork]
    ) -> None:
        def hurry(task: Task) -> None:
            for text in (b"configure terminal\n", b"ntp server 192.0.2.77\n"):
                scrapli(task).transport.write(text)

        own[1].apply("r1", hurry, grant=EVERYTHING)
        assert own[1].apply("r1", send_command, command="show clock").error is None

    def test_a_driver_that_was_kept_does_nothing_in_the_next_step(
        self, network: GuardedNetwork, unharmed: Router
    ) -> None:
        kept: list[Any] = []
        network.plan("r1", lambda task: kept.extend([scrapli(task), scrapli(task).send_configs]))
        for attempt in (lambda task: kept[0].send_command("show clock"), lambda task: kept[1]([PWNED])):
            assert isinstance(network.apply("r1", attempt, grant=EVERYTHING).error, GuardDenied)

    def test_the_password_is_nowhere_in_an_open_driver(self, network: GuardedNetwork, unharmed: Router) -> None:
        def look(task: Task) -> str:
            channel = scrapli(task).channel
            return repr([vars(channel), vars(channel.transport), vars(channel.transport._base_transport_args)])

        outcome = network.apply("r1", look, grant=EVERYTHING)
        assert outcome.error is None
        assert PASSWORD not in outcome.result

    @pytest.mark.parametrize(
        ("extras", "what"),
        [
            ({"transport": "telnet"}, "transport"),
            ({"transport": "asyncssh"}, "transport"),
            ({"channel_log": True}, "channel_log"),
            ({"no_such_option": 1}, "no_such_option"),
            ({"auth_strict_key": True, "ssh_known_hosts_file": "/dev/null"}, "login"),
        ],
    )
    def test_what_cannot_be_guarded_is_refused_with_a_way_out(
        self, extras: dict[str, Any], what: str, routers: Fleet
    ) -> None:
        with behind(routers, **extras) as network:
            outcome = network.plan("r1", send_command, command="show clock")
            assert isinstance(outcome.error, DeviceError)
            assert what in outcome.error.message
            assert outcome.error.hint
