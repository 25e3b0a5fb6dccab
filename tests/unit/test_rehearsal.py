"""While a change is planned its way back is rehearsed: on a twin where one can run, else on the text, and never in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

import nornflow.engine.plans.twins as twins
from engine_stage import CONFIG, Stage, changing, fates, network
from nornflow.abc import Stage as TwinStage
from nornflow.abc import Twin
from nornflow.errors import DeviceError, LineRejected
from nornflow.model.device import HostView
from nornflow.model.plan import HostPlan, Method
from nornflow.model.run import RunState
from nornflow.model.step import OnFailure
from nornflow.planning.predict import predict
from nornflow.platforms.load import platform_for
from nornflow.testing.fakes import FakeDevice

IOS = platform_for("ios")


class Scratch(TwinStage):
    """A scratch device in memory that takes lines as the text model does, and adds a remark of its own."""

    def __init__(self, twin: Double) -> None:
        self._twin = twin
        self._config = ""

    def load(self, host: HostView, running: str, lines: Sequence[str]) -> str:
        self._twin.trouble("load", host.name)
        self._config = running
        return self._twin.shown(running)

    def apply(self, lines: Sequence[str]) -> str:
        self._twin.trouble("apply", "\n".join(lines))
        for line in lines:
            if line in self._twin.refused:
                raise LineRejected(f"the twin refused the line {line!r}: % Invalid", line=line)
        more = ["ntp logging" for line in lines if line == "ntp server 192.0.2.9" and self._twin.remarks]
        self._config = predict(self._config, [*lines, *more], IOS).text
        return self._config

    def lines_to(self, wanted: str) -> Sequence[str]:
        self._twin.trouble("tool", wanted)
        return self._twin.own_way


class Double(Twin):
    """Stands in for IOS routers, in memory."""

    name = "double"
    platforms = frozenset(("cisco_ios",))

    def __init__(self, *, at_once: int = 2, obstacle: str = "", remarks: bool = False) -> None:
        self.at_once = at_once  # type: ignore[misc]
        self.problem = obstacle
        self.remarks = remarks
        self.refused: tuple[str, ...] = ()
        self.own_way: tuple[str, ...] = ()
        self.trouble: Callable[[str, str], None] = lambda move, about: None
        self.shown: Callable[[str], Any] = lambda text: text
        self.stages = 0
        self.left = 0

    def obstacle(self) -> str:
        return self.problem

    @contextmanager
    def stage(self) -> Iterator[Scratch]:
        self.stages += 1
        try:
            yield Scratch(self)
        finally:
            self.left += 1


def planned(stage: Stage, twin: Twin | None = None) -> dict[str, HostPlan]:
    stage.twins = (twin,) if twin else ()
    plan, _ = stage.prepare().plan()
    return {host.host: host for host in plan.hosts}


class TestOnTheText:
    def test_lines_that_bring_the_text_back_are_a_model(self) -> None:
        host = planned(changing(network(1)))["r1"]
        assert host.rollback is not None
        assert (host.rollback.method, host.rollback.lines) == (Method.MODEL, ("no ntp server 192.0.2.9",))
        assert host.rollback.evidence == "predicted on the text"

    def test_what_does_not_come_back_on_the_text_is_impossible_and_says_what_is_left(self) -> None:
        stage = changing(network(1), rollback=("snmp-server contact somebody",))
        host = planned(stage)["r1"]
        assert host.rollback is not None
        assert host.rollback.method is Method.MODEL, "the difference takes it away again"
        mistaken = network(1).step("configure", "fake.configure", lines=["interface range Gi1 - 2", " shutdown"])
        host = planned(mistaken)["r1"]
        assert host.rollback is not None
        assert host.rollback.method is Method.IMPOSSIBLE
        assert "cannot be told from text" in host.rollback.evidence

    def test_nothing_to_change_needs_no_way_back(self) -> None:
        host = planned(network(1).step("configure", "fake.configure", lines=["ntp server 192.0.2.1"]))["r1"]
        assert host.rollback is None

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (lambda stage: stage.step("api", "fake.api"), "what step api changes is not sent as configuration lines"),
            (
                lambda stage: stage.step("act", "fake.configure", lines=["exec:clear ip bgp *"]),
                "what `clear ip bgp *` of step act does cannot be taken back",
            ),
            (lambda stage: changing(stage, rollback=False), "step configure is never taken back (`rollback: false`)"),
        ],
    )
    def test_what_no_line_takes_back_is_said(self, make: Callable[[Stage], Stage], said: str) -> None:
        rollback = planned(make(network(1)))["r1"].rollback
        assert rollback is not None
        assert rollback.method is Method.IMPOSSIBLE
        assert said in rollback.evidence


class TestOnATwin:
    def test_what_the_twin_shows_is_the_plan_and_its_way_back_is_proven(self) -> None:
        twin = Double(remarks=True)
        host = planned(changing(network(1)), twin)["r1"]
        (step,) = host.steps
        assert step.method is Method.PROVEN
        assert "+ntp logging" in step.diff
        assert "another diff than the text model" in step.note
        assert host.rollback is not None
        assert host.rollback.method is Method.PROVEN
        assert set(host.rollback.lines) == {"no ntp server 192.0.2.9", "no ntp logging"}
        assert "the pre-image again, line for line, after 1 pass" in host.rollback.evidence

    def test_every_step_has_its_own_diff(self) -> None:
        stage = changing(network(1)).step("more", "fake.configure", "configure", lines=["ntp server 192.0.2.10"])
        host = planned(stage, Double())["r1"]
        assert [[line for line in step.diff.splitlines() if line[0] in "+-"][2:] for step in host.steps] == [
            ["+ntp server 192.0.2.9"],
            ["+ntp server 192.0.2.10"],
        ]
        assert {step.method for step in host.steps} == {Method.PROVEN}

    def test_the_makers_own_tool_is_tried_where_the_models_lines_are_refused(self) -> None:
        twin = Double()
        twin.refused = ("no ntp server 192.0.2.9",)
        twin.own_way = ("default ntp server 192.0.2.9", " no  ntp server 192.0.2.9")
        host = planned(changing(network(1)), twin)["r1"]
        assert host.rollback is not None
        assert host.rollback.method is Method.PROVEN, host.rollback.evidence
        assert host.rollback.lines == twin.own_way

    def test_where_no_way_leads_back_nothing_is_claimed(self) -> None:
        twin = Double()
        twin.refused = ("no ntp server 192.0.2.9",)
        host = planned(changing(network(1)), twin)["r1"]
        assert host.rollback is not None
        assert host.rollback.method is Method.IMPOSSIBLE
        assert "not the pre-image" in host.rollback.evidence
        assert host.rollback.lines == ()

    def test_a_tool_that_fails_does_not_hide_what_the_twin_showed(self) -> None:
        twin = Double()
        twin.refused = ("no ntp server 192.0.2.9",)

        def trouble(move: str, about: str) -> None:
            if move == "tool":
                raise DeviceError("the tool is not there")

        twin.trouble = trouble
        host = planned(changing(network(1)), twin)["r1"]
        assert host.rollback is not None
        assert host.rollback.method is Method.IMPOSSIBLE
        assert "refused the line 'no ntp server 192.0.2.9'" in host.rollback.evidence

    def test_many_devices_share_few_stages_and_leave_none(self) -> None:
        twin = Double(at_once=3)
        hosts = planned(changing(network(9)), twin)
        assert {host.rollback.method for host in hosts.values() if host.rollback} == {Method.PROVEN}
        assert twin.stages <= 3
        assert twin.left == twin.stages


class TestTheTwinFails:
    """The verdict is the text's then, and says what became of the twin."""

    def modelled(self, twin: Double, count: int = 1) -> str:
        host = planned(changing(network(count)), twin)["r1"]
        assert host.rollback is not None
        assert host.rollback.method is Method.MODEL
        assert host.steps[0].method is Method.MODEL
        assert host.rollback.evidence.startswith("predicted on the text; not on the twin double: ")
        return host.rollback.evidence.removeprefix("predicted on the text; not on the twin double: ")

    def test_it_cannot_run_here(self) -> None:
        assert self.modelled(Double(obstacle="it needs root")) == "it needs root"

    def test_it_dies_in_the_middle_and_the_next_device_gets_a_new_one(self) -> None:
        twin = Double(at_once=1)

        def trouble(move: str, about: str) -> None:
            if (move, twin.stages) == ("apply", 1):
                raise OSError("it is gone")

        twin.trouble = trouble
        hosts = planned(changing(network(3)), twin)
        assert [host.rollback.method.value for host in hosts.values() if host.rollback] == ["model", "proven", "proven"]
        assert hosts["r1"].rollback is not None
        assert "OSError: it is gone" in hosts["r1"].rollback.evidence
        assert (twin.stages, twin.left) == (2, 2)

    @pytest.mark.parametrize("garbage", ["", "%%% ERROR", None, 7, b"\xff\xfe"])
    def test_its_answer_is_garbage(self, garbage: object) -> None:
        twin = Double()
        twin.shown = lambda text: garbage
        assert self.modelled(twin)

    def test_it_is_another_device(self) -> None:
        twin = Double()
        twin.shown = lambda text: text.replace("192.0.2.1", "192.0.2.77")
        assert "it did not become the device" in self.modelled(twin)

    def test_it_does_not_take_the_change(self) -> None:
        twin = Double()
        twin.refused = ("ntp server 192.0.2.9",)
        assert "refused the line 'ntp server 192.0.2.9'" in self.modelled(twin)

    def test_it_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(twins, "PATIENCE", 0.05)
        import threading

        ever = threading.Event()
        twin = Double()
        twin.trouble = lambda move, about: ever.wait(5)  # type: ignore[assignment,return-value]
        assert "did not answer" in self.modelled(twin)
        ever.set()


class TestAtRunTime:
    def failing(self, twin: Double, **device: Any) -> Stage:
        stage = network(0, r1=FakeDevice(CONFIG.format("r1"), **device))
        stage.workflow["on_failure"] = OnFailure.ROLLBACK
        stage.twins = (twin,)
        return changing(stage).step("verify", "fake.check", "configure", condition="false")

    def test_the_rehearsed_lines_are_the_ones_that_are_sent(self) -> None:
        twin = Double()
        twin.refused = ("no ntp server 192.0.2.9",)
        twin.own_way = ("no ntp server 192.0.2.9 ",)
        stage = self.failing(twin)
        record = stage.run()
        assert record.state is RunState.ROLLED_BACK
        assert stage.devices["r1"].received == ["ntp server 192.0.2.9", "no ntp server 192.0.2.9 "]

    def test_a_device_that_shows_something_else_goes_back_by_its_difference(self) -> None:
        twin = Double(remarks=True)  # the device adds nothing
        stage = self.failing(twin)
        record = stage.run()
        assert (record.state, fates(record)) == (RunState.ROLLED_BACK, {"r1": "rolled_back"})
        assert stage.devices["r1"].received == ["ntp server 192.0.2.9", "no ntp server 192.0.2.9"]
