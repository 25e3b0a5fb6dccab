"""scrapli behind the guard: third-party tasks as they are, over each of its transports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nornir_scrapli.tasks import (
    cfg_get_config,
    get_prompt,
    netconf_get_config,
    send_command,
    send_commands,
    send_commands_from_file,
    send_config,
    send_configs,
    send_configs_from_file,
    send_interactive,
)

from nornflow.errors import GuardDenied, LineRejected
from nornflow.testing import Fleet, Router
from nornflow.testing.guarded import GuardedNetwork
from scrapli_network import PWNED, TRANSPORTS, behind, scrapli

CHANGE = ["interface Loopback0", " description planned", "exit", "ntp server 192.0.2.77"]


class TestTasksOfOthers:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_a_change_is_planned_captured_and_then_applied_exactly(
        self, transport: str, fleet: Callable[..., Fleet]
    ) -> None:
        routers = fleet(1)
        router, before = routers["r1"], routers["r1"].running_config
        with behind(routers, transport) as network:
            planned = network.plan("r1", send_configs, configs=CHANGE)
            assert planned.error is None
            assert planned.report.captured == CHANGE
            assert planned.report.connections == ["scrapli"]
            assert (router.running_config, router.counters.config_lines) == (before, 0)

            grant = {"sealed": tuple(CHANGE)}
            applied = network.apply("r1", send_configs, grant=grant, configs=CHANGE)
            assert applied.error is None
            assert applied.report.sent == CHANGE
            assert "ntp server 192.0.2.77" in router.running_config
            assert "IOS XE" in network.plan("r1", send_command, command="show version").result

    def test_another_change_than_the_planned_one_is_denied_before_its_first_line(
        self, network: GuardedNetwork, unharmed: Router
    ) -> None:
        outcome = network.apply("r1", send_configs, grant={"sealed": tuple(CHANGE)}, configs=[*CHANGE, PWNED])
        assert isinstance(outcome.error, GuardDenied)
        assert outcome.report.sent == []

    @pytest.mark.parametrize("eager", [False, True])
    def test_one_text_is_planned_line_by_line(self, eager: bool, network: GuardedNetwork, unharmed: Router) -> None:
        text = "interface Loopback0\n description planned"
        assert network.plan("r1", send_config, config=text, eager=eager).report.captured == text.splitlines()

    def test_files_are_read_from_the_folders_of_the_step_alone(
        self, network: GuardedNetwork, unharmed: Router, tmp_path: Path
    ) -> None:
        changes, reads = tmp_path / "change.cfg", tmp_path / "reads.txt"
        changes.write_text("interface Loopback0\n description from a file\n")
        reads.write_text("show version\nshow clock\n")
        inside, outside = {"folders": (tmp_path,)}, {"folders": (tmp_path / "elsewhere",)}
        planned = network.plan("r1", send_configs_from_file, grant=inside, file=str(changes))
        assert planned.report.captured == ["interface Loopback0", " description from a file"]
        assert "IOS XE" in network.plan("r1", send_commands_from_file, grant=inside, file=str(reads)).result
        for task, file in ((send_configs_from_file, changes), (send_commands_from_file, reads)):
            outcome = network.plan("r1", task, grant=outside, file=str(file))
            assert isinstance(outcome.error, GuardDenied)
            assert "outside the folders" in outcome.error.message
        reads.write_text("show version\nreload\n")
        assert isinstance(network.plan("r1", send_commands_from_file, file=str(reads)).error, GuardDenied)

    def test_reads_reach_the_device_while_planning(self, network: GuardedNetwork, unharmed: Router) -> None:
        outcomes = [
            network.plan("r1", send_command, command="show version"),
            network.plan("r1", send_command, command="show version", timeout_ops=20),
            network.plan("r1", send_commands, commands=["show version", "show clock"]),
            network.plan("r1", send_interactive, interact_events=[("show version", "r1#", False)]),
            network.plan("r1", lambda task: scrapli(task).send_and_read("show version").result),
        ]
        assert [outcome.error for outcome in outcomes] == [None] * 5
        assert all("IOS XE" in str(getattr(outcome.result, "result", outcome.result)) for outcome in outcomes)
        assert network.plan("r1", get_prompt).result == "r1#"

    def test_saving_is_planned_and_applied(self, own: tuple[Fleet, GuardedNetwork]) -> None:
        routers, network = own
        planned = network.plan("r1", send_command, command="write memory")
        assert planned.report.captured == ["exec:write memory"]
        assert routers["r1"].counters.saves == 0
        sealed = {"sealed": ("exec:write memory",)}
        assert network.apply("r1", send_command, grant=sealed, command="write memory").error is None
        assert routers["r1"].counters.saves == 1

    def test_a_session_left_in_configuration_mode_is_brought_back_between_steps(
        self, network: GuardedNetwork, unharmed: Router
    ) -> None:
        for way in (network.plan, network.apply):
            assert way("r1", lambda task: scrapli(task).acquire_priv("configuration")).error is None
            assert "IOS XE" in network.plan("r1", send_command, command="show version").result

    @pytest.mark.parametrize("eager", [False, True])
    def test_a_refused_line_fails_the_device_by_name_and_stops_the_rest(
        self, eager: bool, own: tuple[Fleet, GuardedNetwork]
    ) -> None:
        lines = ["interface Loopback0", "bogus line", "shutdown"]
        outcome = own[1].apply("r1", send_configs, configs=lines, eager=eager)
        assert isinstance(outcome.error, LineRejected)
        assert outcome.error.line == "bogus line"
        assert outcome.report.sent == lines[:2]

    def test_other_connections_of_the_distribution_stay_closed(self, network: GuardedNetwork, unharmed: Router) -> None:
        for task in (netconf_get_config, cfg_get_config):
            outcome = network.plan("r1", task, source="running")
            assert isinstance(outcome.error, GuardDenied)
            assert "no guard knows the connection" in outcome.error.message
