"""Expressions read as a network engineer writes them, know their places, and never take an error for false."""

from __future__ import annotations

import timeit
from collections.abc import Mapping
from typing import Any

import pytest

from nornflow.errors import ExpressionError
from nornflow.model.device import HostView
from nornflow.workflow.expressions import Evaluator, Reference, host_names, names_used
from nornflow.workflow.syntax import ExpressionSyntax

STEPS = ("run-tests", "a", "a-1", "a-b-c", "import", "before")
NAMES: Mapping[str, Any] = {
    "inputs": {"count": 3, "name": "abc", "none": None, "list": ["x", "y"], "data-key": 1},
    "steps": {
        "run-tests": {"exit_code": 0},
        "a": {"x": 10},
        "a-1": {"x": 20},
        "a-b-c": {"x": 30},
        "import": {"class": "c"},
        "before": {"parsed": [{"synced": False, "vlan": 10}, {"synced": True, "vlan": 20}]},
    },
    "host": {"name": "r12", "groups": ("access", "ams")},
    "role": "access",
    "site": "fra",
}


def value(expression: str) -> Any:
    return Evaluator(step_ids=STEPS).evaluate(expression, NAMES)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("steps.run-tests.exit_code == 0", True),
        ("steps.a-1.x", 20),
        ("steps.a-b-c.x", 30),
        ("steps.a.x-1", 9),
        ("steps.a.x - 1", 9),
        ("steps['run-tests'].exit_code", 0),
        ("steps.import.class", "c"),
        ("inputs['data-key']", 1),
        ("any(a.synced for a in steps.before.parsed)", True),
        ("all(a.synced for a in steps.before.parsed)", False),
        ("all(a.vlan > 5 for a in steps.before.parsed if a.synced)", True),
        ("[a.vlan for a in steps.before.parsed]", [10, 20]),
        ("sum(a.vlan for a in steps.before.parsed)", 30),
        ("[x + y for x in inputs.list for y in inputs.list]", ["xx", "xy", "yx", "yy"]),
        ("[k for k, v in items({'p': 1, 'q': 2}) if v > 1]", ["q"]),
        ("[x for x in [x for x in [1]]]", [1]),
        (r"host.name matches '^r\d+$'", True),
        ("host.name not matches '^sw'", True),
        ("host.name matches '^r' and role == 'access'", True),
        ("'r' + '1' matches 'r1'", True),
        ("inputs.none matches 'x'", False),
        ("inputs.none | default('y')", "y"),
        ("inputs.nothing | default('y')", "y"),
        ("default(inputs.nothing.at.all, 3) + 1", 4),
        ("nobody | default(7)", 7),
        ("inputs.count | default(1) > 2", True),
        ("inputs.name | upper", "ABC"),
        ("inputs.list | join('-') | upper", "X-Y"),
        ("inputs.none == null and null == None", True),
        ("true and not false", True),
        ("1 < inputs.count <= 3", True),
        ("'b' in inputs.name", True),
        ("'z' not in inputs.list", True),
        ("host.groups == ['access', 'ams']", True),
        ("inputs.list[0] + inputs.list[-1]", "xy"),
        ("inputs.name[1:]", "bc"),
        ("'yes' if inputs.count > 2 else 'no'", "yes"),
        ("-inputs.count ** 2", -9),
        ("7 // 2 + 7 % 2", 4),
        ("'-' * 3", "---"),
        ("len(inputs) == 5", True),
        ("max(1, 5, 3) - min([4, 2])", 3),
        ("sorted(['b', 'a'], reverse=true)", ["b", "a"]),
        ("round(2.567, 1)", 2.6),
        ("int('12') + float('0.5')", 12.5),
        ("str(true) + str(1) + str(null)", "true1null"),
        ("split('a,b', ',') == ['a', 'b']", True),
        ("strip(' a ') == lower('A')", True),
        ("startswith(host.name, 'r') and endswith(host.name, '12')", True),
        ("replace('a.b', '.', '-')", "a-b"),
        ("first([]) == null and last([1, 2]) == 2", True),
        ("unique([1, 1, true, 'a'])", [1, True, "a"]),
        ("range(3)", [0, 1, 2]),
        ("keys({'a': 1}) + values({'a': 1})", ["a", 1]),
        ("in_network('10.0.0.7', '10.0.0.0/24') and not in_network('10.0.1.7/32', '10.0.0.0/24')", True),
        ("is_ip('2001:db8::1') and not is_ip('r1')", True),
        ("capture('Version 17.3', 'Version (\\d+)')", "17"),
        ("matches('abc', 'b')", True),
        (r"'it\'s' + " + r'"\n"', "it's\n"),
        (r"len('\d')", 2),
        ("'a\\\\b'", "a\\b"),
        ("  1\n  + 2\n", 3),
        ("'steps.run-tests' + ' matches x'", "steps.run-tests matches x"),
        ("abs(-3) + bool(1)", None),
    ],
)
def test_expressions_mean_what_they_say(expression: str, expected: Any) -> None:
    if expected is None:
        with pytest.raises(ExpressionError, match="does not go with"):
            value(expression)
        return
    found = value(expression)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("inputs.nmae", "there is no `inputs.nmae`", "did you mean `name`?"),
        ("input.name", "there is no `input`", "did you mean `inputs`?"),
        ("steps.befor.parsed", "there is no `steps.befor`", "did you mean `before`?"),
        ("inputs.none.x", "there is no `inputs.none.x`: `inputs.none` is null", ""),
        ("inputs.name.upper", "`inputs.name` is a text", "lower(x)"),
        ("inputs.list[7]", "there is no `inputs.list[7]`", ""),
        ("inputs['nam']", "there is no `inputs['nam']`", "did you mean `name`?"),
        ("len", "`len` is a function", ""),
        ("inputs.count + inputs.name", "`+` does not go with a number and a text", ""),
        ("inputs.name > 1", "`>` does not go with a text and a number", ""),
        ("inputs.none > 1", "`>` does not go with null and a number", ""),
        ("1 / 0", "a division by zero", ""),
        ("1 % 0", "a division by zero", ""),
        ("inputs.list['x']", "a list has items by number", ""),
        ("1 in 2", "`in` does not go with", ""),
        ("[a for a in 'text']", "a loop runs over a list", ""),
        ("[a for a, b in [1]]", "does not have 2 parts", ""),
        ("max([])", "max() of an empty list", "default(max(...), 0)"),
        ("int('x')", "'x' is not a whole number", ""),
        ("sum(['a'])", "sum() takes numbers", ""),
        ("inputs.name matches inputs.count", "matches() takes a text", ""),
        ("inputs.name matches ('(' + '')", "regular expression '(' is not valid", "RE2"),
        ("in_network('x', '10.0.0.0/8')", "in_network()", ""),
        ("{'a': 1}[[1]]", "unhashable", ""),
    ],
)
def test_an_error_is_an_error_and_never_false(expression: str, message: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(expression)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("expression", "code", "offset", "way_out"),
    [
        ("", "NF301", 0, ""),
        ("1 +", "NF301", 3, ""),
        ("a == == b", "NF301", 5, ""),
        ("a && b", "NF301", 2, "`and`"),
        ("a || b", "NF301", 2, "`or`"),
        ("!a", "NF301", 0, "`not`"),
        ("a = 1", "NF301", 2, "`==`"),
        ("a mathces 'x'", "NF301", 2, "matches"),
        ("{{ a }}", "NF301", 0, "without {{ }}"),
        ("a == 'x", "NF301", 5, ""),
        ("a # comment", "NF301", 2, "comments"),
        ("1e999", "NF301", 0, ""),
        ("12abc", "NF301", 0, ""),
        ("a is null", "NF303", 2, "`==`"),
        ("a.lower()", "NF303", 0, "lower(x)"),
        ("f'{a}'", "NF303", 0, ""),
        ("'a' 'b'", "NF303", 0, "+"),
        ("lambda: 1", "NF303", 0, ""),
        ("len(1, 2)", "NF303", 0, ""),
        ("len(*a)", "NF303", 0, ""),
        ("{**a}", "NF303", 0, ""),
        ("{1, 2}", "NF303", 0, ""),
        ("a | 3", "NF303", 4, "or"),
        ("lenn(a)", "NF310", 0, "len"),
        ("a | uper", "NF310", 4, "upper"),
        ("a matches '(?=x)'", "NF107", 10, "RE2"),
        ("matches(a, '(')", "NF107", 11, "RE2"),
        ("é + nope(1)", "NF310", 4, ""),
    ],
)
def test_what_can_never_work_is_told_with_its_place(expression: str, code: str, offset: int, way_out: str) -> None:
    with pytest.raises(ExpressionSyntax) as caught:
        Evaluator(step_ids=STEPS).check(expression)
    assert (caught.value.code, caught.value.offset) == (code, offset)
    assert way_out in f"{caught.value.hint} {caught.value.suggestion}"


