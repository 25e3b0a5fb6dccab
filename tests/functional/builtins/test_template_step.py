"""The `template` step in both of its languages."""

import stat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow import NornFlowError, PolicyDenied, StepError
from nornflow_builtins import mustache
from nornflow_builtins.template import TemplateStep

TEMPLATE = TemplateStep()
DATA = {"name": "ams-1", "servers": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}], "none": [], "on": True, "site": {"id": 7}}


def test_a_jinja_file_of_the_project_becomes_a_file_of_the_workspace(run_bench: Any) -> None:
    (run_bench.project / "ntp.j2").write_text("{% for s in inputs.servers %}ntp server {{ s }}\n{% endfor %}")
    result = run_bench.run(
        TEMPLATE, {"template": "ntp.j2", "output": "out/ntp.cfg"}, {"inputs": {"servers": ["10.0.0.1", "10.0.0.2"]}}
    )
    written = run_bench.workspace / "out" / "ntp.cfg"
    assert written.read_text() == "ntp server 10.0.0.1\nntp server 10.0.0.2\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o644
    assert result.outputs == {"output_file": str(written), "template_size": 40}


def test_inline_text_and_further_variables(run_bench: Any) -> None:
    run_bench.run(
        TEMPLATE,
        {"text": "{{ inputs.n }} {{ who }}", "output": "o", "variables": {"who": "{{ inputs.n }}!"}},
        {"inputs": {"n": 3}},
    )
    assert (run_bench.workspace / "o").read_text() == "3 3!"


def test_what_cannot_be_rendered_or_written_is_an_error(run_bench: Any) -> None:
    with pytest.raises(StepError, match="nmae"):
        run_bench.run(TEMPLATE, {"text": "{{ inputs.nmae }}", "output": "o"}, {"inputs": {"name": "x"}})
    with pytest.raises(PolicyDenied):
        run_bench.run(TEMPLATE, {"text": "x", "output": "../o"})
    with pytest.raises(PolicyDenied, match=r"file\.read|file\.write"):
        run_bench.run(TEMPLATE, {"text": "x", "output": "o"}, profile="plan_only")
    with pytest.raises(StepError, match="either `template`"):
        run_bench.run(TEMPLATE, {"text": "x", "template": "y", "output": "o"})
    assert list(run_bench.workspace.iterdir()) == []


def test_mustache_by_the_step(run_bench: Any) -> None:
    run_bench.run(
        TEMPLATE,
        {"text": "{{#inputs.servers}}\nntp server {{.}}\n{{/inputs.servers}}\n", "output": "o", "engine": "mustache"},
        {"inputs": {"servers": ["a", "b"]}},
    )
    assert (run_bench.workspace / "o").read_text() == "ntp server a\nntp server b\n"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("hostname {{name}}", "hostname ams-1"),
        ("{{{name}}} {{&name}} {{! a comment }}{{site.id}}", "ams-1 ams-1 7"),
        ("{{#servers}}{{ip}},{{/servers}}", "10.0.0.1,10.0.0.2,"),
        ("{{#servers}}{{name}}:{{ip}} {{/servers}}", "ams-1:10.0.0.1 ams-1:10.0.0.2 "),
        ("{{^none}}nothing{{/none}}{{#none}}x{{/none}}{{^on}}y{{/on}}", "nothing"),
        ("{{#site}}{{id}}{{/site}}{{#unknown}}x{{/unknown}}", "7"),
        ("a\n  {{#on}}\nb\n  {{/on}}\nc\n", "a\nb\nc\n"),
        ("{{#on}}{{#on}}x{{/on}}{{/on}}", "x"),
        ("{{servers.1.ip}}", "10.0.0.2"),
        ("no < escaping & here {{name}}", "no < escaping & here ams-1"),
    ],
)
def test_mustache(template: str, text: str) -> None:
    assert mustache.render(template, DATA, 1000) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{unknown}}",
        "{{name.__class__}}",
        "{{#name.format}}{0.__class__}{{/name.format}}{{name.upper}}",
        "{{servers.append}}",
        "{{#on}}open",
        "close{{/on}}",
        "{{#on}}{{#site}}{{/on}}{{/site}}",
        "{{> partial}}",
        "{{=<% %>=}}",
        "{{#on}}" * 60 + "{{/on}}" * 60,
    ],
)
def test_mustache_refuses(template: str) -> None:
    with pytest.raises(StepError, match="mustache"):
        mustache.render(template, DATA, 1000)


def test_mustache_is_bounded() -> None:
    items = {"a": list(range(100))}
    with pytest.raises(StepError, match="too long"):
        mustache.render("{{#a}}{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}{{/a}}", items, 100_000)


@given(st.text(alphabet="{}#^/!&>=ab. \n", max_size=60))
def test_mustache_answers_or_refuses_anything(template: str) -> None:
    try:
        text = mustache.render(template, {"a": {"b": ["x"]}, "b": "y"}, 10_000)
    except NornFlowError:
        return
    assert isinstance(text, str)
