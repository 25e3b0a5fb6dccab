"""Workflows that call others: done as if their steps were written out, each in a namespace of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from called import compiled, running
from engine_stage import CONFIG, Stage, fates, network
from mortal import Death, Mortal, both, undisturbed
from nornflow.errors import Unreachable, UsageError
from nornflow.model.decision import GateRequest, Verdict
from nornflow.model.diagnostic import InvalidDocument
from nornflow.model.run import RunRecord, RunState
from nornflow.policy.gates import PermissionGate
from nornflow.policy.profiles import load_profiles
from nornflow.testing.fakes import FakeDevice

NTP = """
name: ntp
version: 2.0
inputs: {server: {type: string, required: true}}
steps:
  - {id: configure, type: fake.configure, lines: ["ntp server {{ inputs.server }}"]}
  - {id: verify, type: fake.check, depends_on: configure, condition: "inputs.server in '192.0.2.9 192.0.2.10'"}
outputs:
  where: {type: array, from: steps.configure.changed_hosts}
  server: {from: inputs.server}
"""
CALLS = """
name: main
version: 1.0
steps:
  - {id: look, type: fake.check, condition: 'true'}
  - {id: ntp, type: workflow, workflow: ntp, depends_on: look, inputs: {server: 192.0.2.9}}
  - {id: after, type: fake.check, depends_on: ntp, condition: "steps.ntp.changed and steps.ntp.where[0] == 'r1'"}
outputs:
  where: {type: array, from: steps.ntp.where}