def test_checking_against_known_names_suggests_the_nearest() -> None:
    evaluator = Evaluator(("inputs", "steps"))
    with pytest.raises(ExpressionSyntax) as caught:
        evaluator.check("1 + input.x")
    assert (caught.value.code, caught.value.offset, caught.value.suggestion) == ("NF302", 4, "inputs")
    assert evaluator.check("default(nobody, 1)") == (Reference(("nobody",), 8, True),)


def test_names_are_listed_without_the_variables_of_loops() -> None:
    found = Evaluator(step_ids=STEPS).check("any(a.x == b for a in steps.run-tests.list) and c['k'].d | default(e)")
    assert [(one.path, one.optional) for one in found] == [
        (("b",), False),
        (("steps", "run-tests", "list"), False),
        (("c", "k", "d"), True),
        (("e",), False),
    ]


def test_names_used_are_those_an_expression_cannot_do_without() -> None:
    assert names_used("role == 'access' and default(site, '') in ['ams'] and any(x for x in groups)") == {
        "role",
        "groups",
    }


def test_a_host_that_lacks_a_key_has_null_for_it_in_targets() -> None:
    evaluator = Evaluator(missing_is_null=True)
    bare = host_names(HostView("r1"))
    rich = host_names(HostView("r2", "10.0.0.2", "ios", ("core",), {"vlan": 10, "place": {"site": "ams"}}))
    for expression in (
        "vlan > 5",
        "place.site == 'ams'",
        "place['site'] in ['ams']",
        "vlan in [10]",
        "'a' in place.site",
    ):
        assert evaluator.evaluate(expression, bare) is False
        assert evaluator.evaluate(expression, rich) is True
    assert evaluator.evaluate("vlan == null and 'x' not in tags", bare) is True
    assert (
        evaluator.evaluate("name == 'r2' and platform == 'ios' and 'core' in groups and hostname", rich) == "10.0.0.2"
    )


def test_a_reason_says_which_expression_it_is_about() -> None:
    with pytest.raises(ExpressionError, match=r"\(in `inputs.x > 1`\)"):
        Evaluator().evaluate("inputs.x > 1", {"inputs": {}})


def test_functions_of_a_caller_come_on_top() -> None:
    evaluator = Evaluator(functions={"double": lambda number: number * 2})
    assert evaluator.evaluate("double(4) + len('ab')", {}) == 10


def test_ten_thousand_hosts_are_selected_in_a_blink() -> None:
    evaluator = Evaluator()
    names = {"role": "access", "site": "fra"}
    expression = "role == 'access' and site in ['ams', 'fra']"
    assert evaluator.evaluate(expression, names) is True
    best = min(timeit.repeat(lambda: evaluator.evaluate(expression, names), number=1000, repeat=5))
    assert best / 1000 < 30e-6
