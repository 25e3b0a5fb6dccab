"""scrapli behind the guard, over each of its transports: third-party tasks as they are, attacks, and sessions in trouble."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nornir.core.task import Task
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

from attack_lines import CONFIG_LINES, LINES
from nornflow.devices.guard import Lease, abort_host, guarded_read_config, held, revoke
from nornflow.errors import ConnectionLost, DeviceError, GuardDenied, LineRejected, NornFlowError
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, LineRule, Mode
from nornflow.platforms.load import platform_for
from nornflow.testing import Fleet, Router
from nornflow.testing.guarded import GuardedNetwork
from nornflow_scrapli.guard import ScrapliGuard

PASSWORD = "simulated-login"
PWNED = "hostname PWNED"
CHANGE = ["interface Loopback0", " description planned", "exit", "ntp server 192.0.2.77"]
EVERYTHING = {"permissions": ("device.*",)}
no_client = pytest.mark.skipif(shutil.which("ssh") is None, reason="the transport `system` needs OpenSSH's client")
TRANSPORTS = ("ssh2", "paramiko", pytest.param("system", marks=no_client))


def behind(routers: Fleet, transport: str = "", **extras: Any) -> GuardedNetwork:
    inventory = routers.inventory()
    for entry in inventory.values():
        given = {**extras, **({"transport": transport} if transport else {})}
        entry.setdefault("connection_options", {})["scrapli"] = {"extras": given}
    return GuardedNetwork(inventory, [ScrapliGuard()])


@pytest.fixture(scope="module")
def network(routers: Fleet) -> Iterator[GuardedNetwork]:
    with behind(routers) as network:
        yield network


@pytest.fixture
def own(fleet: Callable[..., Fleet]) -> Iterator[tuple[Fleet, GuardedNetwork]]:
    routers = fleet(2)
    with behind(routers) as network:
        yield routers, network


def scrapli(task: Task) -> Any:
    return task.host.get_connection("scrapli", task.nornir.config)


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


class TestTrouble:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_a_dropped_session_is_noticed_at_once_and_opened_anew(
        self, transport: str, fleet: Callable[..., Fleet]
    ) -> None:
        routers = fleet(1)
        with behind(routers, transport) as network:
            assert network.plan("r1", send_command, command="show clock").error is None
            routers.fault("r1", "drop", after=0)
            began = time.monotonic()
            outcome = network.plan("r1", send_command, command="show version")
            assert isinstance(outcome.error, ConnectionLost)
            assert time.monotonic() - began < 5
            routers.heal("r1")
            assert network.plan("r1", send_command, command="show clock").error is None

    @pytest.mark.parametrize("transport", TRANSPORTS)
    @pytest.mark.parametrize("timeout_ops", [None, 60])
    def test_a_hanging_session_ends_when_it_is_cut_from_another_thread(
        self, timeout_ops: int | None, transport: str, fleet: Callable[..., Fleet]
    ) -> None:
        routers = fleet(1)
        with behind(routers, transport) as network:
            assert network.plan("r1", send_command, command="show clock").error is None
            routers.fault("r1", "hang", after=0)
            lease = Lease(
                Grant("r1", "step", Mode.APPLY, frozenset(["device.read"])), platform_for("cisco_ios"), LeaseReport()
            )
            ended: list[BaseException | None] = []

            def work() -> None:
                try:
                    with held(lease):
                        connection = network.hosts["r1"].get_connection("scrapli", None)
                        connection.send_command("show version", timeout_ops=timeout_ops)
                except NornFlowError as error:
                    ended.append(error)

            worker = threading.Thread(target=work)
            worker.start()
            worker.join(0.3)
            began = time.monotonic()
            revoke(lease)
            abort_host(network.hosts["r1"])
            worker.join(5)
            assert not worker.is_alive()
            assert time.monotonic() - began < 2
            assert ended

    def test_an_operation_ends_at_its_own_time_and_the_next_step_has_a_new_session(
        self, own: tuple[Fleet, GuardedNetwork]
    ) -> None:
        routers, network = own
        routers.fault("r1", "hang", at="show version")
        outcomes: list[Any] = []
        worker = threading.Thread(
            target=lambda: outcomes.append(network.plan("r1", send_command, command="show version", timeout_ops=0.5))
        )
        worker.start()
        worker.join(10)
        assert "timed out" in str(outcomes[0].error)
        routers.heal("r1")
        assert network.plan("r1", send_command, command="show clock").error is None

    def test_silence_ends_a_read_that_has_no_time_of_its_own(self, fleet: Callable[..., Fleet]) -> None:
        routers = fleet(1)
        with behind(routers, timeout_transport=1) as network:
            assert network.plan("r1", send_command, command="show clock").error is None
            routers.fault("r1", "hang", after=0)
            outcome = network.plan("r1", send_command, command="show version")
            assert "silent" in str(outcome.error)

    def test_a_login_that_hangs_can_be_cut(self, fleet: Callable[..., Fleet]) -> None:
        routers = fleet(1)
        routers.fault("r1", "noanswer")
        with behind(routers) as network:
            lease = Lease(
                Grant("r1", "step", Mode.APPLY, frozenset(["device.read"])), platform_for("cisco_ios"), LeaseReport()
            )
            host = network.hosts["r1"]

            def cut() -> None:
                revoke(lease)
                abort_host(host)

            threading.Timer(0.3, cut).start()
            began = time.monotonic()
            with pytest.raises(NornFlowError), held(lease):
                guarded_read_config(host, "scrapli")
            assert time.monotonic() - began < 3

    def test_an_enable_secret_of_its_own_is_used_and_forgotten(self) -> None:
        with (
            Fleet(1, prefix="r", enable_secret="of-its-own") as routers,
            behind(routers, auth_secondary="of-its-own") as network,
        ):
            outcome = network.plan("r1", send_configs, configs=["ntp server 192.0.2.9"])
            assert outcome.error is None
            assert outcome.report.captured == ["ntp server 192.0.2.9"]