"""


def states(record: RunRecord, step: str) -> dict[str, str]:
    (found,) = [one for one in record.steps if one.step == step]
    return {host: result.state.value for host, result in found.hosts.items()}


class Lost(FakeDevice):
    """Takes its lines, and is not seen again."""

    def take(self, lines: Sequence[str]) -> None:
        super().take(lines)
        self.broken = Unreachable("r1: no answer")
        raise self.broken


BORNE = ("on_failure: warn", "rescue: [{id: mend, type: fake.check, condition: 'true'}]")


class TestOneCall:
    def test_its_steps_are_done_and_its_outputs_are_those_of_the_step(self) -> None:
        stage = running(network(3), CALLS, ntp=NTP)
        record = stage.run()
        assert record.state is RunState.SUCCEEDED, record.error
        assert all(device.received == ["ntp server 192.0.2.9"] for device in stage.devices.values())
        assert [step.step for step in record.steps] == ["look", "ntp.configure", "ntp.verify", "ntp", "after"]
        assert states(record, "ntp") == dict.fromkeys(stage.devices, "changed")
        assert record.outputs == {"where": ["r1", "r2", "r3"]}

    def test_what_is_planned_names_its_steps(self) -> None:
        plan, _ = running(network(1), CALLS, ntp=NTP).prepare().plan()
        assert [(step.step, step.lines) for step in plan.hosts[0].steps] == [
            ("ntp.configure", ("ntp server 192.0.2.9",))
        ]
        assert plan.unplanned == {}

    def test_where_its_condition_is_false_nothing_of_it_is_done(self) -> None:
        main = CALLS.replace("depends_on: look,", "depends_on: look, when: host.name != 'r2',", 1)
        stage = running(
            network(2), main.replace("steps.ntp.changed", "host.name == 'r2' or steps.ntp.changed"), ntp=NTP
        )
        record = stage.run()
        assert states(record, "ntp") == {"r1": "changed", "r2": "skipped"}
        assert stage.devices["r2"].received == []

    def test_its_targets_keep_it_to_its_devices(self) -> None:
        stage = running(network(2), CALLS.split("  - {id: after")[0], ntp=NTP + "targets: \"name == 'r2'\"\n")
        record = stage.run()
        assert states(record, "ntp") == {"r1": "skipped", "r2": "changed"}
        assert [bool(device.received) for device in stage.devices.values()] == [False, True]

    def test_it_is_told_of_each_device(self) -> None:
        main = CALLS.replace("192.0.2.9}", "\"192.0.2.{{ 9 if host.name == 'r1' else 10 }}\"}").split("  - {id: after")[
            0
        ]
        stage = running(network(2), main, ntp=NTP)
        assert stage.run().state is RunState.SUCCEEDED
        assert [device.received[0] for device in stage.devices.values()] == [
            "ntp server 192.0.2.9",
            "ntp server 192.0.2.10",
        ]

    def test_what_it_is_given_has_to_fit_also_when_it_is_worked_out(self) -> None:
        narrow = NTP.replace("required: true", "required: true, validation: {pattern: '^192'}")
        stage = running(network(1), CALLS.replace("192.0.2.9}", '"{{ host.name }}"}'), ntp=narrow)
        record = stage.run()
        assert record.hosts[0].error.endswith("'server' must match the pattern '^192', not the text 'r1'")
        assert "step ntp (main.yaml:6:10)" in record.hosts[0].error
        assert stage.devices["r1"].received == []

    def test_a_failure_inside_is_one_of_the_step_and_keeps_from_what_depends_on_it(self) -> None:
        stage = running(
            network(2), CALLS, ntp=NTP.replace('"inputs.server in', "\"host.name == 'r2' and inputs.server in")
        )
        record = stage.run()
        assert (states(record, "ntp"), states(record, "after")["r1"]) == ({"r1": "failed", "r2": "changed"}, "skipped")
        assert record.hosts[0].failed_step == "ntp.verify"

    @pytest.mark.parametrize("key", BORNE)
    def test_a_failure_inside_can_be_borne_and_rescued(self, key: str) -> None:
        main = CALLS.replace("192.0.2.9}}", "192.0.2.9}, " + key + "}").split("  - {id: after")[0]
        failing = NTP.replace('"inputs.server in', "\"host.name == 'r2' and inputs.server in")
        record = running(network(2), main, ntp=failing).run()
        assert record.state is RunState.SUCCEEDED, record.error
        assert fates(record) == {"r1": "changed", "r2": "changed"}

    def test_a_device_of_which_nobody_knows_what_it_has_is_not_borne(self) -> None:
        stage = running(network(2), CALLS.replace("depends_on: look,", "depends_on: look, on_failure: warn,"), ntp=NTP)
        stage.devices["r1"] = Lost(CONFIG.format("r1"))
        record = stage.run()
        assert (record.state, fates(record)) == (RunState.FAILED, {"r1": "unknown", "r2": "changed"})
        assert states(record, "ntp") == {"r1": "unknown", "r2": "changed"}

    def test_a_step_that_runs_once_before_the_devices_can_fail_in_a_call_that_bears_it(self) -> None:
        tells = NTP.replace("steps:", "steps:\n  - {id: tell, type: fake.say, fail: 9, text: x}").replace(
            "{id: configure,", "{id: configure, depends_on: tell,"
        )
        main = CALLS.replace("depends_on: look,", "on_failure: warn,").split("  - {id: after")[0]
        record = running(network(2), main, ntp=tells).run()
        assert (record.state, states(record, "ntp")) == (RunState.SUCCEEDED, {"r1": "ok", "r2": "ok"})
        (end,) = [step for step in record.steps if step.step == "ntp"]
        assert end.hosts["r1"].warning == "ntp.tell: not yet"

    def test_it_knows_nothing_of_its_caller(self) -> None:
        line = "ntp server {{ vars.x | default(workflow.name) }} {{ inputs | length }}"
        stage = running(network(1), CALLS, ntp=NTP.replace("ntp server {{ inputs.server }}", line))
        stage.run()
        assert stage.devices["r1"].received == ["ntp server ntp 1"]
        with pytest.raises(InvalidDocument, match=r"ntp\.yaml has errors: ntp\.yaml:6:.*there is no step 'look'"):
            compiled(CALLS, ntp=NTP.replace("{{ inputs.server }}", "{{ steps.look.ok | default(1) }}"))


class TestRepeated:
    MAIN = (
        CALLS.split("  - {id: after")[0]
        .replace("192.0.2.9}", '"{{ item }}"}, for_each: inputs.servers')
        .replace("version: 1.0", "version: 1.0\ninputs: {servers: {type: array}}")
    )

    def test_once_for_each_item_one_after_the_other(self) -> None:
        stage = running(network(2), self.MAIN, {"servers": ["192.0.2.9", "192.0.2.10"]}, ntp=NTP)
        record = stage.run()
        assert [step.step for step in record.steps][1:] == [
            *("ntp.1.configure", "ntp.1.verify", "ntp.2.configure", "ntp.2.verify", "ntp"),
        ]
        (end,) = [step for step in record.steps if step.step == "ntp"]
        assert end.hosts["r1"].outputs["results"] == [
            {"where": ["r1", "r2"], "server": "192.0.2.9"},
            {"where": ["r1", "r2"], "server": "192.0.2.10"},
        ]

    def test_an_item_that_fails_keeps_from_the_next(self) -> None:
        stage = running(network(1), self.MAIN, {"servers": ["203.0.113.1", "192.0.2.10"]}, ntp=NTP)
        assert fates(stage.run()) == {"r1": "failed"}
        assert stage.devices["r1"].received == ["ntp server 203.0.113.1"]

    def test_an_item_is_a_value_and_no_template(self) -> None:
        stage = running(network(1), self.MAIN, {"servers": ["{{ host.name }}"]}, ntp=NTP)
        stage.run()
        assert stage.devices["r1"].received == ["ntp server {{ host.name }}"]

    def test_of_no_items_nothing_is_done(self) -> None:
        record = running(network(1), self.MAIN, {"servers": []}, ntp=NTP).run()
        assert states(record, "ntp") == {} or states(record, "ntp") == {"r1": "skipped"}
        assert record.state is RunState.SUCCEEDED

    @pytest.mark.parametrize(("items", "told"), [(7, "a list is expected"), ([1] * 600, "no more than 1,000")])
    def test_what_cannot_be_repeated_is_refused_before_the_run(self, items: Any, told: str) -> None:
        with pytest.raises(UsageError, match=told):
            compiled(self.MAIN, {"servers": items}, ntp=NTP)


class TestNested:
    MAIN = """
