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

Operation = Callable[[Any, Any], Any]
_SCALARS = (str, int, float, type(None))


def table(budget: Budget, lenient: bool) -> dict[type[ast.AST], Callable[..., Any]]:
    """Return what each operator does; when lenient, null is in no order and in no container."""

    def found(item: Any, container: Any) -> bool:
        return not (lenient and container is None) and _contains(item, container, budget)

    return {
        ast.Add: add,
        ast.Mult: multiply,
        ast.Mod: modulo,
        ast.Pow: power,
        ast.Sub: _numeric("-", operator.sub),
        ast.Div: _numeric("/", operator.truediv),
        ast.FloorDiv: _numeric("//", operator.floordiv),
        ast.Not: operator.not_,
        ast.USub: lambda value: -_signed(value),
        ast.UAdd: _signed,
        ast.Eq: lambda left, right: _equal(left, right, budget),
        ast.NotEq: lambda left, right: not _equal(left, right, budget),
        ast.In: found,
        ast.NotIn: lambda item, container: not found(item, container),
        ast.Is: lambda text, pattern: _matches(text, pattern, budget),
        ast.IsNot: lambda text, pattern: not _matches(text, pattern, budget),
        ast.Lt: _ordering("<", operator.lt, lenient),
        ast.LtE: _ordering("<=", operator.le, lenient),
        ast.Gt: _ordering(">", operator.gt, lenient),
        ast.GtE: _ordering(">=", operator.ge, lenient),
    }


def _numeric(symbol: str, function: Operation) -> Operation:
    def apply(left: Any, right: Any) -> Any:
        if is_number(left) and is_number(right):
            return function(left, right)
        raise mismatch(symbol, left, right)

    return apply


def _signed(value: Any) -> Any:
    if not is_number(value):
        raise ExpressionError(f"a sign before {kind(value)}")
    return value


def _equal(left: Any, right: Any, budget: Budget) -> bool:
    if isinstance(left, _SCALARS) or isinstance(right, _SCALARS):
        return bool(left == right)
    budget.weigh(left)
    budget.weigh(right)
    if isinstance(left, tuple):
        left = list(left)
    if isinstance(right, tuple):
        right = list(right)
    return bool(left == right)


def _contains(item: Any, container: Any, budget: Budget) -> bool:
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


def _ordering(symbol: str, function: Operation, lenient: bool) -> Operation:
    def compare(left: Any, right: Any) -> bool:
        if (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
            return bool(function(left, right))
        if lenient and (left is None or right is None):
            return False
        raise mismatch(symbol, left, right)

    return compare


def _matches(text: Any, pattern: Any, budget: Budget) -> bool:
    if isinstance(text, str):
        budget.spend(1 + (len(text) >> 4))
    return matches(text, pattern)


def pick(value: Any, which: Any) -> Any:
    """Return an item or slice of a list or text, or the value of a mapping's key; LookupError when it is not there."""
    if isinstance(which, slice):
        if not isinstance(value, Sequence):
            raise ExpressionError(f"{kind(value)} cannot be sliced")
        if any(part is not None and type(part) is not int for part in (which.start, which.stop, which.step)):
            raise ExpressionError("a slice takes whole numbers")
    elif isinstance(value, Sequence):
        if isinstance(which, bool) or not isinstance(which, int):
            raise ExpressionError(f"{kind(value)} has items by number, not by {kind(which)}")
    elif not isinstance(value, Mapping):
        raise ExpressionError(f"{kind(value)} has no items")
    return value[which]


def iterated(value: Any, parts: int) -> Sequence[Any]:
    """Return what a loop runs over, a list or the keys of a mapping, each item of it in so many parts (0: whole)."""
    items = list(value) if isinstance(value, Mapping | AbstractSet) else value
    if not isinstance(items, Sequence) or isinstance(items, str | bytes):
        raise ExpressionError(f"a loop runs over a list, not over {kind(value)}")
    if parts and any(not isinstance(item, list | tuple) or len(item) != parts for item in items):
        raise ExpressionError(f"an item of the loop does not have {parts} parts")
    return items
