"""No form of a report becomes anything else by what a device or a person said."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.app.reports.html import report_html
from nornflow.app.reports.markdown import code, escaped
from nornflow.app.reports.shown import clean
from nornflow.app.services.report import Look
from nornflow.cli.report_view import report_in
from nornflow.model.run import (
    HostState,
)
from reported import ATTACKS, Parsed, device, report


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


def test_what_hides_text_or_turns_it_round_is_shown_by_its_number() -> None:
    assert clean("a\x1b[1m\u202eb\u200bc\nd\te\r") == "a\\x1b[1m\\u202eb\\u200bc\nd\te"
