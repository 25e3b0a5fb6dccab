"""How much an expression or template may cost, and the operations that could cost without end, bounded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.redaction import Secret

MAX_WORK = 1_000_000
MAX_STRING = 100_000
MAX_ITEMS = 10_000
MAX_BITS = 256


class Budget:
    """Counts the work of one evaluation; raises ExpressionError when there has been too much of it."""

    __slots__ = ("left",)

    def __init__(self, work: int = MAX_WORK) -> None:
        self.left = work

    def spend(self, work: int) -> None:
        """Take work off the budget."""
        self.left -= work
        if self.left < 0:
            raise ExpressionError(
                "the evaluation takes too long", hint="look at fewer values, or compute this in a step of its own"
            )

    def weigh(self, value: Any) -> Any:
        """Spend what it costs to walk a value with all that is in it, and return the value; plain data only."""
        if isinstance(value, str):
            self.spend(1 + (len(value) >> 6))
        elif isinstance(value, int | float) or value is None:
            self.spend(1)
        else:
            todo = [value]
            while todo:
                one = todo.pop()
                if isinstance(one, str):
                    self.spend(1 + (len(one) >> 6))
                elif isinstance(one, Mapping):
                    self.spend(1 + len(one))
                    todo.extend(one.values())
                elif isinstance(one, Sequence | Set):
                    self.spend(1 + len(one))
                    todo.extend(one)
                elif one is None or isinstance(one, int | float | Secret):
                    self.spend(1)
                else:
                    str(one)  # what Jinja calls undefined says now what is missing
                    raise ExpressionError(f"{kind(one)} is not plain data")
        return value


def is_number(value: Any) -> bool:
    """Tell whether a value is a number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def bounded(value: Any) -> Any:
    """Return a number or text that was just made; ExpressionError when it is too large."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ExpressionError("a number grows too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("a number grows too large")
    if isinstance(value, str) and len(value) > MAX_STRING:
        raise ExpressionError(f"a text grows longer than {MAX_STRING:,} characters")
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        raise ExpressionError(f"a list grows longer than {MAX_ITEMS:,} items")
    return value


def add(left: Any, right: Any) -> Any:
    """Add two numbers, or join two texts or two lists."""
    if is_number(left) and is_number(right):
        return bounded(left + right)
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > MAX_STRING:
            raise ExpressionError(f"a text grows longer than {MAX_STRING:,} characters")
        return left + right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) + len(right) > MAX_ITEMS:
            raise ExpressionError(f"a list grows longer than {MAX_ITEMS:,} items")
        return [*left, *right]
    raise mismatch("+", left, right)


def multiply(left: Any, right: Any) -> Any:
    """Multiply two numbers, or repeat a text."""
    if is_number(left) and is_number(right):
        return bounded(left * right)
    if isinstance(left, int) and isinstance(right, str):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, int) and not isinstance(right, bool):
        if len(left) * max(right, 0) > MAX_STRING:
            raise ExpressionError(f"a text grows longer than {MAX_STRING:,} characters")
        return left * right
    raise mismatch("*", left, right)


def power(left: Any, right: Any) -> Any:
    """Raise a number to a power that stays small."""
    if not (is_number(left) and is_number(right)):
        raise mismatch("**", left, right)
    if abs(right) > 64 or abs(left) > 1_000_000:
        raise ExpressionError(f"{left} ** {right} is too large")
    result = left**right
    if isinstance(result, complex):
        raise ExpressionError("the root of a negative number")
    return bounded(result)


def modulo(left: Any, right: Any) -> Any:
    """Return the rest of a division; texts are not formatted."""
    if not (is_number(left) and is_number(right)):
        raise mismatch("%", left, right)
    return left % right


def mismatch(operator: str, left: Any, right: Any) -> ExpressionError:
    """Return the error of an operator that does not go with these values."""
    return ExpressionError(f"`{operator}` does not go with {kind(left)} and {kind(right)}")


def kind(value: Any) -> str:
    """Return the kind of a value in the words of workflows."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case _:
            return f"a {type(value).__name__}"
