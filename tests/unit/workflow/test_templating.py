"""Templates are strict about missing names, keep types where they stand alone, and split commands before they render."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nornflow.errors import ExpressionError
from nornflow.redaction import MASK, Secret
from nornflow.registration import TemplateFilter
from nornflow.workflow.syntax import ExpressionSyntax
from nornflow.workflow.templating import Renderer, has_template
from nornflow.workflow.words import split_words

STEPS = ("run-tests", "run", "plain")
NAMES: Mapping[str, Any] = {
    "inputs": {"name": "Ann", "count": 3, "list": ["a b", "c"], "none": None, "items": "a key", "flag": True},
    "steps": {"run-tests": {"stdout": "fine", "lines": [1, 2]}, "plain": {"x": 1}},
    "data": {"b": 2, "a": 1},
    "evil": "x; rm -rf / && $(reboot) `id` | tee 'q' \"r\"",
}


def render(text: str) -> Any:
    return Renderer(step_ids=STEPS).render(text, NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no template", "no template"),
        ("{{ inputs.count }}", 3),
        ("{{ inputs.count }} ", "3 "),
        ("{{ inputs.list }}", ["a b", "c"]),
        ("{{ inputs.flag }}", True),
        ("{{ inputs.none }}", None),
        ("{{ data }}", {"b": 2, "a": 1}),
        ("{{ inputs.list | map('upper') }}", ["A B", "C"]),
        ("{{ (1, 2) }}", [1, 2]),
        ("{{ 1 if false }}", None),
        ("Hello {{ inputs.name }}!", "Hello Ann!"),
        ("{{ steps.run-tests.stdout }}.", "fine."),
        ("{{ steps.run-tests.lines[1] - 1 }}", 1),
        ("{{ steps['run-tests'].stdout }}", "fine"),
        ("{{ 'steps.run-tests' }}", "steps.run-tests"),
        ("{% raw %}{{ steps.run-tests }}{% endraw %}", "{{ steps.run-tests }}"),
        ("{# nothing #}x", "x"),
        ("{{ inputs.items }}", "a key"),
        ("{% for k, v in data.items() %}{{ k }}{{ v }}{% endfor %}", "b2a1"),
        ("{% for k, v in data | dictsort %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
        ("{% for x in inputs.list %}{{ loop.index }}{{ x }}{{ ',' if not loop.last }}{% endfor %}", "1a b,2c"),
        ("{% if inputs.count > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% set x = inputs.count * 2 %}{{ x }}!", "6!"),
        ("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}{{ m(2) }}", "<1><2>"),
        ("{{ inputs.nothing | default('d') }}", "d"),
        ("{{ inputs.none | default('d') }}", "d"),
        ("{{ inputs.nothing is defined }}", False),
        ("{{ inputs.list | join(', ') }}", "a b, c"),
        ("{{ inputs.name.upper() ~ '!' }}", "ANN!"),
        ("{{ 'a,b'.split(',') }}", ["a", "b"]),
        ("{{ data.get('z', 9) }}", 9),
        ("{{ [3, 1, 2] | sort }}", [1, 2, 3]),
        ("{{ inputs.list | length + len('ab') }}", 4),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{ range(3) | sum }}", 3),
        ("{{ '7' | int + 1 }}", 8),
        ("{{ 'x' | int(5) }}", 5),
        ("{{ 3.14159 | round(2) }}", 3.14),
        ("{{ data | tojson }}", '{"a": 1, "b": 2}'),
        ("a\n{% if true %}\nb\n{% endif %}\nc\n", "a\nb\nc\n"),
        ("{{ 'l1\nl2' | indent(2) }}", "l1\n  l2"),
        ("{{ 'r12' | capture('r(\\\\d+)') }}", "12"),
        ("{{ 'r12' is string and 'r12' | matches('^r') }}", True),
    ],
)
def test_templates_mean_what_they_say(text: str, expected: Any) -> None:
    found = render(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ inputs.nmae }}", "there is no `nmae`; did you mean `name`?", ""),
        ("{{ inputs.nmae }} x", "there is no `nmae`; did you mean `name`?", ""),
        ("{{ input.name }} x", "there is no `input`", "did you mean `inputs`?"),
        ("{{ zzz }}", "there is no `zzz`", "there are: inputs, steps"),
        ("{{ steps.run_tests.x }}", "did you mean `run-tests`?", ""),
        ("{{ inputs.list[7] }}", "a list has no `7`", ""),
        ("{{ inputs.name.nothing }}", "a text has no `nothing`", ""),
        ("x {{ inputs.none }}", "a null would become text", "default('')"),
        ("{% for x in inputs.none %}{% endfor %}", "a loop over null", "default([])"),
        ("{% for x in zz %}{% endfor %}", "there is no `zz`", ""),
        ("{{ inputs.count / 0 }}", "division by zero", ""),
        ("{{ 'x' | int }}", "'x' is not a whole number", ""),
        ("{{ inputs.name + 1 }}", "`+` does not go with a text and a number", ""),
        ("{{ 'a' | matches('(') }}", "regular expression", "RE2"),
        ("a\n{{ inputs.name }}\n{{ nope }}\n", "(in line 3 of the template)", ""),
    ],
)
def test_a_fault_is_told_with_what_was_meant(text: str, message: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render(text)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "code", "way_out"),
    [
        ("{{ x", "NF308", ""),
        ("{% if %}{% endif %}", "NF308", ""),
        ("{% for x in y %}", "NF308", "endfor"),
        ("{{ x | uper }}", "NF310", "upper"),
        ("{{ x is deffined }}", "NF310", "defined"),
        ("{% include 'x' %}", "NF309", ""),
        ("{% import 'x' as y %}", "NF309", ""),
        ("{% extends 'x' %}", "NF309", ""),
        ("{% block b %}{% endblock %}", "NF309", ""),
        ("{% filter upper %}x{% endfilter %}", "NF309", ""),
        ("{% set x %}y{% endset %}", "NF309", ""),
        ("{% do x %}", "NF309", ""),
        ("{{" + "(" * 900 + "1" + ")" * 900 + "}}", "NF304", ""),
    ],
)
def test_a_template_that_can_never_work_is_told_before(text: str, code: str, way_out: str) -> None:
    with pytest.raises(ExpressionSyntax) as caught:
        Renderer().check(text)
    assert caught.value.code == code
    assert way_out in f"{caught.value.message} {caught.value.suggestion} {caught.value.hint}"


def test_the_names_of_a_template_are_found_without_its_own_variables() -> None:
    found = Renderer(step_ids=STEPS).check(
        "{% for x in inputs.list %}{{ x }}{{ steps.run-tests.stdout }}{% endfor %}{{ a.b | default(c) }}{{ d is defined }}"
    )
    assert {(one.path, one.optional) for one in found} == {
        (("inputs", "list"), False),
        (("steps", "run-tests", "stdout"), False),
        (("a", "b"), True),
        (("c",), False),
        (("d",), True),
    }


def test_lists_and_mappings_are_rendered_all_the_way_down() -> None:
    value = {"{{ key }}": ["{{ inputs.count }}", {"x": "{{ inputs.name }}!"}], "n": 1, "t": ("{{ inputs.flag }}",)}
    assert Renderer().render_value(value, NAMES) == {"{{ key }}": [3, {"x": "Ann!"}], "n": 1, "t": [True]}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo 'Hello {{ inputs.name }}!'", ["echo", "Hello Ann!"]),
        ("echo {{ evil }}", ["echo", NAMES["evil"]]),
        ("echo '{{ evil }}'", ["echo", NAMES["evil"]]),
        ("a --x={{ inputs.name }} b", ["a", "--x=Ann", "b"]),
        ("a {{ inputs['name'] }}", ["a", "Ann"]),
        ("a {{ inputs.list }} z", ["a", '["a b", "c"]', "z"]),
        ("a {{ inputs.count }} {{ inputs.flag }}", ["a", "3", "true"]),
        ("a ''", ["a", ""]),
        ("a {{ '' }} b", ["a", "", "b"]),
        ("a {{ 'x y' }}{{ 'p q' }}", ["a", "x yp q"]),
        ("a {% if inputs.flag %}yes{% endif %}", ["a", "yes"]),
        ('a "{% if inputs.flag %}x y{% endif %}"', ["a", "x y"]),
        ("a \\{{ inputs.count }}", ["a", "3"]),
        ("a # no comment", ["a", "#", "no", "comment"]),
        ("a {{ {'k': {'v': 1}} }}", ["a", '{"k": {"v": 1}}']),
    ],
)
def test_a_command_has_its_words_before_any_value_is_known(command: str, words: list[str]) -> None:
    assert Renderer().render_words(command, NAMES) == words


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo 'x", "cannot be split into words"),
        ("echo {{ inputs.none }}", "is null"),
        ("echo \ue000", "private-use"),
        ("echo {% if inputs.flag %}x y{% endif %}", "not a template"),
    ],
)
def test_a_command_that_cannot_be_split_is_an_error(command: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        Renderer().render_words(command, NAMES)


def test_no_value_can_bring_a_nul_into_a_command() -> None:
    with pytest.raises(ExpressionError, match="NUL"):
        Renderer().render_words("echo {{ x }}", {"x": "a\0b"})


def test_words_are_split_as_a_shell_does() -> None:
    assert split_words("a 'b c' \"d e\" f\\ g") == ["a", "b c", "d e", "f g"]


def test_filters_of_plugins_are_there_and_own_their_faults() -> None:
    def broken(value: Any) -> Any:
        raise OSError("disk on fire")

    renderer = Renderer((TemplateFilter("twice", lambda text: text * 2), TemplateFilter("broken", broken)))
    assert renderer.render("{{ 'ab' | twice }}", {}) == "abab"
    with pytest.raises(ExpressionError, match="the filter broken failed: disk on fire"):
        renderer.render("{{ 'ab' | broken }}", {})


def test_a_secret_does_not_become_text() -> None:
    names = {"secret": Secret("hunter22")}
    assert Renderer().render("password {{ secret }}", names) == f"password {MASK}"
    assert Renderer().render("{{ secret }}", names) == Secret("hunter22")


def test_a_template_file_is_rendered_as_text_and_named_in_its_faults() -> None:
    files = {"a.j2": "ntp {{ inputs.count }}\n", "one.j2": "{{ inputs.count }}", "bad.j2": "ok\n{{ nope }}\n"}
    renderer = Renderer()
    assert renderer.render_file("a.j2", NAMES, files.__getitem__) == "ntp 3\n"
    assert renderer.render_file("one.j2", NAMES, files.__getitem__) == "3"
    with pytest.raises(ExpressionError, match=r"there is no `nope` \(in bad.j2:2\)"):
        renderer.render_file("bad.j2", NAMES, files.__getitem__)


def test_hashes_are_stable_and_differ_with_what_they_hash() -> None:
    assert render("{{ hash(data) }}") == Renderer().render("{{ hash(data) }}", {"data": {"a": 1, "b": 2}})
    assert render("{{ hash('a', 'b') }}") != render("{{ hash('ab') }}")


def test_a_folder_is_hashed_by_names_and_contents_and_only_inside_of_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "templates").mkdir(parents=True)
    (project / "templates" / "a.j2").write_text("one")
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", project / "way-out")
    renderer = Renderer(project=project)
    before = renderer.render("{{ dir_hash('templates') }}", {})
    assert before == renderer.render("{{ dir_hash('templates/../templates') }}", {})
    (project / "templates" / "a.j2").write_text("two")
    changed = renderer.render("{{ dir_hash('templates') }}", {})
    (project / "templates" / "a.j2").rename(project / "templates" / "b.j2")
    assert len({before, changed, renderer.render("{{ dir_hash('templates') }}", {})}) == 3
    for path in ("..", "/etc", "../outside", "way-out", "templates/../..", "nothing", "", "a\\0b"):
        with pytest.raises(ExpressionError):
            renderer.render("{{ dir_hash(path) }}", {"path": path})


def test_templates_are_recognised() -> None:
    assert [has_template(text) for text in ("a", "{a}", "{{ a }}", "{% a %}", "{# a #}")] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_value_can_be_put_into_a_url_without_adding_a_parameter() -> None:
    rendered = Renderer().render("http://tickets.example/?q={{ v|urlencode }}", {"v": "a b&admin=1/ü"})
    assert rendered == "http://tickets.example/?q=a%20b%26admin%3D1%2F%C3%BC"
