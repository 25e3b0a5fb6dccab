"""The operators of expressions over plain data, bounded in size and work."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.workflow.budget import Budget, add, is_number, kind, mismatch, modulo, multiply, power
from nornflow.workflow.functions import matches

Comparison = Callable[[Any, Any, Budget], bool]
_SCALARS = (str, int, float, type(None))


def _numeric(symbol: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if is_number(left) and is_number(right):
            return function(left, right)
        raise mismatch(symbol, left, right)

    return apply


BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: add,
    ast.Sub: _numeric("-", operator.sub),
    ast.Mult: multiply,
    ast.Div: _numeric("/", operator.truediv),
    ast.FloorDiv: _numeric("//", operator.floordiv),
    ast.Mod: modulo,
    ast.Pow: power,
}
"""What each arithmetic operator does."""


def signed(sign: int, value: Any) -> Any:
    """Return a number with its sign kept or turned."""
    if not is_number(value):
        raise ExpressionError(f"a sign before {kind(value)}")
    return -value if sign < 0 else value


def equal(left: Any, right: Any, budget: Budget) -> bool:
    """Tell whether two values are the same; lists and tuples of the same values are."""
    if isinstance(left, _SCALARS) or isinstance(right, _SCALARS):
        return bool(left == right)
    budget.weigh(left)
    budget.weigh(right)
    if isinstance(left, tuple):
        left = list(left)
    if isinstance(right, tuple):
        right = list(right)
    return bool(left == right)


def contains(item: Any, container: Any, budget: Budget) -> bool:
    """Tell whether an item is in a list, a key in a mapping, or a text in a text."""
    if isinstance(container, str):
        if not isinstance(item, str):
            raise mismatch("in", item, container)
        budget.spend(1 + (len(container) >> 6))
        return item in container
    if isinstance(container, Mapping | AbstractSet):
        return item in container
    if isinstance(container, Sequence):
        budget.spend(1 + len(container))
        if not isinstance(item, _SCALARS):
            budget.weigh(container)
            budget.weigh(item)
        return item in container
    raise mismatch("in", item, container)


def _ordering(symbol: str, function: Callable[[Any, Any], bool], lenient: bool) -> Comparison:
    def compare(left: Any, right: Any, budget: Budget) -> bool:
        if (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
            return function(left, right)
        if lenient and (left is None or right is None):
            return False
        raise mismatch(symbol, left, right)

    return compare


def comparison(op: ast.cmpop, lenient: bool) -> Comparison:
    """Return the function of a comparison; when lenient, null is in no order and in no container."""
    match op:
        case ast.Eq():
            return equal
        case ast.NotEq():
            return lambda left, right, budget: not equal(left, right, budget)
        case ast.In():
            if lenient:
                return lambda item, box, budget: box is not None and contains(item, box, budget)
            return contains
        case ast.NotIn():
            if lenient:
                return lambda item, box, budget: box is None or not contains(item, box, budget)
            return lambda item, box, budget: not contains(item, box, budget)
        case ast.Is():
            return _matches
        case ast.IsNot():
            return lambda text, pattern, budget: not _matches(text, pattern, budget)
        case ast.Lt():
            return _ordering("<", operator.lt, lenient)
        case ast.LtE():
            return _ordering("<=", operator.le, lenient)
        case ast.Gt():
            return _ordering(">", operator.gt, lenient)
        case _:
            return _ordering(">=", operator.ge, lenient)


def _matches(text: Any, pattern: Any, budget: Budget) -> bool:
    if isinstance(text, str):
        budget.spend(1 + (len(text) >> 4))
    return matches(text, pattern)


def pick(value: Any, which: Any) -> Any:
    """Return an item of a list or text by its position, or of a mapping by its key; LookupError when it is not there."""
    if isinstance(value, Mapping):
        return value[which]
    if isinstance(value, Sequence):
        if isinstance(which, bool) or not isinstance(which, int):
            raise ExpressionError(f"{kind(value)} has items by number, not by {kind(which)}")
        return value[which]
    raise ExpressionError(f"{kind(value)} has no items")


def cut(value: Any, lower: Any, upper: Any, step: Any) -> Any:
    """Return a slice of a list or text."""
    if not isinstance(value, Sequence):
        raise ExpressionError(f"{kind(value)} cannot be sliced")
    if any(part is not None and (isinstance(part, bool) or not isinstance(part, int)) for part in (lower, upper, step)):
        raise ExpressionError("a slice takes whole numbers")
    return value[slice(lower, upper, step)]


def iterated(value: Any) -> Sequence[Any]:
    """Return what a loop runs over: a list, or the keys of a mapping."""
    if isinstance(value, Mapping | AbstractSet):
        return list(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise ExpressionError(f"a loop runs over a list, not over {kind(value)}")


def unpacked(names: Sequence[str], item: Any) -> dict[str, Any]:
    """Return the variables of a loop with several names."""
    if not isinstance(item, list | tuple) or len(item) != len(names):
        raise ExpressionError(f"an item of the loop does not have {len(names)} parts")
    return dict(zip(names, item, strict=True))
