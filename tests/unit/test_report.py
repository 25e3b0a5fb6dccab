"""Reports of runs in every form: what stands in them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nornflow.app.reports.shown import changes, seconds
from nornflow.cli.report_view import report_in
from nornflow.model.event import Event, EventKind
from nornflow.model.journal import Sent
from nornflow.model.plan import HostPlan, Risk
from nornflow.model.run import (
    HostState,
    RunRecord,
    RunState,
)
from reported import DIFF, NOON, Parsed, device, report

FORMS = ("text", "markdown", "html", "json", "junit")


class TestEveryForm:
    @pytest.mark.parametrize("form", FORMS)
    def test_it_says_what_was_approved_by_whom_what_was_sent_and_how_it_ended(self, form: str) -> None:
        text = report_in(form, report(device("r1"), device("r2")))
        shown = Parsed(text).text if form == "html" else text
        for words in ("20261121-120000-aaaaaa", "ada", "grace", "a" * 64, "r1", "r2"):
            assert words in shown, words
        if form in ("text", "markdown", "html"):
            for words in ("seen with the board", "Applied exactly as it was approved.", "+ntp server 192.0.2.9"):
                assert words in shown, words
            for words in ("bgp.10.0.0.5.state", "collateral"):
                assert words in shown, words
        if form in ("markdown", "html"):
            for words in (
                "The way back: proven, played on a twin",
                "no ntp server 192.0.2.9",
                "1 min 15 s",
                "10.0.0.5",
            ):
                assert words in shown, words

    @pytest.mark.parametrize("form", FORMS)
    def test_a_run_that_has_not_ended_and_one_without_devices_have_one_too(self, form: str) -> None:
        running = report(state=RunState.RUNNING, approvals=(), plan=None)
        assert "20261121-120000-aaaaaa" in report_in(form, running)
        assert report_in(form, replace(running, record=RunRecord("x", "w", "1.0", RunState.PENDING, "ada", "standard")))

    def test_json_has_the_record_and_what_stands_beside_it(self) -> None:
        found = json.loads(report_in("json", report(device("r1"))))
        assert found["id"] == "20261121-120000-aaaaaa"
        beside = found["report"]
        assert beside["plan"] == "a" * 64
        assert beside["approvals"][0]["comment"] == "seen with the board"
        assert beside["sent"][0]["lines"] == ["ntp server 192.0.2.9"]
        assert (beside["as_approved"], beside["states"]["r1"]["noise"]) == ({"r1": True}, 2)

    @pytest.mark.parametrize("form", FORMS)
    def test_a_plan_that_was_applied_from_a_file_is_named_by_the_files_hash(self, form: str) -> None:
        text = report_in(form, report(device("r1"), sealed="b" * 64))
        assert "b" * 64 in text

    @pytest.mark.parametrize("form", ["markdown", "html"])
    def test_what_was_kept_sealed_is_said_to_be_and_not_shown(self, form: str) -> None:
        text = report_in(form, report(device("r1", sent=(Sent("configure", "r1", hidden=True),))))
        assert "lines with a secret, kept sealed" in text

    def test_devices_that_changed_alike_are_one_change(self) -> None:
        other = device("r3")
        other = replace(other, record=replace(other.record, diff=DIFF.replace("192.0.2.9", "192.0.2.8")))
        back = device("r4", HostState.ROLLED_BACK)
        late = replace(device("r5"), plan=None)
        found = changes(report(device("r1"), device("r2"), other, back, late))
        assert [(change.devices, change.verdict.partition(".")[0]) for change in found] == [
            (("r1", "r2"), "Applied exactly as it was approved"),
            (("r3",), "What was applied is not what was approved"),
            (("r4",), "Applied exactly as it was approved"),
            (("r5",), "It was planned when it was applied: no plan that was asked about holds it"),
        ]
        assert [change.taken_back for change in found] == [False, False, True, False]

    @pytest.mark.parametrize("form", ["text", "markdown", "html"])
    def test_what_a_gate_said_about_many_devices_is_told_once(self, form: str) -> None:
        held = tuple(
            Event(
                EventKind.GATE_DECIDED,
                NOON,
                "r",
                "configure",
                f"r{n}",
                f"r{n}: a freeze",
                {"gate": "x", "verdict": "hold"},
            )
            for n in range(1, 1001)
        )
        risk = Risk("configure", "interface Gi1 / shutdown", "it is the way in")
        many = [replace(device(f"r{n}"), plan=HostPlan(f"r{n}", risks=(risk,))) for n in range(1, 1001)]
        text = report_in(form, report(*many, gates=held))
        assert text.count("a freeze") == 1
        assert text.count("it is the way in") == (form != "text")


def test_lengths_of_time_in_words() -> None:
    assert [seconds(value) for value in (0, 9.96, 42, 75, 3600, 9000)] == [
        *("0.0 s", "10.0 s", "42 s", "1 min 15 s", "1 h 00 min", "2 h 30 min")
    ]


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_each_batch_stands_there_with_what_its_checks_found(form: str) -> None:
    text = report_in(form, report(device("r1")))
    words = " ".join(Parsed(text).texts) if form == "html" else text
    for told in (
        "not good: r1 failed",
        "sessions failed: a session is down",
        "no device was left for it",
        "not found out",
    ):
        assert told in words
