"""What simpleeval would open is closed here, what it counts comes off our budget, and one evaluator serves many threads."""

from __future__ import annotations

import operator
import os.path
import statistics
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nornflow.errors import ExpressionError
from nornflow.workflow.expressions import Evaluator, Reference


class Houdini:
    """An object with everything that past escapes went through."""

    module = os.path

    def trapdoor(self) -> int:
        return 42

    def generator(self) -> Any:
        yield 1


NAMES: dict[str, Any] = {
    "path": os.path,
    "stats": statistics,
    "op": operator,
    "houdini": Houdini(),
    "funcs": [exec, eval],
    "frozen": frozenset((eval,)),
    "data": {"call": eval, "path": os.path, "list": [1, 2], "text": "abc"},
    "call": eval,
    "big": {f"host-{number:04}": {"ok": True} for number in range(2000)},
    "numbers": list(range(5000)),
    "words": "x" * 90_000,
    "null_one": None,
}


@pytest.mark.parametrize(
    "attack",
    [
        "path.os.popen('id').read()",
        "path.os",
        "stats.sys",
        "data.path.os.system('id')",
        "houdini.module.os",
        "houdini.trapdoor()",
        "houdini.trapdoor.__globals__",
        "houdini.trapdoor.func_globals",
        "houdini._quasi_private()",
        "houdini.generator().gi_frame.f_globals",
        "houdini.generator.gi_frame",
        "op.call(call, '1')",
        "op.attrgetter('os')(path)",
        "call('1')",
        "funcs[0]('id')",
        "data.call('1')",
        "data['call']('1')",
        "first(frozen)",
        "[f('1') for f in funcs]",
        "any(f('1') for f in funcs)",
        "default(call)('1')",
        "funcs | first('1')",
        "(call if true else call)('1')",
        "sorted(funcs, key=call)",
        "default(nothing, key=call)",
        "len.__call__('a')",
        "data.items()",
        "data.update({'a': 1})",
        "data.list.append(3)",
        "dict(a=1).fromkeys('ab')",
        "list('abc')",
        "tuple('abc')",
        "set('abc')",
        "rand()",
        "randint(5)",
        "a = 1",
        "a += 1",
        "1; 2",
        "f'{1:{99999}}'",
        "{k: 1 for k in data}",
        "{k for k in data}",
        "[*data]",
        "[x async for x in data.list]",
        "[x for x in data.list for x[0] in [1]]",
        "[x for x.y in data.list]",
        "[x for (x, (y, z)) in [[1, [2, 3]]]]",
        "[x for true in data.list]",
        "(1).from_bytes(data.list, 'big')",
        "'x'.encode() * 5000",
        "~1",
        "1 << 2",
        "data.list @ data.list",
    ],
)
def test_what_simpleeval_had_to_forbid_one_by_one_is_not_there_to_be_reached(attack: str) -> None:
    for lenient in (False, True):
        with pytest.raises(ExpressionError):
            Evaluator(missing_is_null=lenient).evaluate(attack, NAMES)


BOMBS = [
    "[range(9999) for x in range(9999)]",
    "[numbers[1:] for x in numbers]",
    "[words[1:] for x in range(9999)]",
    "[values(big) for x in range(9999)]",
    "[upper(words) for x in range(9999)]",
    "[keys(big) for x in range(9999) if false for y in x] or [items(big) for x in range(9999)]",
    "any(any(true for k in big) and false for a in range(9999) for b in range(99))",
    "any(any(true for a, b in items(big)) and false for a in range(9999))",
    f"any({' + '.join(['a'] * 60)} < 0 for a in range(9999) for b in range(9999))",
    "int([[z for i in range(99)] for z in [[y for i in range(99)] for y in [[x for i in range(99)] for x in [range(99)]]]])",
    "{[[z for i in range(99)] for z in [[y for i in range(99)] for y in [[x for i in range(99)] for x in [range(99)]]]]: 1}",
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:40])
def test_a_bomb_does_not_burn(bomb: str) -> None:
    started = time.process_time()
    with pytest.raises(ExpressionError):
        Evaluator().evaluate(bomb, NAMES)
    assert time.process_time() - started < 3


