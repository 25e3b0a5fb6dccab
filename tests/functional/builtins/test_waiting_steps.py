"""The steps that wait: what they wait for, and which keys they take."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nornflow import Awaited, StepContext, WaitKind
from nornflow.app.build import load_project
from nornflow.app.services.validate import validate_file
from nornflow.model.approval import Answer, Approval
from nornflow.model.wait import Wait
from nornflow_builtins.approval import ApprovalStep
from nornflow_builtins.wait import WaitStep
from nornflow_builtins.windows import DAYS, window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday
"""When all of it happens, unless it is said otherwise."""


def awaited(step: ApprovalStep | WaitStep, moment: datetime = NOON, **keys: Any) -> Awaited | None:
    context: Any = type("Context", (), {"clock": staticmethod(lambda: moment)})
    return step.awaits(context, step.Params.model_validate(keys))  # type: ignore[arg-type]


def until(moment: datetime = NOON, **keys: Any) -> datetime | None:
    found = awaited(WaitStep(), moment, **keys)
    return None if found is None else found.until


class TestWait:
    def test_for_a_while(self) -> None:
        assert until(**{"for": "10m"}) == NOON + timedelta(minutes=10)
        assert until(**{"for": 90}) == NOON + timedelta(seconds=90)

    def test_until_a_moment_wherever_it_is_told(self) -> None:
        assert until(at="2026-11-23T02:00:00+01:00") == datetime(2026, 11, 23, 1, tzinfo=UTC)
        assert until(at="2026-11-22T12:00:00Z") is None  # it has come

    def test_for_a_signal(self) -> None:
        found = awaited(WaitStep(), signal="ci-done", expires="2h")
        assert found == Awaited(WaitKind.SIGNAL, signal="ci-done", expires=7200)

    def test_for_a_window_and_the_next_one_when_it_was_missed(self) -> None:
        night = {"start": "02:00", "end": "04:00", "days": ["mon"], "timezone": "Europe/Amsterdam"}
        found = awaited(WaitStep(), window=night)
        begins, ends = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (1, 3))
        assert found == Awaited(WaitKind.TIME, until=begins, latest=ends)
        assert until(begins, window=night) is None
        assert until(ends - timedelta(seconds=1), window=night) is None
        assert until(ends, window=night) == begins + timedelta(days=7)

    @pytest.mark.parametrize(
        ("keys", "why"),
        [
            ({}, "just one of"),
            ({"for": "1m", "signal": "x"}, "not for and signal"),
            ({"for": "soon"}, "no length of time"),
            ({"for": 0}, "one second to a year"),
            ({"for": True}, "no length of time"),
            ({"for": "10m", "expires": "1h"}, "`expires` is for a signal"),
            ({"at": "2026-11-23T02:00:00"}, "needs its place"),
            ({"at": "tomorrow"}, "'tomorrow' is no moment"),
            ({"at": 20261123}, "20261123 is no moment"),
            ({"at": "20261123"}, "needs its place"),
            ({"at": "1e9"}, "is no moment"),
            ({"at": "9999-12-31T23:59:59-10:00"}, "beyond every calendar"),
            ({"signal": "@ci"}, "should match pattern"),
            ({"window": {"start": "2", "end": "04:00"}}, "no hour of the clock"),
            ({"window": {"start": "02:00+01:00", "end": "04:00"}}, "that is `timezone`"),
            ({"window": {"start": "02:00", "end": "04:00", "timezone": "Atlantis/Main"}}, "no time zone"),
            ({"window": {"start": "02:00", "end": "04:00", "days": ["monday"]}}, "Input should be"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, keys: dict[str, Any], why: str) -> None:
        with pytest.raises(ValidationError, match=why):
            WaitStep().Params.model_validate(keys)

    def test_a_few_seconds_are_slept_and_need_no_store(self) -> None:
        assert not WaitStep().waits({"for": "5s"})
        for keys in ({"for": "6s"}, {"for": "{{ inputs.time }}"}, {"signal": "x"}):
            assert WaitStep().waits(keys), keys


class TestWindows:
    @given(
        st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
        st.times(),
        st.times(),
        st.sets(st.sampled_from(DAYS)),
        st.sampled_from(["UTC", "Europe/Amsterdam", "America/New_York", "Pacific/Chatham"]),
    )
    def test_a_window_begins_on_its_day_and_has_not_ended(
        self, moment: datetime, start: time, end: time, days: set[str], place: str
    ) -> None:
        zone = ZoneInfo(place)
        begins, ends = window(moment, start, end, days, zone)
        assert begins < ends
        assert moment < ends
        assert begins - moment < timedelta(days=16)
        local = begins.astimezone(zone)
        assert not days or DAYS[local.weekday()] in days or local.date() == date.min

    def test_one_that_a_clock_leaves_out_is_the_next_one(self) -> None:
        amsterdam, eve = ZoneInfo("Europe/Amsterdam"), datetime(2027, 3, 27, 12, tzinfo=UTC)
        begins, ends = window(eve, time(2, 30), time(3), (), amsterdam)  # on the 28th there is no 02:30
        assert (begins, ends) == (datetime(2027, 3, 29, 0, 30, tzinfo=UTC), datetime(2027, 3, 29, 1, tzinfo=UTC))
        assert window(eve, time(2, 30), time(3), ("sun",), amsterdam)[0].date() == date(2027, 4, 4)

    def test_it_may_end_on_the_next_day(self) -> None:
        begins, ends = window(NOON, time(22), time(4))
        assert (begins, ends) == (NOON.replace(hour=22), NOON.replace(hour=4) + timedelta(days=1))
        early = NOON.replace(hour=3)
        assert window(early, time(22), time(4))[0] == NOON.replace(hour=22) - timedelta(days=1)


class TestApproval:
    def test_who_has_to_say_yes(self) -> None:
        keys = {"approvers": 2, "groups": ["netops"], "users": ["dora"], "expires": "24h", "remind": "1h"}
        found = awaited(ApprovalStep(), text="go on?", different_from=["board"], **keys)
        assert found == Awaited(
            WaitKind.APPROVAL, "go on?", 2, ("dora", "@netops"), ("board",), expires=86_400, remind=3600
        )

    def test_fewer_people_than_have_to_approve_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="names 1 users, and 2 must approve"):
            ApprovalStep().Params.model_validate({"approvers": 2, "users": ["dora", "dora"]})

    def test_who_is_reminded_can_still_answer(self) -> None:
        with pytest.raises(ValidationError, match="reminds when it is too late"):
            ApprovalStep().Params.model_validate({"expires": "1h", "remind": "1h"})

    def test_it_tells_who_said_it(self) -> None:
        said = [
            Approval("h", user, answer, NOON, comment)
            for user, answer, comment in (
                ("bob", Answer.REJECTED, "wait"),
                ("bob", Answer.APPROVED, "now it is fine"),
                ("dora", Answer.APPROVED, ""),
            )
        ]
        wait = Wait("run-1", 1, "board", 0, Awaited(WaitKind.APPROVAL), NOON, answers=tuple(said))
        context: Any = type("Context", (), {"wait": replace(wait)})
        told: StepContext = context
        result = ApprovalStep().apply(told, ApprovalStep.Params.model_validate({}))
        assert result.outputs == {
            "approved_by": ["bob", "dora"],
            "comments": {"bob": "now it is fine"},
            "approved_at": NOON.isoformat(),
        }


class TestInAWorkflow:
    @pytest.mark.parametrize(
        ("wanted", "found"),
        [("[a]", []), ("[b]", ["NFB101"]), ("[say, nobody]", ["NFB101", "NFB101"]), ("['{{ inputs.x }}']", [])],
    )
    def test_an_approval_differs_from_other_approvals_alone(
        self, tmp_path: Path, wanted: str, found: list[str]
    ) -> None:
        file = tmp_path / "change.yaml"
        file.write_text(
            "name: change\nversion: 1.0\ninputs: {x: {type: string}}\nsteps:\n  - {id: a, type: approval}\n"
            f"  - {{id: b, type: approval, different_from: {wanted}}}\n  - {{id: say, type: note, text: hello}}\n"
        )
        self.check(file, found)
        (tmp_path / "caller.yaml").write_text(
            "name: caller\nversion: 1.0\nsteps:\n  - {id: call, type: workflow, file: change.yaml}\n"
        )
        self.check(tmp_path / "caller.yaml", found)  # there the steps have other ids

    def test_whoever_calls_a_workflow_that_waits_waits_itself(self, tmp_path: Path) -> None:
        (tmp_path / "asks.yaml").write_text("name: asks\nversion: 1.0\nsteps:\n  - {id: a, type: approval}\n")
        change = (
            "name: change\nversion: 1.0\nCONFIRM\nsteps:\n"
            "  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.1]}\n"
            "  - {id: ask, type: workflow, file: asks.yaml, depends_on: [configure]}\n"
            "  - {id: look, type: netmiko.command, depends_on: [ask, configure], command: show clock}\n"
        )
        for confirm, found in (("", []), ("confirm: {within: 5m}", ["NF210"])):
            (tmp_path / "change.yaml").write_text(change.replace("CONFIRM", confirm))
            self.check(tmp_path / "change.yaml", found)

    def check(self, file: Path, found: list[str]) -> None:
        """Compile a file and hear what is wrong with it."""
        result, _ = validate_file(file, load_project(file.parent))
        assert [one.code for one in result.diagnostics] == found

    @pytest.mark.parametrize(("repeated", "found"), [("", []), (", for_each: [1, 2]", ["NFB101"])])
    def test_an_approval_does_not_differ_from_one_that_is_asked_for_an_unknown_number_of_times(
        self, tmp_path: Path, repeated: str, found: list[str]
    ) -> None:
        """They would be `part.1.a` and `part.2.a`: somebody might say yes to both, and nobody would notice."""
        (tmp_path / "part.yaml").write_text("name: part\nversion: 1.0\nsteps:\n  - {id: a, type: approval}\n")
        file = tmp_path / "change.yaml"
        file.write_text(
            f"name: change\nversion: 1.0\nsteps:\n  - {{id: part, type: workflow, file: part.yaml{repeated}}}\n"
            "  - {id: ask, type: approval, different_from: [part.a]}\n"
        )
        self.check(file, found)
