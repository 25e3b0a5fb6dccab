"""What can be said in an expression: refuses all else with its place, and leaves a tree that the evaluator walks."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.functions import regex
from nornflow.workflow.syntax import HYPHEN, ExpressionSyntax, Source

LOCAL = "\ue000"
"""Marks the variables of loops within a tree; no name that is written has this character."""
CONSTANTS = {"null": None, "true": True, "false": False}
VALUES = (
    *(ast.Attribute, ast.BinOp, ast.BoolOp, ast.Call, ast.Compare, ast.Constant, ast.Dict, ast.GeneratorExp, ast.IfExp),
    *(ast.List, ast.ListComp, ast.Name, ast.Slice, ast.Subscript, ast.Tuple, ast.UnaryOp, ast.keyword),
)
"""The nodes that have a value; no other node is ever evaluated."""
_PARTS = (*VALUES, ast.comprehension, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)


class Loop(ast.expr):
    """What a loop runs over, each item in as many parts as the loop has variables (0: whole)."""

    _fields = ("value",)
    value: ast.expr
    parts: int


class Stop(ast.expr):
    """A value that ends the any() or all() around it when it decides: true for any(), false for all()."""

    _fields = ("value",)
    value: ast.expr
    when: bool


def _made(kind: type[Any], value: ast.expr, **more: Any) -> Any:
    node = ast.copy_location(kind(value=value), value)
    vars(node).update(more)
    return node


class Lowering(ast.NodeTransformer):
    """Puts names, texts and filters of a tree right; raises ExpressionSyntax for what expressions do not have."""

    def __init__(self, source: Source, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._source = source
        self._functions = functions
        self._scope: dict[str, str] = {}
        self._loops = 0

    def visit(self, node: ast.AST) -> Any:
        """Return what stands for a node."""
        if not isinstance(node, _PARTS):
            raise self._refused(f"expressions do not have `{self._source.written(node)}`", node)
        return super().visit(node)

    def _refused(self, message: str, node: ast.AST, code: str = "NF303", **more: str) -> ExpressionSyntax:
        return ExpressionSyntax(code, message, self._source.offset(node), **more)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Put in the text that a constant stands for."""
        if isinstance(node.value, str):
            node.value = self._source.strings[self._source.offset(node)]
        elif not (node.value is None or isinstance(node.value, bool | int | float)):
            raise self._refused(f"expressions do not have {node.value!r}", node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Put in what `null`, `true` and `false` are, and the own names of loops' variables."""
        node.id = self._scope.get(node.id, node.id)
        if node.id.startswith("__"):
            raise self._refused(f"the name {node.id!r} is not one that expressions have", node)
        return ast.copy_location(ast.Constant(CONSTANTS[node.id]), node) if node.id in CONSTANTS else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Put back the hyphens of step ids."""
        node.attr = node.attr.replace(HYPHEN, "-")
        if node.attr.startswith("__"):
            raise self._refused(f"the attribute {node.attr!r} is not one that expressions have", node)
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """Make `x | f(y)` the call `f(x, y)` that it is another way to write."""
        if not isinstance(node.op, ast.BitOr):
            return self.generic_visit(node)
        match node.right:
            case ast.Name() as name:
                call = ast.Call(name, [node.left], [])
            case ast.Call(func=ast.Name()) as call:
                call.args.insert(0, node.left)
            case _:
                hint = "as in `x | default(0)`; write `or` for either-or"
                raise self._refused("after `|` stands a function", node.right, hint=hint)
        return self.visit(ast.copy_location(call, node))

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        """Refuse `**`."""
        if None in node.keys:
            raise self._refused("expressions do not have `**`", node)
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Look at the patterns after `matches`."""
        self.generic_visit(node)
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.Is | ast.IsNot):
                self._pattern(right)
        return node

    def _pattern(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                regex(node.value)
            except ExpressionError as error:
                raise self._refused(error.message, node, "NF107", hint=error.hint) from None

    def visit_ListComp(self, node: ast.ListComp | ast.GeneratorExp) -> ast.AST:
        """Give the variables of each loop names of their own, which nothing outside of it has."""
        outer = self._scope
        for loop in node.generators:
            over, several = self.visit(loop.iter), isinstance(loop.target, ast.Tuple)
            names = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
            self._scope = dict(self._scope)
            for name in names:
                if loop.is_async or not isinstance(name, ast.Name) or name.id in CONSTANTS:
                    raise self._refused("a loop's variable is a name", loop.target)
                self._loops += 1
                self._scope[name.id] = name.id = name.id + LOCAL * self._loops
            loop.iter = _made(Loop, over, parts=len(names) if several else 0)
            loop.ifs = [self.visit(test) for test in loop.ifs]
        node.elt = self.visit(node.elt)
        self._scope = outer
        return node

    visit_GeneratorExp = visit_ListComp

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Look whether a function is there and takes these arguments."""
        if not isinstance(node.func, ast.Name):
            method = isinstance(node.func, ast.Attribute)
            hint = "the functions are called as `lower(x)`, not `x.lower()`" if method else ""
            raise self._refused("only the functions of expressions can be called", node.func, hint=hint)
        name = node.func.id
        function = self._functions.get(name)
        if function is None:
            near = did_you_mean(name, self._functions)
            hint = "" if near else f"functions: {listing(sorted(self._functions), 60)}"
            raise self._refused(f"there is no function `{name}`", node.func, "NF310", suggestion=near, hint=hint)
        named = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        if len(named) < len(node.keywords) or any(isinstance(arg, ast.Starred) for arg in node.args):
            raise self._refused("arguments are given one by one, without `*`", node.func)
        try:
            inspect.signature(function).bind(*node.args, **named)
        except TypeError as error:
            raise self._refused(f"{name}(): {error}", node.func) from None
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        if name in ("any", "all") and isinstance(node.args[0], ast.GeneratorExp):
            loop = node.args[0]
            loop.elt = _made(Stop, loop.elt, when=name == "any")
        elif name in ("matches", "capture") and node.args[1:]:
            self._pattern(node.args[1])
        return node
