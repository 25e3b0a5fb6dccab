"""Published escapes from simpleeval and eval, and expressions that would burn the machine: none gets anywhere."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answered import answered, is_plain
from nornflow.errors import ExpressionError
from nornflow.workflow.expressions import Evaluator

LARGE = list(range(5000))
NAMES: dict[str, Any] = {
    "inputs": {"text": "abc", "list": LARGE, "grid": [LARGE] * 20},
    "steps": {},
    "host": {"name": "r1"},
}

ESCAPES = [
    "__import__('os').system('id')",
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__[1].__subclasses__()",
    "[].__class__.__base__",
    "inputs.__class__",
    "inputs.__init__.__globals__",
    "inputs.text.__class__",
    "inputs['__class__']",
    "inputs.get.__self__",
    "'{0.__class__}'.format(inputs)",
    "'{0.__class__.__init__.__globals__}'.format_map(inputs)",
    "inputs.text.format(1)",
    "str.mro()",
    "len.__self__",
    "len.__globals__",
    "default.__globals__",
    "open('/etc/passwd')",
    "eval('1')",
    "exec('import os')",
    "compile('1', '', 'eval')",
    "globals()",
    "locals()",
    "vars()",
    "dir(inputs)",
    "getattr(inputs, 'items')",
    "type(inputs)",
    "(lambda: 1)()",
    "(lambda f: f(f))(lambda f: f(f))",
    "[c for c in ().__class__.__bases__[0].__subclasses__()]",
    "(x := 5)",
    "f'{inputs.__class__}'",
    "b'bytes'",
    "...",
    "1j",
    "yield 1",
    "await x",
    "*inputs",
    "{**inputs}",
    "print(1)",
    "breakpoint()",
    "help()",
    "x if (yield) else y",
    "import os",
    "os.system('id')",
    "inputs.items.__func__",
    "inputs.text.join.__class__",
    "(1).__class__",
    "1 .real",
    "inputs.list.append(1)",
    "inputs.pop('text')",
    "inputs.update({'a': 1})",
    "(i for i in [1]).gi_frame",
    "[i for i in [1]].gi_frame.f_back",
    "steps.__dict__",
    "host.__slots__",
    "inputs.tex\uff54",
    "__builtins__",
    "ｅｖａｌ('1')",
    "inputs.＿＿class＿＿",
    "inputs.text.𝔲𝔭𝔭𝔢𝔯()",
    "'a' if true else __import__('os')",
    "default(__import__('os'), 1)",
    "any(__import__('os') for x in [1])",
]


@pytest.mark.parametrize("attack", ESCAPES)
def test_an_escape_is_refused(attack: str) -> None:
    if attack == "inputs.tex\uff54":  # Python folds the letter: it is the key `text` and nothing more
        assert Evaluator().evaluate(attack, NAMES) == "abc"
        return
    with pytest.raises(ExpressionError):
        Evaluator().evaluate(attack, NAMES)


def test_python_objects_have_no_attributes_here() -> None:
    class Trap:
        secret = "s"

    for expression in ("trap.secret", "trap['secret']", "trap.__class__", "trap()", "[x for x in trap]", "'a' in trap"):
        with pytest.raises(ExpressionError):
            Evaluator().evaluate(expression, {"trap": Trap()})


BOMBS = [
    "9 ** 9 ** 9",
    "2 ** 64 * 2 ** 64 * 2 ** 64 * 2 ** 64 * 2 ** 64",
    "10 ** 60 ** 3",
    "(-8) ** 0.5",
    "'a' * 999999999",
    "999999999 * 'a'",
    "[0] * 999999999",
    "[[0] * 10] * 10",
    "'%999999999d' % 1",
    "1 << 99999999",
    "range(999999999)",
    "range(0, 999999999999999999999999)",
    "range(1, 2, 0)",
    "[1 for a in range(9999) for b in range(9999)]",
    "any(false for a in range(9999) for b in range(9999))",
    "all(true for a in range(9999) for b in range(9999) for c in range(9999))",
    "[x in inputs.list for x in inputs.list]",
    "[inputs.list == [y for y in inputs.list] for x in inputs.list]",
    "[sorted(inputs.list) for x in inputs.list]",
    "[inputs.grid for x in inputs.list]",
    "any(inputs.grid != inputs.grid + [] for x in inputs.list)",
    "[[z for i in range(99)] for z in [[y for i in range(99)] for y in [[x for i in range(99)] for x in [range(99)]]]]",
    "round(5, -99999999)",
    "round(1.5, 99999999)",
    "int('9' * 5000)",
    "join(['a' * 99999, 'b' * 99999], '')",
    "join(range(9999), 'x' * 99999)",
    "replace('a' * 9999, 'a', 'b' * 9999)",
    "'x' * 99999 + 'x' * 99999",
    "1e308 * 10",
    "(" * 45 + "1" + ")" * 45,
    "-" * 500 + "1",
    "not " * 400 + "true",
    "+".join(["1"] * 900),
    "1 if " * 300 + "1",
    "[" * 1000,
    "x" * 2001,
    ".a" * 900,
    "a" + ".a" * 900,
    "a" + "[0]" * 600,
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:40])
def test_a_bomb_is_refused_before_it_burns(bomb: str) -> None:
    started = time.process_time()
    with pytest.raises(ExpressionError):
        Evaluator().evaluate(bomb, NAMES)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(a*)*b", "(.*a){20}"])
def test_a_catastrophic_pattern_is_harmless(pattern: str) -> None:
    names = {"text": "a" * 50_000 + "!"}
    started = time.process_time()
    assert Evaluator().evaluate(f"text matches '{pattern}'", names) in (True, False)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<=a)", r"(a)\1", "a{99999}", "(", "[", "((a{1000}){1000}){1000}"])
def test_a_pattern_that_re2_does_not_take_is_an_error(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="regular expression"):
        Evaluator().evaluate("'x' matches pattern", {"pattern": pattern})


_TOKENS = r"""
inputs steps host . text list [ ] ( ) { } , : 'a' "b" 1 2.5 and or not in is if else for
matches | == != < > + - * ** / // % len any all default x range sorted true null __class__
lambda run-tests \ ' " # @ = é
"""
_PARTS = st.sampled_from([*_TOKENS.split(), "\u200b"])


def assert_answered(text: str) -> None:
    """An expression has a value, which is data, or it is refused."""
    found = answered(ExpressionError, lambda: Evaluator(step_ids=("run-tests",)).evaluate(text, NAMES))
    assert isinstance(found, ExpressionError) or is_plain(found)


@given(st.lists(_PARTS, max_size=14).map(" ".join))
def test_any_heap_of_tokens_has_a_value_or_an_error(text: str) -> None:
    assert_answered(text)


@given(st.text(max_size=80))
def test_any_text_has_a_value_or_an_error(text: str) -> None:
    assert_answered(text)
