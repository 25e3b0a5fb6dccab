"""The netmiko step types against simulated routers over real SSH."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netmiko import ConnectHandler
from pydantic import ValidationError

from nornflow import ConnectionLost, HostState, LineRejected, StepError, UnexpectedPrompt
from nornflow.testing import Fleet
from nornflow_netmiko.backup import BackupStep, RestoreStep
from nornflow_netmiko.blocks import all_lines, split_blocks
from nornflow_netmiko.command import CommandStep
from nornflow_netmiko.config import ConfigStep, SaveStep
from nornflow_netmiko.validate import ValidateStep

Bench = Any


@pytest.fixture
def router(fleet: Callable[..., Fleet], bench: Bench) -> Iterator[Any]:
    """One router whose netmiko connection lies on the bench."""
    running = fleet(count=2)
    connection = ConnectHandler(**running.login("r1"))
    bench.connections["netmiko"] = connection
    yield running["r1"]
    connection.disconnect()


def exec_mode(bench: Bench) -> bool:
    return str(bench.connections["netmiko"].find_prompt()) == "r1#"


class TestConfig:
    def test_lines_reach_the_device_and_are_saved(self, router: Any, bench: Bench) -> None:
        result = bench.apply(ConfigStep(), lines=["interface Loopback7", " description seven"], save=True)
        assert result.state is HostState.CHANGED
        assert result.outputs["lines"] == ["interface Loopback7", " description seven"]
        assert "interface Loopback7\n description seven" in router.running_config
        assert not router.unsaved
        assert exec_mode(bench)

    def test_without_save_the_startup_configuration_stays(self, router: Any, bench: Bench) -> None:
        assert bench.apply(ConfigStep(), config="ntp server 192.0.2.9").outputs["saved"] is False
        assert router.unsaved

    def test_a_template_is_rendered_for_the_device(self, router: Any, bench: Bench) -> None:
        (bench.folder / "ntp.j2").write_text(
            "! for {{ host.name }}\n{% for server in inputs.servers %}\nntp server {{ server }}\n\n{% endfor %}\n"
        )
        result = bench.apply(ConfigStep(), {"inputs": {"servers": ["192.0.2.5", "192.0.2.6"]}}, template="ntp.j2")
        assert result.outputs["lines"] == ["ntp server 192.0.2.5", "ntp server 192.0.2.6"]
        assert "ntp server 192.0.2.6" in router.running_config

    def test_a_file_is_sent_as_it_is(self, router: Any, bench: Bench) -> None:
        (bench.folder / "change.cfg").write_text("!\nlogging host 192.0.2.60\nlogging host 192.0.2.61\n!\nend\n"[:-4])
        bench.apply(ConfigStep(), config_file="change.cfg")
        assert "logging host 192.0.2.61" in router.running_config

    def test_the_first_refused_line_is_named_and_the_rest_is_not_sent(self, router: Any, bench: Bench) -> None:
        with pytest.raises(LineRejected) as refused:
            bench.apply(
                ConfigStep(), lines=["ntp server 192.0.2.9", "no such line here", "ntp server 192.0.2.10"], save=True
            )
        assert refused.value.line == "no such line here"
        assert refused.value.marker.startswith("% Invalid input detected")
        assert "r1" in refused.value.message
        assert "ntp server 192.0.2.9" in router.running_config
        assert "ntp server 192.0.2.10" not in router.running_config
        assert router.unsaved
        assert exec_mode(bench)

    def test_a_refused_line_inside_a_section_leaves_configuration_mode_too(self, router: Any, bench: Bench) -> None:
        with pytest.raises(LineRejected, match=r"ip address 10\.0\.0\.300"):
            bench.apply(ConfigStep(), config="interface Loopback8\n ip address 10.0.0.300 255.255.255.0\n shutdown\n")
        assert exec_mode(bench)
        assert "shutdown" not in router.running_config.partition("interface Loopback8")[2].partition("!")[0].split()

    def test_a_banner_keeps_its_lines_and_what_follows_is_sent(self, router: Any, bench: Bench) -> None:
        text = "banner motd ^C\n! not a comment\n\n  keep out  #\n^C\nntp server 192.0.2.33\n"
        result = bench.apply(ConfigStep(), config=text)
        assert "! not a comment" in router.running_config
        assert "  keep out  #" in router.running_config
        assert "ntp server 192.0.2.33" in router.running_config
        assert result.outputs["lines"][0] == "banner motd ^C"

    def test_nothing_but_comments_is_nothing_to_send(self, router: Any, bench: Bench) -> None:
        result = bench.apply(ConfigStep(), config="! nothing\n\n!\n")
        assert (result.state, result.changed) == (HostState.OK, False)
        assert router.counters.config_lines == 0

    def test_a_session_that_drops_in_the_middle_is_told_as_such(self, fleet: Any, bench: Bench) -> None:
        routers = fleet(count=1)
        bench.connections["netmiko"] = ConnectHandler(**routers.login("r1"))
        routers.fault("r1", "drop", at="192.0.2.12")
        with pytest.raises((ConnectionLost, UnexpectedPrompt)) as lost:
            bench.apply(ConfigStep(), lines=["ntp server 192.0.2.11", "ntp server 192.0.2.12"], read_timeout=1)
        assert lost.value.hint

    def test_a_device_that_hangs_ends_in_a_named_error(self, fleet: Any, bench: Bench) -> None:
        routers = fleet(count=1)
        bench.connections["netmiko"] = ConnectHandler(**routers.login("r1"))
        routers.fault("r1", "hang", at="ntp server")
        with pytest.raises(UnexpectedPrompt, match="did not come back to its prompt"):
            bench.apply(ConfigStep(), lines=["ntp server 192.0.2.11"], read_timeout=0.5)

    def test_one_entry_of_lines_is_one_line(self, router: Any, bench: Bench) -> None:
        with pytest.raises(StepError, match="line break"):
            bench.apply(ConfigStep(), lines=["description x\nno router bgp 65001"])
        assert router.counters.config_lines == 0

    @pytest.mark.parametrize("params", [{}, {"lines": ["a"], "config": "b"}, {"lines": []}, {"line": ["a"]}])
    def test_exactly_one_source_is_asked_for(self, params: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            ConfigStep().Params(**params)

    def test_a_platform_with_a_candidate_is_sent_to_napalm(self, bench: Bench) -> None:
        bench.host = type(bench.host)("r1", platform="cisco_xr")
        bench.connections["netmiko"] = None
        with pytest.raises(StepError, match="candidate") as refused:
            bench.apply(ConfigStep(), lines=["hostname x"])
        assert "napalm.config" in refused.value.hint

    def test_where_lines_act_at_once_nothing_can_be_left_uncommitted(self, router: Any, bench: Bench) -> None:
        for attempt in (bench.plan, bench.apply):
            with pytest.raises(StepError, match="cisco_ios has no candidate") as refused:
                attempt(ConfigStep(), lines=["ntp server 192.0.2.9"], commit=False)
        assert "commit: false" in refused.value.hint
        assert router.counters.config_lines == 0

    def test_a_template_needs_leave_to_read_files(self) -> None:
        assert ConfigStep().needs({"template": "x.j2"}) == {"device.configure", "file.read", "file.write"}
        assert ConfigStep().needs({"lines": ["x"], "backup_before": False}) == {"device.configure"}
        assert "file.write" in ConfigStep().needs({"lines": ["x"], "backup_before": "{{ inputs.keep }}"})

    def test_save_alone(self, router: Any, bench: Bench) -> None:
        router.configure("ntp server 192.0.2.44")
        assert router.unsaved
        bench.apply(SaveStep())
        assert not router.unsaved


class TestCommand:
    def test_one_command_gives_its_output(self, router: Any, bench: Bench) -> None:
        result = bench.apply(CommandStep(), command="show version")
        assert "Version" in result.outputs["output"]
        assert (result.state, result.changed) == (HostState.OK, False)

    def test_several_commands_are_kept_apart(self, router: Any, bench: Bench) -> None:
        result = bench.apply(CommandStep(), commands=["show version", "show ip interface brief"])
        assert list(result.outputs["outputs"]) == ["show version", "show ip interface brief"]

    def test_textfsm_makes_rows(self, router: Any, bench: Bench) -> None:
        parsed = bench.apply(CommandStep(), command="show ip interface brief", use_textfsm=True).outputs["parsed"]
        assert {"interface": "Loopback0", "ip_address": "10.255.0.2"}.items() <= next(
            row for row in parsed if row["interface"] == "Loopback0"
        ).items()

    def test_an_own_textfsm_template(self, router: Any, bench: Bench) -> None:
        (bench.folder / "ports.textfsm").write_text("Value NAME (Gig\\S+)\n\nStart\n  ^${NAME}\\s -> Record\n")
        result = bench.apply(CommandStep(), command="show ip interface brief", textfsm_template="ports.textfsm")
        assert result.outputs["parsed"][0] == {"name": "GigabitEthernet1"}

    def test_an_output_without_a_template_is_an_error_and_not_raw_text(self, router: Any, bench: Bench) -> None:
        with pytest.raises(StepError, match="could not be parsed") as failed:
            bench.apply(CommandStep(), command="show privilege", use_textfsm=True)
        assert "textfsm_template" in failed.value.hint

    def test_a_refused_command_fails(self, router: Any, bench: Bench) -> None:
        with pytest.raises(LineRejected, match="show nonsense"):
            bench.apply(CommandStep(), command="show nonsense")

    def test_a_log_that_quotes_an_error_is_no_refusal(self, router: Any, bench: Bench) -> None:
        router.outputs["show logging"] = "Log Buffer\nline\nline\nline\nline\n% Invalid input detected\n"
        assert "Invalid" in bench.apply(CommandStep(), command="show logging").outputs["output"]

    def test_expect_string_is_a_text_and_not_a_pattern(self, router: Any, bench: Bench) -> None:
        result = bench.apply(CommandStep(), command="show version", expect_string="(a+)+$|r1#")
        assert "Version" in result.outputs["output"]

    def test_a_slow_device_is_waited_for_as_many_times_as_long(self, fleet: Any, bench: Bench) -> None:
        routers = fleet(count=1, latency=0.01)
        bench.connections["netmiko"] = ConnectHandler(**routers.login("r1"))
        routers.fault("r1", "slow", after=60)
        with pytest.raises(UnexpectedPrompt):
            bench.apply(CommandStep(), command="show version", read_timeout=0.2)
        bench.connections["netmiko"] = ConnectHandler(**routers.login("r1"), global_delay_factor=2)
        patient = bench.apply(CommandStep(), command="show version", read_timeout=0.2, delay_factor=30)
        assert "Version" in patient.outputs["output"]

    @pytest.mark.parametrize(
        "waits",
        [
            {"delay_factor": 0},
            {"delay_factor": 101},
            {"read_timeout": 100, "delay_factor": 50},
            {"delay_factor": "nan"},
        ],
    )
    def test_no_output_is_waited_for_without_an_end(self, waits: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            CommandStep().Params(command="show version", **waits)

    def test_what_changes_something_needs_more(self) -> None:
        assert CommandStep().needs({"command": "clear counters", "changes": True}) == {"device.command"}
        assert CommandStep().needs({"command": "show version"}) == {"device.read"}

    @pytest.mark.parametrize(
        "params", [{}, {"command": "a", "commands": ["b"]}, {"command": "show version\nreload"}, {"commands": []}]
    )
    def test_what_is_no_command_is_refused(self, params: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            CommandStep().Params(**params)


class TestValidate:
    def test_all_checks_are_told(self, router: Any, bench: Bench) -> None:
        result = bench.apply(
            ValidateStep(),
            commands=["show version"],
            expected_patterns={"show ip interface brief": [r"^Loopback0\s+10\.255\.0\.2\b", "up"]},
            absent_patterns={"show ip interface brief": "Tunnel"},
        )
        assert result.state is HostState.OK
        assert result.outputs["passed"] is True
        assert [check["kind"] for check in result.outputs["checks"]] == [
            "accepted", "accepted", "expected", "expected", "absent",
        ]  # fmt: skip
        assert {check["status"] for check in result.outputs["checks"]} == {"passed"}

    def test_a_failed_check_fails_the_step_and_keeps_the_others(self, router: Any, bench: Bench) -> None:
        result = bench.apply(
            ValidateStep(),
            expected_patterns={"show version": "nothing like this"},
            absent_patterns={"show ip interface brief": "Loopback0"},
            commands=["show nonsense"],
        )
        assert result.state is HostState.FAILED
        assert result.reason == "check-failed"
        failed = {
            (check["kind"], check["command"]) for check in result.outputs["checks"] if check["status"] == "failed"
        }
        assert failed == {
            ("accepted", "show nonsense"),
            ("expected", "show version"),
            ("absent", "show ip interface brief"),
        }
        assert "3 of 5 checks failed on r1" in result.error

    @pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=x)"])
    def test_patterns_are_those_of_re2(self, pattern: str) -> None:
        with pytest.raises(ValidationError, match="RE2"):
            ValidateStep().Params(expected_patterns={"show version": pattern})

    def test_no_check_at_all_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="give commands"):
            ValidateStep().Params()

    def test_a_script_needs_leave_of_its_own(self) -> None:
        assert ValidateStep().needs({"commands": ["show version"]}) == {"device.read"}
        assert ValidateStep().needs({"custom_validation": "true"}) == {"device.read", "shell.script"}

    def test_it_is_left_out_of_plans(self) -> None:
        assert ValidateStep().verifies


class TestBackupAndRestore:
    step = BackupStep(clock=lambda: datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC))

    def test_a_backup_is_a_file_of_the_workspace(self, router: Any, bench: Bench) -> None:
        result = bench.apply(self.step)
        path = bench.folder / "backups" / "r1_20261121T120005Z.cfg"
        assert result.outputs == {"backup_file": str(path), "size_bytes": path.stat().st_size}
        assert "hostname r1" in path.read_text()
        assert path.stat().st_mode & 0o077 == 0  # a configuration holds secrets

    def test_names_are_filled_in(self, router: Any, bench: Bench) -> None:
        result = bench.apply(
            self.step,
            backup_dir="b",
            filename_template="{config_type}-{host}_{timestamp}.txt",
            include_timestamp=False,
            config_type="startup",
        )
        assert result.outputs["backup_file"].endswith("b/startup-r1.txt")

    def test_an_unknown_placeholder_is_no_way_into_python(self, router: Any, bench: Bench) -> None:
        with pytest.raises(StepError, match="no placeholder"):
            bench.apply(self.step, filename_template="{host.__class__}.cfg")

    def test_a_plan_reads_and_writes_nothing(self, router: Any, bench: Bench) -> None:
        planned = bench.plan(self.step)
        assert planned.outputs["size_bytes"] > 100
        assert list(bench.folder.iterdir()) == []

    @pytest.mark.parametrize("template", ["{host}_{timestamp}.cfg", "{host}-{timestamp}.cfg", "{timestamp}{host}.cfg"])
    def test_without_the_time_the_name_is_the_same_every_time(self, router: Any, bench: Bench, template: str) -> None:
        first = bench.apply(self.step, filename_template=template, include_timestamp=False).outputs
        again = bench.apply(self.step, filename_template=template, include_timestamp=False).outputs
        assert first == again
        assert first["backup_file"].endswith("/backups/r1.cfg")
        assert len(list((bench.folder / "backups").iterdir())) == 1

    def test_the_startup_configuration_is_the_one_that_was_saved(self, router: Any, bench: Bench) -> None:
        router.save()
        router.configure("ntp server 192.0.2.77")
        kept = bench.apply(self.step, config_type="startup").outputs["backup_file"]
        now = bench.apply(self.step, backup_dir="now").outputs["backup_file"]
        assert "192.0.2.77" not in Path(kept).read_text()
        assert "192.0.2.77" in Path(now).read_text()

    def test_a_restore_brings_back_what_is_missing_and_lists_what_is_left(self, router: Any, bench: Bench) -> None:
        backup = bench.apply(self.step).outputs["backup_file"]
        router.configure("no ntp server 192.0.2.1", "ntp server 192.0.2.77")
        result = bench.apply(RestoreStep(), file=backup)
        assert "ntp server 192.0.2.1" in router.running_config
        assert result.outputs["missing"] == []
        assert result.outputs["remaining"] == ["ntp server 192.0.2.77"]
        assert result.outputs["exact"] is False
        assert result.state is HostState.CHANGED

    def test_exactness_can_be_required(self, router: Any, bench: Bench) -> None:
        backup = bench.apply(self.step).outputs["backup_file"]
        assert bench.apply(RestoreStep(), file=backup, require_exact=True).outputs["exact"] is True
        router.configure("ntp server 192.0.2.77")
        with pytest.raises(StepError, match=r"still has `ntp server 192\.0\.2\.77` \(0 lines missing, 1 too many\)"):
            bench.apply(RestoreStep(), file=backup, require_exact=True)


class TestBlocks:
    @pytest.mark.parametrize(
        ("text", "lines", "runs"),
        [
            ("banner motd # hello #\nntp server 1.1.1.1", ["banner motd # hello #", "ntp server 1.1.1.1"], 1),
            ("banner motd #\n a\n#\n", ["banner motd #", " a", "#"], 1),
            ("banner login\nhello\nEOF\nntp", ["banner login", "hello", "EOF", "ntp"], 2),
            ("banner motd line welcome\nhostname x", ["banner motd line welcome", "hostname x"], 1),
            ("  interface a\n    mtu 9000\n  !\n  ntp x\n", ["interface a", "  mtu 9000", "ntp x"], 1),
        ],
    )
    def test_banners_are_blocks_and_comments_go(self, text: str, lines: list[str], runs: int) -> None:
        blocks = split_blocks(text)
        assert all_lines(blocks) == lines
        assert len(blocks) == runs

    def test_a_banner_without_an_end_is_an_error(self) -> None:
        with pytest.raises(StepError, match="has no end"):
            split_blocks("banner motd ^C\nnever ends\n")

    @given(st.lists(st.text("abc !#^C\n ", max_size=12), max_size=8).map("\n".join))
    def test_no_ordinary_line_is_lost_or_reordered(self, text: str) -> None:
        kept = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("!")]
        assert [line.strip() for line in all_lines(split_blocks(text))] == kept

    @given(st.text(max_size=200))
    def test_any_text_is_lines_or_an_unfinished_banner(self, text: str) -> None:
        with suppress(StepError):  # a banner without an end
            assert all("\n" not in line for line in all_lines(split_blocks(text)))


def test_loading_the_plugin_does_not_import_netmiko() -> None:
    program = (
        "import sys, nornflow_netmiko.plugin as plugin; list(plugin.nornflow_step_types());"
        "print(*(name for name in ('netmiko', 'paramiko', 'textfsm', 'ntc_templates', 're2') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
