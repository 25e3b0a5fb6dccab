"""Reports of runs in every form: what stands in them, and that nothing that a device or a person said becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.app.reports.html import report_html
from nornflow.app.reports.markdown import code, escaped
from nornflow.app.reports.shown import changes, clean, seconds
from nornflow.app.services.report import DeviceReport, Look, Report, StateDifference
from nornflow.cli.report_view import report_in
from nornflow.model.approval import Answer, Approval
from nornflow.model.event import Event, EventKind
from nornflow.model.journal import Sent
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep, Rehearsal, Risk
from nornflow.model.run import (
    BatchRecord,
    CheckRecord,
    HostRecord,
    HostState,
    RunRecord,
    RunState,
    StepRecord,
    StepResult,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DIFF = "--- before\n+++ after\n@@ -1 +1,2 @@\n ntp server 192.0.2.1\n+ntp server 192.0.2.9\n"
FORMS = ("text", "markdown", "html", "json", "junit")


def device(name: str, state: HostState = HostState.CHANGED, *, text: str = "", **keys: Any) -> DeviceReport:
    planned = PlannedStep("configure", name, ("ntp server 192.0.2.9",), diff=DIFF, method=Method.PROVEN)
    rehearsed = Rehearsal(Method.PROVEN, ("no ntp server 192.0.2.9",), f"played on a twin{text}")
    result = StepResult(state, diff=DIFF, started_at=NOON, completed_at=NOON, duration=1.5, error=text, stdout=text)
    step = StepRecord("configure", "netmiko.config", state, NOON, NOON + timedelta(seconds=2), hosts={name: result})
    found = StateDifference(f"bgp.10.0.0.5.state{text}", f"up{text}", f"down{text}", "changed", "collateral")
    meant = StateDifference(
        "ntp.192.0.2.9", None, {"server": f"192.0.2.9{text}"}, "new", "intended", f"ntp server{text}"
    )
    given: dict[str, Any] = {
        "plan": HostPlan(name, "cisco_ios", (planned,), rollback=rehearsed, risks=(Risk(text, text, f"why{text}"),)),
        "steps": ((step, result),),
        "sent": (Sent("configure", name, (f"ntp server 192.0.2.9{text}",), "netmiko"),),
        "differences": (found, meant),
        "counts": {"collateral": 1, "intended": 1, "noise": 2},
        "looks": (Look(f"bgp{text}", [{"peer": f"10.0.0.5{text}"}], f"text{text}"),),
        **keys,
    }
    return DeviceReport(HostRecord(name, state, 1, error=text, hint=text, diff=DIFF, rollback=text), **given)


def report(*devices: DeviceReport, text: str = "", **keys: Any) -> Report:
    steps = tuple(step for each in devices for step, _ in each.steps)
    if keys.pop("once", False):
        steps += (StepRecord("tell", "shell", HostState.OK, NOON, NOON, StepResult(stdout=text, warning=text)),)
    check = CheckRecord(f"sessions{text}", HostState.FAILED, (f"r1{text}",), f"a session is down{text}")
    record = RunRecord(
        "20261121-120000-aaaaaa",
        f"ntp-rollout{text}",
        "1.0",
        keys.pop("state", RunState.SUCCEEDED),
        f"ada{text}",
        f"standard{text}",
        inputs={f"servers{text}": [f"192.0.2.9{text}"]},
        outputs={f"changed{text}": text},
        steps=steps,
        hosts=tuple(each.record for each in devices),
        started_at=NOON,
        completed_at=NOON + timedelta(seconds=75),
        error=text,
        hint=text,
        security_events=({"kind": "x", "message": text, "step": text, "host": text},) if text else (),
        resumed_by=(f"bob{text}",) if text else (),
        batches=(
            BatchRecord(1, f"site == 'lab'{text}", 2, (f"r1{text}",), False, (check,)),
            BatchRecord(2, "1", good=True),
            BatchRecord(3, "100%", 4),
        ),
    )
    plan = Plan("ntp-rollout", "1.0", "standard", {}, tuple(each.plan for each in devices if each.plan))
    said = Approval("a" * 64, f"grace{text}", Answer.APPROVED, NOON, f"seen with the board{text}", f"--yes{text}")
    decided = Event(EventKind.GATE_DECIDED, NOON, "r", text, text, f"a freeze{text}", {"gate": text, "verdict": "hold"})
    begun = Event(EventKind.BATCH_STARTED, NOON, "r", message=text, data={"batch": 1, "of": 1, "state": text})
    made = Report(record, plan, (said,), (decided,), (begun,), devices)
    return replace(made, **keys)


class Parsed(HTMLParser):
    """What a browser would make of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._within: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._within or self._within[-1] != "style" or "{" not in data:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


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


ATTACKS = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></details></main><iframe src=//evil.example>",
    "<svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;",
    "]]><!--",
    "\x1b[2J\u202e\x00\ud800",
)


