"""The attack corpus of lines: what a task may send over a real SSH session, and what becomes of the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nornir.core.task import Task

from attack_lines import CONFIG_LINES, LINES
from nornflow.errors import GuardDenied
from nornflow.model.permission import LineRule
from nornflow.testing import Router
from nornflow.testing.guarded import GuardedNetwork

PWNED = "hostname PWNED"

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
