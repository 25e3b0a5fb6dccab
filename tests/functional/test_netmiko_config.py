"""netmiko.config and netmiko.save against simulated routers over real SSH."""

from __future__ import annotations

from typing import Any

import pytest
from netmiko import ConnectHandler
from pydantic import ValidationError

from nornflow import ConnectionLost, HostState, LineRejected, StepError, UnexpectedPrompt
from nornflow_netmiko.config import ConfigStep, SaveStep

Bench = Any


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