name: main
version: 1.0
inputs: {sites: {type: array}}
steps:
  - {id: one, type: workflow, workflow: site, for_each: inputs.sites, inputs: {site: "{{ item }}"}}
  - {id: two, type: workflow, workflow: ntp, depends_on: one, inputs: {server: 192.0.2.9}}
"""
    SITE = """
name: site
version: 1.0
inputs: {site: {type: object}}
steps:
  - {id: ntp, type: workflow, workflow: ntp, for_each: inputs.site.servers, inputs: {server: "{{ item }}"}}
outputs:
  servers: {from: "[each.server for each in steps.ntp.results]"}
"""

    def test_calls_in_calls_each_have_their_own(self) -> None:
        sites = [{"servers": ["192.0.2.9", "192.0.2.10"]}, {"servers": ["192.0.2.10"]}]
        stage = running(network(2), self.MAIN, {"sites": sites}, site=self.SITE, ntp=NTP)
        record = stage.run()
        assert record.state is RunState.SUCCEEDED, record.error
        changing = [step.step for step in record.steps if step.type == "fake.configure"]
        assert changing == ["one.1.ntp.1.configure", "one.1.ntp.2.configure", "one.2.ntp.1.configure", "two.configure"]
        (end,) = [step for step in record.steps if step.step == "one"]
        assert [each["servers"] for each in end.hosts["r2"].outputs["results"]] == [one["servers"] for one in sites]
        assert stage.devices["r1"].received == ["ntp server 192.0.2.9", "ntp server 192.0.2.10"]  # the rest is there

    @pytest.mark.parametrize("sites", [[], [[]], [["192.0.2.9"], []], [["192.0.2.9"], ["192.0.2.10", "192.0.2.1"]]])
    def test_whatever_the_items_each_step_stands_behind_what_it_waits_for(self, sites: list[list[str]]) -> None:
        given = {"sites": [{"servers": servers} for servers in sites]}
        done: set[str] = set()
        for step in compiled(self.MAIN, given, site=self.SITE, ntp=NTP).steps:
            assert {edge.step for edge in step.after} <= done
            done.add(step.id)
        taken = NTP.replace("192.0.2.10'", "192.0.2.10 192.0.2.1'")
        record = running(network(1), self.MAIN, given, site=self.SITE, ntp=taken).run()
        assert record.state is RunState.SUCCEEDED, record.error

    def test_a_branch_that_one_item_does_not_take_keeps_nobody_waiting(self) -> None:
        site = """
