"""netmiko.validate against simulated routers over real SSH."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nornflow import HostState
from nornflow_netmiko.validate import ValidateStep

Bench = Any


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