@pytest.mark.parametrize("bomb", [one for one in BOMBS if "[1:]" in one or "[[z" in one], ids=lambda bomb: bomb[:40])
def test_a_bomb_does_not_fill_the_memory(bomb: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ExpressionError):
            Evaluator().evaluate(bomb, NAMES)
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
    finally:
        tracemalloc.stop()


def test_loops_go_on_past_the_ten_thousand_rounds_of_simpleeval() -> None:
    assert Evaluator().evaluate("all(a + b >= 0 for a in range(200) for b in range(200))", {}) is True


def test_any_and_all_look_no_further_than_they_must() -> None:
    rows = {"rows": [{"ok": True}, {"ok": False}, {}]}
    evaluator = Evaluator()
    assert evaluator.evaluate("any(row.ok for row in rows)", rows) is True
    assert evaluator.evaluate("all(row.ok for row in rows)", rows) is False
    assert (
        evaluator.evaluate("any(all(x for x in [row.ok]) for row in rows) and all(true for row in rows)", rows) is True
    )
    with pytest.raises(ExpressionError, match=r"there is no `row\.ok`"):
        evaluator.evaluate("any(not row.ok and false for row in rows)", rows)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[x for x in x]", [[1], [2]]),
        ("[y for x in [1, 2] for y in y]", [5, 6, 5, 6]),
        ("[z for x in [1, 2] if z for z in [7]]", [7, 7]),
        ("[[y for y in y] + [x for x in x] for x in x for y in [[9]]]", [[9, 1], [9, 2]]),
        ("[len(len) for len in x]", [1, 1]),
        ("[x for y in [1] for x in [x for x in x]]", [[1], [2]]),
    ],
)
def test_the_variable_of_a_loop_is_its_own(expression: str, expected: Any) -> None:
    names = {"x": [[1], [2]], "y": [5, 6], "z": True}
    assert Evaluator().evaluate(expression, names) == expected
    assert {one.path for one in Evaluator().check(expression)} <= {("x",), ("y",), ("z",)}


def test_a_missing_value_in_a_loop_is_reported_in_the_words_that_were_written() -> None:
    with pytest.raises(ExpressionError, match=r"there is no `row\.deep\['ky'\]`") as caught:
        Evaluator().evaluate("[row.deep['ky'] for row in rows]", {"rows": [{"deep": {"key": 1}}]})
    assert caught.value.hint == "did you mean `key`?"
    assert Evaluator().check("[row.x for row in rows]") == (Reference(("rows",), 18),)


def test_a_default_among_many_keys_costs_little() -> None:
    started = time.process_time()
    assert Evaluator().evaluate("sum(default(big.hots, 1) for i in range(9999))", NAMES) == 9999
    assert time.process_time() - started < 2  # seconds; looking for the nearest of 2,000 names each time takes ten


def test_a_slice_of_what_a_host_lacks_is_null() -> None:
    assert Evaluator(missing_is_null=True).evaluate("null_one[:3] == null", NAMES) is True
    with pytest.raises(ExpressionError, match="null cannot be sliced"):
        Evaluator().evaluate("null_one[:3]", NAMES)
    with pytest.raises(ExpressionError, match="a slice takes whole numbers"):
        Evaluator().evaluate("words[true:]", NAMES)


def test_a_branch_that_is_not_taken_is_looked_at_all_the_same() -> None:
    for expression in ("1 if true else lenn(2)", "true or 'x' matches '('", "false and x.y()"):
        with pytest.raises(ExpressionError):
            Evaluator().evaluate(expression, {})


def test_one_evaluator_serves_many_threads() -> None:
    evaluator = Evaluator()
    expression = (
        "[[a + b + own for b in rows] for a in rows] == [[a + b + own for b in rows] for a in rows] and own + rows[0]"
    )

    def work(own: int) -> set[int]:
        return {evaluator.evaluate(expression, {"own": own, "rows": list(range(own, own + 9))}) for _ in range(40)}

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(1, 33))) == [{2 * own} for own in range(1, 33)]


def test_a_function_may_evaluate_within_an_evaluation() -> None:
    inner: list[Evaluator] = []

    def again(number: int) -> Any:
        return inner[0].evaluate("[x + y for x in [y]]", {"y": number})[0]

    inner.append(Evaluator(functions={"again": again}))
    assert inner[0].evaluate("[again(x) + x + z for x in [1, 2]]", {"z": 100}) == [103, 106]
