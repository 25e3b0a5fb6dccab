"""The NAPALM step types with NAPALM's real `eos` driver against simulated EOS devices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from napalm import get_network_driver
from napalm.base import exceptions as napalm
from pydantic import ValidationError
from pyeapi.eapilib import CommandError

from nornflow import (
    AuthenticationFailed,
    ConnectionLost,
    DeviceError,
    HostState,
    HostView,
    LineRejected,
    StepError,
    UnexpectedPrompt,
    Unreachable,
)
from nornflow.testing import EosFleet, ManualTimer
from nornflow_napalm.config import ConfigStep, ConfirmStep
from nornflow_napalm.failures import device_errors
from nornflow_napalm.read import CliStep, GetStep, getter_names
from nornflow_napalm.validate import ValidateStep

Bench = Any
CHANGE = "ntp server 192.0.2.7\ninterface Ethernet2\n   description new words\n"


@pytest.fixture
def timer() -> ManualTimer:
    return ManualTimer()


@pytest.fixture
def switch(eos_fleet: Callable[..., EosFleet], timer: ManualTimer, bench: Bench) -> Iterator[Any]:
    """One switch whose NAPALM connection lies on the bench."""
    running = eos_fleet(count=2, timer=timer)
    driver = get_network_driver("eos")(**running.login("sw1"))
    driver.open()
    bench.host = HostView("sw1", "127.0.0.1", "eos")
    bench.connections["napalm"] = driver
    yield running["sw1"]
    driver.close()


class TestConfig:
    def test_a_merge_is_compared_and_committed(self, switch: Any, bench: Bench) -> None:
        result = bench.apply(ConfigStep(), config=CHANGE)
        assert result.state is HostState.CHANGED
        assert "+ntp server 192.0.2.7" in result.outputs["diff"]
        assert (result.outputs["pending"], result.outputs["revert_in"]) == (False, None)
        assert "description new words" in switch.running_config

    def test_a_second_time_there_is_nothing_to_do(self, switch: Any, bench: Bench) -> None:
        bench.apply(ConfigStep(), config=CHANGE)
        result = bench.apply(ConfigStep(), config=CHANGE)
        assert (result.state, result.changed, result.outputs["diff"]) == (HostState.OK, False, "")

    def test_a_replacement_removes_what_it_does_not_name(self, switch: Any, bench: Bench) -> None:
        whole = switch.running_config.replace("ntp server 192.0.2.1\n", "ntp server 192.0.2.9\n")
        assert whole != switch.running_config
        result = bench.apply(ConfigStep(), config=whole, replace=True)
        assert "-ntp server 192.0.2.1" in result.outputs["diff"]
        assert "ntp server 192.0.2.1\n" not in switch.running_config

    def test_a_template_is_rendered_for_the_device(self, switch: Any, bench: Bench) -> None:
        (bench.folder / "port.j2").write_text("interface Ethernet2\n   description {{ host.name }}-{{ inputs.word }}\n")
        bench.apply(ConfigStep(), {"inputs": {"word": "x"}}, template="port.j2")
        assert "description sw1-x" in switch.running_config

    def test_a_refused_line_is_named_and_nothing_is_committed(self, switch: Any, bench: Bench) -> None:
        before = switch.running_config
        with pytest.raises(LineRejected) as refused:
            bench.apply(ConfigStep(), lines=["ntp server 192.0.2.7", "frobnicate everything"])
        assert refused.value.line == "frobnicate everything"
        assert "frobnicate everything" in refused.value.message
        assert switch.running_config == before
        assert bench.connections["napalm"].config_session is None

    @pytest.mark.parametrize("params", [{}, {"lines": ["a"], "template": "b"}, {"lines": ["a"], "revert_in": 0}])
    def test_wrong_parameters_are_refused(self, params: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            ConfigStep().Params(**params)

    def test_one_entry_of_lines_is_one_line(self, switch: Any, bench: Bench) -> None:
        with pytest.raises(StepError, match="line break"):
            bench.apply(ConfigStep(), lines=["description x\nno router bgp 65001"])

    def test_a_failed_comparison_throws_the_candidate_away(self, bench: Bench) -> None:
        said: list[str] = []

        class Driver:
            def load_merge_candidate(self, config: str) -> None:
                said.append("load")

            def compare_config(self) -> str:
                raise napalm.CommandErrorException("no")

            def discard_config(self) -> None:
                said.append("discard")

        bench.connections["napalm"] = Driver()
        with pytest.raises(DeviceError, match="comparing"):
            bench.apply(ConfigStep(), lines=["x"])
        assert said == ["load", "discard"]


class TestCommitConfirm:
    def test_confirmed_in_time_it_stays(self, switch: Any, timer: ManualTimer, bench: Bench) -> None:
        result = bench.apply(ConfigStep(), config=CHANGE, revert_in=120)
        assert (result.outputs["pending"], result.outputs["revert_in"]) == (True, 120)
        assert bench.apply(ConfirmStep()).outputs["confirmed"] is True
        timer.advance(1000)
        assert "ntp server 192.0.2.7" in switch.running_config

    def test_not_confirmed_the_device_takes_it_back(self, switch: Any, timer: ManualTimer, bench: Bench) -> None:
        before = switch.running_config
        bench.apply(ConfigStep(), config=CHANGE, revert_in=120)
        assert switch.running_config != before
        timer.advance(121)
        assert switch.running_config == before
        with pytest.raises(DeviceError, match="no commit is pending") as late:
            bench.apply(ConfirmStep())
        assert "timer is over" in late.value.hint
        bench.connections["napalm"].config_session = None  # else close() would abort a session that is gone

    def test_a_pending_commit_is_in_the_way_of_the_next(self, switch: Any, bench: Bench) -> None:
        bench.apply(ConfigStep(), config=CHANGE, revert_in=120)
        with pytest.raises(DeviceError, match="pending on sw1 already"):
            bench.apply(ConfigStep(), lines=["ntp server 192.0.2.8"], revert_in=120)

    def test_a_plan_only_shows_the_confirmation_to_the_guard(self, bench: Bench) -> None:
        asked: list[str] = []

        class Guarded:
            def __getattr__(self, name: str) -> Callable[[], None]:
                return lambda: asked.append(name)

        bench.connections["napalm"] = Guarded()
        assert bench.plan(ConfirmStep()).outputs == {"confirmed": False}
        assert asked == ["confirm_commit"]


class TestReading:
    def test_getters_are_outputs_by_their_names(self, switch: Any, bench: Bench) -> None:
        result = bench.apply(GetStep(), getters=["get_facts", "interfaces"])
        assert result.outputs["facts"]["hostname"] == "sw1"
        assert "Ethernet1" in result.outputs["interfaces"]

    def test_getters_take_arguments(self, switch: Any, bench: Bench) -> None:
        result = bench.apply(GetStep(), getters=["config"], options={"config": {"retrieve": "running"}})
        assert "hostname sw1" in result.outputs["config"]["running"]
        assert result.outputs["config"]["startup"] == ""

    def test_an_unknown_getter_gets_a_hint(self, switch: Any, bench: Bench) -> None:
        with pytest.raises(StepError, match="did you mean 'facts'"):
            bench.apply(GetStep(), getters=["fact"])

    def test_a_getter_that_the_driver_does_not_have_is_told(self, bench: Bench) -> None:
        from napalm.base.base import NetworkDriver

        class Bare(NetworkDriver):
            def __init__(self) -> None:
                """Need nothing."""

        bench.connections["napalm"] = Bare()
        with pytest.raises(StepError, match="cannot do this: get_facts"):
            bench.apply(GetStep(), getters=["facts"])

    def test_show_commands_are_kept_apart(self, switch: Any, bench: Bench) -> None:
        outputs = bench.apply(CliStep(), commands=["show version", "show hostname"]).outputs["outputs"]
        assert "sw1" in outputs["show hostname"]
        assert "Arista" in outputs["show version"]

    def test_a_command_is_one_line(self) -> None:
        with pytest.raises(ValidationError, match="one line"):
            CliStep().Params(commands=["show version\nreload now"])

    def test_the_getters_are_napalms(self) -> None:
        assert {"facts", "bgp_neighbors", "config"} <= set(getter_names())


class TestValidate:
    def test_a_device_that_complies(self, switch: Any, bench: Bench) -> None:
        result = bench.apply(ValidateStep(), rules=[{"get_facts": {"hostname": "sw1", "vendor": "Arista"}}])
        assert result.state is HostState.OK
        assert result.outputs["complies"] is True

    def test_one_that_does_not_fails_with_its_report(self, switch: Any, bench: Bench) -> None:
        result = bench.apply(ValidateStep(), rules=[{"get_facts": {"hostname": "other"}}])
        assert (result.state, result.reason) == (HostState.FAILED, "check-failed")
        assert result.outputs["report"]["get_facts"]["present"]["hostname"]["actual_value"] == "sw1"
        assert "get_facts" in result.error

    def test_rules_may_stand_in_a_file(self, switch: Any, bench: Bench) -> None:
        (bench.folder / "rules.yaml").write_text("- get_facts:\n    hostname: sw1\n")
        assert bench.apply(ValidateStep(), rules_file="rules.yaml").outputs["complies"] is True
        (bench.folder / "rules.yaml").write_text("[oops")
        with pytest.raises(StepError, match="not YAML"):
            bench.apply(ValidateStep(), rules_file="rules.yaml")

    @pytest.mark.parametrize("rules", [[{"facts": {}}], [{"close": {}}], [{"get_nonsense": {}}]])
    def test_only_getters_are_called(self, switch: Any, bench: Bench, rules: list[Any]) -> None:
        with pytest.raises(StepError, match="no getter"):
            bench.apply(ValidateStep(), rules=rules)

    def test_nothing_checked_is_no_pass(self, bench: Bench) -> None:
        class Bare:
            def get_facts(self) -> None:
                raise NotImplementedError

        bench.connections["napalm"] = Bare()
        result = bench.apply(ValidateStep(), rules=[{"get_facts": {"hostname": "x"}}])
        assert result.state is HostState.FAILED
        assert result.outputs["skipped"] == ["get_facts"]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (napalm.ConnectAuthError("no"), AuthenticationFailed),
        (napalm.ConnectTimeoutError("no"), Unreachable),
        (napalm.ConnectionClosedException("no"), ConnectionLost),
        (napalm.CommandTimeoutException("no"), UnexpectedPrompt),
        (napalm.CommitError("no"), DeviceError),
        (napalm.LockError("no"), DeviceError),
        (napalm.MergeConfigException("% Invalid input"), LineRejected),
        (NotImplementedError(), StepError),
        (ConnectionResetError("gone"), ConnectionLost),
        (CommandError(1002, "invalid command"), DeviceError),
    ],
)
def test_napalms_errors_become_ours_with_a_hint(bench: Bench, raised: Exception, told: type[StepError]) -> None:
    with pytest.raises(told) as error, device_errors(bench.context(), "something"):
        raise raised
    assert error.value.hint


def test_loading_the_plugin_does_not_import_napalm() -> None:
    program = (
        "import sys, nornflow_napalm.plugin as plugin; list(plugin.nornflow_step_types());"
        "print(*(name for name in ('napalm', 'netmiko', 'pyeapi', 'paramiko') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
