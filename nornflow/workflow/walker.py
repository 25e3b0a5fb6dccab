"""Evaluates the trees of expressions: simpleeval, whose attributes are keys here and whose work comes off a budget."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression

from nornflow.errors import ExpressionError
from nornflow.workflow import operators
from nornflow.workflow.budget import MAX_WORK, Budget, bounded, kind
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.lowering import LOCAL, VALUES, Loop, Stop


class MissingValue(ExpressionError):
    """A name, key or item that is not there: the only error that `default()` turns into its second value."""

    def __init__(self, node: ast.expr, wanted: object, known: Any = (), because: str = "") -> None:
        super().__init__(f"there is no `{wanted}`")
        self._about = node, wanted, known, because

    def told(self) -> ExpressionError:
        """Return the error for people; what was meant is looked for only now, as `default()` does not want to know."""
        node, wanted, known, because = self._about
        near, names = did_you_mean(str(wanted), known), listing(known, 12)
        hint = f"did you mean `{near}`?" if near else f"there are: {names}" if names else ""
        return ExpressionError(f"there is no `{written(node)}`{because}", hint=hint)


class _Decided(Exception):
    """The loop inside of any() or all() has met the value that decides."""


class Walker(EvalWithCompoundTypes):  # type: ignore[misc]
    """Walks one tree at a time; whoever shares it between threads hands it from one to the next.

    What simpleeval would reach with `getattr` is never reached: attributes are keys of mappings, functions those given.
    """

    nodes: dict[type[ast.AST], Callable[..., Any]]

    def __init__(self, functions: Mapping[str, Callable[..., Any]], missing_is_null: bool) -> None:
        super().__init__()
        self.budget = Budget()
        self._lenient = missing_is_null
        self.functions = {name: partial(self._call, function) for name, function in functions.items()}
        self.operators = operators.table(self.budget, missing_is_null)
        self.nodes = {one: self.nodes[one] for one in VALUES}
        self.nodes.update({ast.Tuple: self._eval_list, Loop: self._eval_loop, Stop: self._eval_stop})

    def run(self, tree: ast.expr, names: Mapping[str, Any]) -> Any:
        """Return the value of a tree; raises ExpressionError, or what an operation on plain data raises."""
        self.names, self.budget.left = names, MAX_WORK
        try:
            return self.eval("", tree)
        except MissingValue as error:
            raise error.told() from None
        except InvalidExpression as error:
            raise ExpressionError(str(error)) from None
        finally:
            self.names = {}

    # simpleeval counts the rounds of all loops here, up to a fixed number; they are taken off the budget instead
    _max_count = property(lambda self: 0, lambda self, count: self.budget.spend(count))

    def _check_disallowed_items(self, item: Any) -> None:
        """Count a node, instead of searching its value for functions: none in there can be called or looked into."""
        self.budget.left -= 1

    def _charge(self, value: Any) -> Any:
        if isinstance(value, str | Sequence | Mapping):
            self.budget.spend(len(value))
        return value

    def _eval_name(self, node: ast.Name) -> Any:
        try:
            return self.names[node.id]
        except KeyError:
            pass
        if node.id in self.functions:
            raise ExpressionError(f"`{node.id}` is a function: write `{node.id}(...)`")
        raise MissingValue(node, node.id, self.names)

    def _eval_attribute(self, node: ast.Attribute) -> Any:
        value = self._eval(node.value)
        if isinstance(value, Mapping):
            try:
                return value[node.attr]
            except KeyError:
                if not self._lenient:
                    raise MissingValue(node, node.attr, value) from None
        elif value is not None:
            raise ExpressionError(
                f"there is no `{written(node)}`: `{written(node.value)}` is {kind(value)}",
                hint="only mappings have names; the functions are called as `lower(x)`, not `x.lower()`",
            )
        elif not self._lenient:
            raise MissingValue(node, node.attr, because=f": `{written(node.value)}` is null")
        return None

    def _eval_subscript(self, node: ast.Subscript) -> Any:
        value, which = self._eval(node.value), self._eval(node.slice)
        if value is None and self._lenient:
            return None
        try:
            picked = operators.pick(value, which)
        except LookupError:
            if self._lenient:
                return None
            known = value if isinstance(value, Mapping) else ()
            raise MissingValue(node, which, known, f" ({str(which)[:60]!r})") from None
        return self._charge(picked) if isinstance(which, slice) else picked

    def _eval_binop(self, node: ast.BinOp) -> Any:
        return self._charge(super()._eval_binop(node))

    def _eval_dict(self, node: ast.Dict) -> dict[str, Any]:
        return {str(key): value for key, value in super()._eval_dict(node).items()}

    def _eval_call(self, node: ast.Call) -> Any:
        name = node.func.id  # type: ignore[attr-defined]
        if name == "default":
            try:
                value = self._eval(node.args[0])
            except MissingValue:
                value = None
            return value if value is not None else self._eval(node.args[1]) if node.args[1:] else ""
        try:
            return super()._eval_call(node)
        except _Decided:
            return name == "any"

    def _call(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        for value in args:
            self._charge(value)
        return self._charge(function(*args, **named))

    def _eval_comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Any:
        values = super()._eval_comprehension(node)
        return values if isinstance(node.elt, Stop) else bounded(values)

    def _eval_loop(self, node: Loop) -> Sequence[Any]:
        items = operators.iterated(self._eval(node.value), node.parts)
        self.budget.spend(len(items) >> 4)
        return items

    def _eval_stop(self, node: Stop) -> bool:
        if bool(self._eval(node.value)) is node.when:
            raise _Decided
        return not node.when


def written(node: ast.expr) -> str:
    """Return a part of an expression as it could be written, cut to a length that fits a message."""
    return ast.unparse(node).replace(LOCAL, "")[:120]