name: site
version: 1.0
inputs: {site: {type: object}}
steps:
  - id: size
    type: conditional
    condition: inputs.site.large and host.name != 'r2'
    then_steps: [{id: large, type: fake.configure, lines: ["hostname {{ inputs.site.name }}"]}]
    else_steps: [{id: small, type: fake.check, condition: "true"}]
"""
        main = self.MAIN.partition("  - {id: two")[0]
        sites = [{"name": "a", "large": False}, {"name": "b", "large": True}]
        stage = running(network(2), main, {"sites": sites}, site=site)
        record = stage.run()
        assert fates(record) == {"r1": "changed", "r2": "ok"}
        assert states(record, "one") == {"r1": "changed", "r2": "ok"}
        assert stage.devices["r1"].received == ["hostname b"]

    @pytest.mark.parametrize("processes", [1, 2])
    def test_own_lines_of_the_way_back_are_told_of_their_inputs(self, processes: int) -> None:
        own = NTP.replace(
            '{{ inputs.server }}"]', '{{ inputs.server }}"], rollback: ["no ntp server {{ inputs.server }}"]'
        )
        main = "on_failure: rollback\n" + CALLS.replace("steps.ntp.changed and", "host.name == 'r9' and")
        stage = running(network(3), main, ntp=own)
        stage.processes = processes
        assert set(fates(stage.run()).values()) == {"rolled_back"}
        assert stage.devices["r1"].received == ["ntp server 192.0.2.9", "no ntp server 192.0.2.9"]


class TestLimits:
    def test_a_called_workflow_may_do_no_more_than_it_and_its_caller_grant(self) -> None:
        workflow = compiled(CALLS, ntp=NTP + "permissions: [device.read]\n")
        assert workflow.step("ntp.configure").permitted == {"device.read"}
        gate = PermissionGate(load_profiles())
        denied = gate.check(GateRequest("ada", "standard", workflow, {}, ("r1",)))
        assert [(one.verdict, one.step) for one in denied] == [(Verdict.DENY, "ntp.configure")]
        stage = running(network(1), CALLS, ntp=NTP + "permissions: [device.read]\n")
        stage.gates = ()
        assert fates(stage.run()) == {"r1": "failed"}  # below the gates the guard holds it too
        assert stage.devices["r1"].received == []

    def test_profiles_only_go_down(self) -> None:
        profiles = load_profiles()
        inner = NTP + "profile: restricted\n"
        workflow = compiled(CALLS.replace("depends_on: look,", "depends_on: look, profile: standard,", 1), ntp=inner)
        assert workflow.step("ntp.configure").lowered_to == ("standard", "restricted")
        raising = compiled(CALLS, ntp=NTP + "profile: elevated\n")
        (denied,) = PermissionGate(profiles).check(GateRequest("ada", "standard", raising, {}, ("r1",)))[:1]
        assert "would raise" in denied.reason


@pytest.mark.parametrize("key", BORNE)
def test_wherever_its_process_dies_it_ends_the_same(key: str) -> None:
    main = TestRepeated.MAIN.replace("depends_on: look,", f"depends_on: look, {key},")

    def script(stage: Stage) -> Stage:
        return running(stage, main, {"servers": ["192.0.2.9", "192.0.2.11"]}, ntp=NTP)  # the second one fails

    def devices() -> dict[str, Mortal]:
        return {name: Mortal(CONFIG.format(name)) for name in ("r1", "r2")}

    calm, record = undisturbed(script, devices())
    assert (record.state, set(states(record, "ntp.2.verify").values())) == (RunState.SUCCEEDED, {"failed"})
    for entry in range(1, calm.counts[0] + 1):
        calm, story = both(script, devices, Death(entry, after=bool(entry % 2)))
        assert story.end == calm.end, entry
