"""Turns the syntax tree of an expression into nested functions: what is not listed here cannot be said in an expression.

After simpleeval's idea (walk Python's tree, allow by list), but attributes are only ever keys of mappings: no attribute of a
Python object can be reached, so there is nothing to escape through.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.workflow import loops, operators
from nornflow.workflow.budget import kind
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.loops import Code, Frame
from nornflow.workflow.syntax import HYPHEN, ExpressionSyntax, Source

CONSTANTS = {"null": None, "true": True, "false": False}
_NAMELESS = {
    ast.Lambda: "a lambda",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "an f-string",
    ast.Starred: "a star",
    ast.Set: "a set",
    ast.SetComp: "a set comprehension",
    ast.DictComp: "a dict comprehension",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}


class MissingValue(ExpressionError):
    """A name, key or item that is not there: the only error that `default()` turns into its second value."""


class ClosureBuilder:
    """Builds the function of one expression; raises ExpressionSyntax for what expressions do not have."""

    def __init__(self, source: Source, functions: Mapping[str, Callable[..., Any]], missing_is_null: bool) -> None:
        self._source = source
        self._functions = functions
        self._lenient = missing_is_null
        self.scope: list[str] = []
        """The variables of the loops around the node that is being built."""
        self.makes_values = False
        """Whether the expression builds lists or mappings, whose size has to be looked at."""

    def build(self, node: ast.expr) -> Code:
        """Return the function of a node."""
        method: Callable[[Any], Code] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            what = _NAMELESS.get(type(node), f"a {type(node).__name__}")
            raise self.refused(f"expressions do not have {what}", node)
        return method(node)

    def refused(self, message: str, node: ast.AST, code: str = "NF303", **more: str) -> ExpressionSyntax:
        """Return the error that a node is not one that expressions have."""
        return ExpressionSyntax(code, message, self._source.offset(node), **more)

    def _written(self, node: ast.expr) -> str:
        end = len(self._source.python.encode()[: node.end_col_offset].decode(errors="replace"))
        return self._source.text[self._source.offset(node) : end][:120]

    def _constant(self, node: ast.Constant) -> Code:
        value = self._source.string(node) if isinstance(node.value, str) else node.value
        if not (value is None or isinstance(value, bool | int | float | str)):
            raise self.refused(f"expressions do not have {value!r}", node)
        return lambda frame: value

    def _name(self, node: ast.Name) -> Code:
        name = node.id.replace(HYPHEN, "-")
        if name in self.scope:
            return lambda frame: frame.local[name]
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return lambda frame: value
        if name.startswith("__"):
            raise self.refused(f"the name {name!r} is not one that expressions have", node)
        functions = self._functions

        def lookup(frame: Frame) -> Any:
            try:
                return frame.names[name]
            except KeyError:
                pass
            if name in functions:
                raise ExpressionError(f"`{name}` is a function: write `{name}(...)`")
            near = did_you_mean(name, frame.names)
            raise MissingValue(f"there is no `{name}`", hint=_meant(near, frame.names))

        return lookup

    def _attribute(self, node: ast.Attribute) -> Code:
        key = node.attr.replace(HYPHEN, "-")
        if key.startswith("__"):
            raise self.refused(f"the attribute {key!r} is not one that expressions have", node)
        return self._item(self.build(node.value), key, node)

    def _item(self, owner: Code, key: Any, node: ast.Attribute) -> Code:
        written, parent, lenient = self._written(node), self._written(node.value), self._lenient

        def attribute(frame: Frame) -> Any:
            value = owner(frame)
            if isinstance(value, Mapping):
                try:
                    return value[key]
                except KeyError:
                    if lenient:
                        return None
                    near = did_you_mean(key, value)
                    raise MissingValue(f"there is no `{written}`", hint=_meant(near, value)) from None
            if value is None:
                if lenient:
                    return None
                raise MissingValue(f"there is no `{written}`: `{parent}` is null")
            raise ExpressionError(
                f"there is no `{written}`: `{parent}` is {kind(value)}",
                hint="only mappings have names; the functions are called as `lower(x)`, not `x.lower()`",
            )

        return attribute

    def _subscript(self, node: ast.Subscript) -> Code:
        owner, written, lenient = self.build(node.value), self._written(node), self._lenient
        if isinstance(node.slice, ast.Slice):
            parts = [part and self.build(part) for part in (node.slice.lower, node.slice.upper, node.slice.step)]
            self.makes_values = True
            return lambda frame: operators.cut(owner(frame), *(part and part(frame) for part in parts))
        key = self.build(node.slice)

        def item(frame: Frame) -> Any:
            value, which = owner(frame), key(frame)
            if value is None and lenient:
                return None
            try:
                return operators.pick(value, which)
            except LookupError:
                if lenient:
                    return None
                known = value if isinstance(value, Mapping) else ()
                hint = _meant(did_you_mean(str(which), known), known)
                raise MissingValue(f"there is no `{written}` ({str(which)[:60]!r})", hint=hint) from None

        return item

    def _boolop(self, node: ast.BoolOp) -> Code:
        parts = [self.build(value) for value in node.values]
        stop_at = isinstance(node.op, ast.Or)

        def boolean(frame: Frame) -> Any:
            value = None
            for part in parts:
                value = part(frame)
                if bool(value) is stop_at:
                    break
            return value

        return boolean

    def _unaryop(self, node: ast.UnaryOp) -> Code:
        operand = self.build(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda frame: not operand(frame)
        if isinstance(node.op, ast.USub | ast.UAdd):
            sign = -1 if isinstance(node.op, ast.USub) else 1
            return lambda frame: operators.signed(sign, operand(frame))
        raise self.refused("expressions have no bit operators", node)

    def _binop(self, node: ast.BinOp) -> Code:
        if isinstance(node.op, ast.BitOr):
            return self._filter(node)
        function = operators.BINARY.get(type(node.op))
        if function is None:
            raise self.refused(f"expressions do not have the operator {type(node.op).__name__}", node)
        left, right = self.build(node.left), self.build(node.right)
        self.makes_values = self.makes_values or isinstance(node.op, ast.Add)
        call = function

        def binary(frame: Frame) -> Any:
            result = call(left(frame), right(frame))
            if isinstance(result, str | list):
                frame.budget.spend(1 + len(result))
            return result

        return binary

    def _filter(self, node: ast.BinOp) -> Code:
        match node.right:
            case ast.Name():
                return self._calling(node.right, [node.left], [])
            case ast.Call(func=ast.Name() as name, args=args, keywords=keywords):
                return self._calling(name, [node.left, *args], keywords)
        raise self.refused(
            "after `|` stands a function", node.right, hint="as in `x | default(0)`; write `or` for either-or"
        )

    def _compare(self, node: ast.Compare) -> Code:
        operands = [self.build(one) for one in (node.left, *node.comparators)]
        steps = list(zip((operators.comparison(op, self._lenient) for op in node.ops), operands[1:], strict=True))
        first = operands[0]
        if len(steps) == 1:
            test, second = steps[0]
            return lambda frame: test(first(frame), second(frame), frame.budget)

        def chain(frame: Frame) -> bool:
            left = first(frame)
            for test, operand in steps:
                right = operand(frame)
                if not test(left, right, frame.budget):
                    return False
                left = right
            return True

        return chain

    def _ifexp(self, node: ast.IfExp) -> Code:
        test, body, other = self.build(node.test), self.build(node.body), self.build(node.orelse)
        return lambda frame: body(frame) if test(frame) else other(frame)

    def _list(self, node: ast.List) -> Code:
        self.makes_values = True
        parts = [self.build(one) for one in node.elts]
        return lambda frame: [part(frame) for part in parts]

    _tuple = _list

    def _dict(self, node: ast.Dict) -> Code:
        self.makes_values = True
        if any(key is None for key in node.keys):
            raise self.refused("expressions do not have `**`", node)
        pairs = [(self.build(key), self.build(value)) for key, value in zip(node.keys, node.values, strict=True) if key]
        return lambda frame: {str(key(frame)): value(frame) for key, value in pairs}

    def _call(self, node: ast.Call) -> Code:
        if not isinstance(node.func, ast.Name):
            hint = (
                "the functions are called as `lower(x)`, not `x.lower()`"
                if isinstance(node.func, ast.Attribute)
                else ""
            )
            raise self.refused("only the functions of expressions can be called", node.func, hint=hint)
        return self._calling(node.func, node.args, node.keywords)

    def _calling(self, name: ast.Name, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> Code:
        if name.id == "default":
            return self._default(name, args, keywords)
        function = self._functions.get(name.id)
        if function is None:
            near = did_you_mean(name.id, ("default", *self._functions))
            hint = "" if near else f"functions: {listing(sorted(('default', *self._functions)), 60)}"
            message = f"there is no function `{name.id}`"
            raise self.refused(message, name, "NF310", suggestion=near, hint=hint)
        named = {keyword.arg: keyword.value for keyword in keywords if keyword.arg is not None}
        if len(named) < len(keywords) or any(isinstance(arg, ast.Starred) for arg in args):
            raise self.refused("arguments are given one by one, without `*`", name)
        try:
            inspect.signature(function).bind(*args, **named)
        except TypeError as error:
            raise self.refused(f"{name.id}(): {error}", name) from None
        if name.id in ("any", "all") and isinstance(args[0], ast.GeneratorExp):
            return loops.quantifier(loops.comprehension(self, args[0]), name.id == "any")
        codes = [self.build(arg) for arg in args]
        extra = {key: self.build(value) for key, value in named.items()}
        call = function

        def called(frame: Frame) -> Any:
            values = [code(frame) for code in codes]
            for value in values:
                frame.budget.spend(1 + len(value) if isinstance(value, str | Sequence | Mapping) else 1)
            return call(*values, **{key: code(frame) for key, code in extra.items()})

        return called

    def _default(self, name: ast.Name, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> Code:
        if len(args) not in (1, 2) or keywords:
            raise self.refused("default() takes a value and what stands for it when it is missing or null", name)
        wanted = self.build(args[0])
        instead = self.build(args[1]) if len(args) == 2 else (lambda frame: "")

        def default(frame: Frame) -> Any:
            try:
                value = wanted(frame)
            except MissingValue:
                value = None
            return instead(frame) if value is None else value

        return default

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> Code:
        self.makes_values = True
        return loops.listed(loops.comprehension(self, node))

    _generatorexp = _listcomp


def _meant(near: str, known: Any) -> str:
    if near:
        return f"did you mean `{near}`?"
    names = listing(known, 12)
    return f"there are: {names}" if names else ""