class TestHtml:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_nothing_that_anybody_said_becomes_markup(self, attack: str) -> None:
        honest = Parsed(report_html(report(device("r1", text="x"), text="x", once=True), "1"))
        name = f"r1{attack}"
        found = Parsed(report_html(report(device(name, text=attack), text=attack, once=True), "1"))
        assert [tag for tag, _ in found.tags] == [tag for tag, _ in honest.tags]
        assert clean(" ".join(attack.split())) in found.text
        for tag, attributes in found.tags:
            assert tag not in ("script", "iframe", "img", "object", "embed", "link", "base", "form")
            assert not [key for key in attributes if key.startswith("on") or key == "style"], tag
            assert set(attributes) <= {
                *("class", "id", "href", "open", "lang", "charset", "http-equiv", "content", "name", "viewbox"),
                *("preserveaspectratio", "aria-hidden", "width", "height", "rx", "x"),
            }
            assert (attributes.get("href") or "#").startswith("#")

    def test_a_browser_is_told_to_run_nothing_and_to_ask_nobody(self) -> None:
        text = report_html(report(device("r1")), "1")
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
        assert policy is not None
        rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
        (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        expected = {
            "default-src": "'none'",
            "style-src": f"'sha256-{digest}'",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
        assert rules == expected
        assert "url(" not in style
        assert "@import" not in style
        assert not re.search(r"(?:https?:)?//[a-z]", text)

    @settings(max_examples=15)
    @given(st.text(max_size=80))
    def test_no_text_changes_the_shape_of_the_document(self, text: str) -> None:
        shape = [tag for tag, _ in Parsed(report_html(report(device("r1", text="x"), text="x", once=True), "1")).tags]
        if text:
            assert [
                tag for tag, _ in Parsed(report_html(report(device("r1", text=text), text=text, once=True), "1")).tags
            ] == shape

    def test_the_report_of_a_thousand_devices_can_be_read(self) -> None:
        rows = [{"peer": f"10.0.{n}.1", "state": "up", "description": "x" * 60} for n in range(200)]
        many = [device(f"r{n}", looks=(Look("bgp", rows, rows),)) for n in range(1000)]
        calm = [replace(each, counts={"collateral": 0, "intended": 1, "noise": 1}) for each in many[1:]]
        worst = report_html(report(*many), "1")
        assert worst.count("State before and after") == 50
        text = report_html(report(many[0], *calm), "1")
        assert max(len(text), len(worst)) < 8_000_000
        assert text.count("State before and after") == 1  # of the device that has something to explain
        assert "r0, r1, r2, r3, r4, r5, r6, r7 and 992 more (1000 devices)" in text
        assert text.index("1,000</b><span>changed") < text.index("<h2>Devices")


def without_blocks(text: str) -> str:
    return re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


class TestMarkdown:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_no_tag_of_theirs_and_no_row_too_many(self, attack: str) -> None:
        def shape(text: str) -> list[int]:
            lines = without_blocks(report_in("markdown", report(device("r1", text=text), text=text))).splitlines()
            return [len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")]

        assert shape(f"{attack}|\n| a | b |") == shape("x")
        text = report_in("markdown", report(device(f"r1{attack}", text=attack), text=attack))
        outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", without_blocks(text))
        assert set(re.findall(r"<[^>]*>", outside)) <= {"<details>", "</details>", "<summary>", "</summary>"}

    def test_a_fence_in_an_output_does_not_end_the_block(self) -> None:
        text = report_in("markdown", report(device("r1", text="\n````\n<b>\n````")))
        assert "`````" in text

    @given(st.text(max_size=40))
    def test_escaped_text_has_one_line_and_no_markup(self, text: str) -> None:
        line = escaped(text)
        assert "\n" not in line
        assert not re.search(r"(?<!\\)(?:\\\\)*[|*`\[\]]", line)
        assert "<" not in line
        assert "\n" not in code(text)

    def test_words_stay_readable(self) -> None:
        assert escaped("rolled_back r1-core.ams 10.0.0.1") == "rolled_back r1-core.ams 10.0.0.1"
        assert escaped("__init__ *x*") == r"\_\_init\_\_ \*x\*"
        assert code("a`b|c") == r"``a`b\|c``"


ATTRIBUTES = {
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"name", "classname", "time"},
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "skipped": {"message"},
}
INSIDE = {
    "testsuite": ["properties", "testcase"],
    "testcase": ["skipped", "failure", "system-out", "system-err"],
    "properties": ["property"],
}


class TestJunit:
    """The shape of the files that Jenkins' junit.xsd describes: elements in its order, the attributes that it knows."""

    @pytest.mark.parametrize("attack", ["", *ATTACKS])
    def test_it_has_the_shape_that_pipelines_read(self, attack: str) -> None:
        failed = device("r2", HostState.FAILED, text=f"not this line{attack}")
        skipped = device("r3", HostState.SKIPPED)
        text = report_in("junit", report(device("r1"), failed, skipped, text=attack))
        suite = ElementTree.fromstring(text)
        for element in suite.iter():
            assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set())
            order = INSIDE.get(element.tag, [])
            assert [order.index(child.tag) for child in element] == sorted(order.index(child.tag) for child in element)
        assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
            "tests": "3",
            "failures": "1",
            "errors": "0",
            "skipped": "1",
        }
        assert suite.get("timestamp") == "2026-11-21T12:00:00"
        properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
        assert properties["plan"] == "a" * 64


def test_lengths_of_time_in_words() -> None:
    assert [seconds(value) for value in (0, 9.96, 42, 75, 3600, 9000)] == [
        *("0.0 s", "10.0 s", "42 s", "1 min 15 s", "1 h 00 min", "2 h 30 min")
    ]


def test_what_hides_text_or_turns_it_round_is_shown_by_its_number() -> None:
    assert clean("a\x1b[1m\u202eb\u200bc\nd\te\r") == "a\\x1b[1m\\u202eb\\u200bc\nd\te"


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
