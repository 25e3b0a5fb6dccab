"""netmiko.command against simulated routers over real SSH."""

from __future__ import annotations

from typing import Any

import pytest
from netmiko import ConnectHandler
from pydantic import ValidationError

from nornflow import HostState, LineRejected, StepError, UnexpectedPrompt
from nornflow_netmiko.command import NetmikoCommandStep

Bench = Any


class TestCommand:
    def test_one_command_gives_its_output(self, router: Any, bench: Bench) -> None:
        result = bench.apply(NetmikoCommandStep(), command="show version")
        assert "Version" in result.outputs["output"]
        assert (result.state, result.changed) == (HostState.OK, False)

    def test_several_commands_are_kept_apart(self, router: Any, bench: Bench) -> None:
        result = bench.apply(NetmikoCommandStep(), commands=["show version", "show ip interface brief"])
        assert list(result.outputs["outputs"]) == ["show version", "show ip interface brief"]

    def test_textfsm_makes_rows(self, router: Any, bench: Bench) -> None:
        parsed = bench.apply(NetmikoCommandStep(), command="show ip interface brief", use_textfsm=True).outputs[
            "parsed"
        ]
        assert {"interface": "Loopback0", "ip_address": "10.255.0.2"}.items() <= next(
            row for row in parsed if row["interface"] == "Loopback0"
        ).items()

    def test_an_own_textfsm_template(self, router: Any, bench: Bench) -> None:
        (bench.folder / "ports.textfsm").write_text("Value NAME (Gig\\S+)\n\nStart\n  ^${NAME}\\s -> Record\n")
        result = bench.apply(NetmikoCommandStep(), command="show ip interface brief", textfsm_template="ports.textfsm")
        assert result.outputs["parsed"][0] == {"name": "GigabitEthernet1"}

    def test_an_output_without_a_template_is_an_error_and_not_raw_text(self, router: Any, bench: Bench) -> None:
        with pytest.raises(StepError, match="could not parse the output") as failed:
            bench.apply(NetmikoCommandStep(), command="show privilege", use_textfsm=True)
        assert "textfsm_template" in failed.value.hint

    def test_a_refused_command_fails(self, router: Any, bench: Bench) -> None:
        with pytest.raises(LineRejected, match="show nonsense"):
            bench.apply(NetmikoCommandStep(), command="show nonsense")

    def test_a_log_that_quotes_an_error_is_no_refusal(self, router: Any, bench: Bench) -> None:
        router.outputs["show logging"] = "Log Buffer\nline\nline\nline\nline\n% Invalid input detected\n"
        assert "Invalid" in bench.apply(NetmikoCommandStep(), command="show logging").outputs["output"]

    def test_expect_string_is_a_text_and_not_a_pattern(self, router: Any, bench: Bench) -> None:
        result = bench.apply(NetmikoCommandStep(), command="show version", expect_string="(a+)+$|r1#")
        assert "Version" in result.outputs["output"]

    def test_a_slow_device_is_waited_for_as_many_times_as_long(self, fleet: Any, bench: Bench) -> None:
        routers = fleet(count=1, latency=0.01)
        bench.connections["netmiko"] = ConnectHandler(**routers.login("r1"))
        routers.fault("r1", "slow", after=60)
        with pytest.raises(UnexpectedPrompt):
            bench.apply(NetmikoCommandStep(), command="show version", read_timeout=0.2)
        bench.connections["netmiko"] = ConnectHandler(**routers.login("r1"), global_delay_factor=2)
        patient = bench.apply(NetmikoCommandStep(), command="show version", read_timeout=0.2, delay_factor=30)
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
            NetmikoCommandStep().Params(command="show version", **waits)

    def test_what_changes_something_needs_more(self) -> None:
        assert NetmikoCommandStep().needs({"command": "clear counters", "changes": True}) == {"device.command"}
        assert NetmikoCommandStep().needs({"command": "show version"}) == {"device.read"}

    @pytest.mark.parametrize(
        "params", [{}, {"command": "a", "commands": ["b"]}, {"command": "show version\nreload"}, {"commands": []}]
    )
    def test_what_is_no_command_is_refused(self, params: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            NetmikoCommandStep().Params(**params)
