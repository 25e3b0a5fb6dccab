"""Evaluates the expressions of workflows (`when`, `condition`, `targets`, `until`, `from`) safely and fast."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.device import HostView
from nornflow.workflow.closures import CONSTANTS, ClosureBuilder
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.functions import FUNCTIONS, regex
from nornflow.workflow.loops import Code, Frame
from nornflow.workflow.syntax import HYPHEN, ExpressionSyntax, Source, parse

NAMES = ("inputs", "vars", "steps", "workflow", "run", "host", "env", "item", "index", "execution_id")
"""The names that expressions and templates of a step can have."""

_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that an expression or template uses, with the keys after it that are written out: `("steps", "a", "stdout")`.

    `optional` is true inside of `default()`, where a missing value is not an error; `offset` is the character it starts at.
    """

    path: tuple[str, ...]
    offset: int = 0
    optional: bool = False


class Evaluator:
    """Evaluates expressions over plain data and keeps what it has parsed; may be shared by threads.

    `names` are the names that expressions may use at all (None: whatever is given to `evaluate`), `step_ids` the ids that
    may hold hyphens, `functions` come on top of the built-in ones. With `missing_is_null` a key that is not there is null
    all the way down, as in `targets`, where not every host has every key.
    """

    def __init__(
        self,
        names: Collection[str] | None = None,
        *,
        step_ids: Collection[str] = (),
        functions: Mapping[str, Callable[..., Any]] | None = None,
        missing_is_null: bool = False,
    ) -> None:
        self._names = None if names is None else frozenset(names)
        self._step_ids = tuple(step_ids)
        self._functions = {**FUNCTIONS, **(functions or {})}
        self._lenient = missing_is_null
        self._kept: dict[str, tuple[Code, bool]] = {}

    def evaluate(self, expression: str, names: Mapping[str, Any]) -> Any:
        """Return the value of an expression; ExpressionError when it has none, never "false" instead."""
        known = self._kept.get(expression) or self._compile(expression)
        code, weighed = known
        frame = Frame(names)
        try:
            value = code(frame)
            return frame.budget.weigh(value) if weighed else value
        except ExpressionSyntax:
            raise
        except ExpressionError as error:
            raise type(error)(f"{error.message} (in `{expression.strip()[:200]}`)", hint=error.hint) from None
        except ZeroDivisionError:
            raise ExpressionError(f"a division by zero (in `{expression.strip()[:200]}`)") from None
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"{error} (in `{expression.strip()[:200]}`)") from None

    def check(self, expression: str) -> tuple[Reference, ...]:
        """Parse an expression without evaluating it and return the names it uses.

        Raises ExpressionSyntax (an ExpressionError with `code` and `offset`) when it can never be evaluated.
        """
        source = parse(expression, self._step_ids)
        ClosureBuilder(source, self._functions, self._lenient).build(source.tree)
        _check_patterns(source)
        found = references(source)
        for reference in found:
            name = reference.path[0]
            if self._names is not None and name not in self._names and not reference.optional:
                near = did_you_mean(name, self._names)
                hint = "" if near else f"names: {listing(sorted(self._names), 30)}"
                message = f"there is no `{name}` here"
                raise ExpressionSyntax("NF302", message, reference.offset, hint=hint, suggestion=near)
        return found

    def names_used(self, expression: str) -> frozenset[str]:
        """Return the names (not the keys after them) that an expression uses and cannot do without."""
        found = references(parse(expression, self._step_ids))
        return frozenset(reference.path[0] for reference in found if not reference.optional)

    def _compile(self, expression: str) -> tuple[Code, bool]:
        source = parse(expression, self._step_ids)
        builder = ClosureBuilder(source, self._functions, self._lenient)
        code = builder.build(source.tree)
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[expression] = (code, builder.makes_values)
        return code, builder.makes_values


def _check_patterns(source: Source) -> None:
    """Compile the regular expressions that are written out; raises ExpressionSyntax for one that RE2 does not take."""
    for node in ast.walk(source.tree):
        candidates: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            pairs = zip(node.ops, node.comparators, strict=True)
            candidates = [right for op, right in pairs if isinstance(op, ast.Is | ast.IsNot)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("matches", "capture"):
            candidates = node.args[1:2]
        for candidate in candidates:
            if isinstance(candidate, ast.Constant) and isinstance(candidate.value, str):
                try:
                    regex(source.string(candidate))
                except ExpressionError as error:
                    offset = source.offset(candidate)
                    raise ExpressionSyntax("NF107", error.message, offset, hint=error.hint) from None


def names_used(expression: str, step_ids: Collection[str] = ()) -> frozenset[str]:
    """Return the names that an expression uses, e.g. to find those that no host of an inventory has."""
    return Evaluator(step_ids=step_ids).names_used(expression)


class HostNames(dict[str, Any]):
    """The names of a target expression for one host; a name that this host lacks is null."""

    def __missing__(self, key: str) -> None:
        return None


def host_names(host: HostView) -> HostNames:
    """Return what a target expression can name: the host's data, and its name, hostname, platform and groups."""
    return HostNames(
        host.data, name=host.name, hostname=host.hostname, platform=host.platform, groups=list(host.groups)
    )


def references(source: Source) -> tuple[Reference, ...]:
    """Return the names that a parsed expression uses, without the variables of its loops, in the order they stand."""
    found: list[Reference] = []
    _collect(source.tree, source, frozenset(CONSTANTS), False, found)
    return tuple(sorted(found, key=lambda reference: reference.offset))


def _collect(node: ast.AST, source: Source, scope: frozenset[str], optional: bool, found: list[Reference]) -> None:
    path = _path(node, source)
    if path:
        if path[0] not in scope:
            found.append(Reference(path, source.offset(_root(node)), optional))
        return
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        for generator in node.generators:
            _collect(generator.iter, source, scope, optional, found)
            scope = scope | {one.id for one in ast.walk(generator.target) if isinstance(one, ast.Name)}
            for test in generator.ifs:
                _collect(test, source, scope, optional, found)
        _collect(node.elt, source, scope, optional, found)
        return
    if isinstance(node, ast.Call):
        lenient = isinstance(node.func, ast.Name) and node.func.id == "default"
        for position, arg in enumerate((*node.args, *(keyword.value for keyword in node.keywords))):
            _collect(arg, source, scope, optional or (lenient and position == 0), found)
        return
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        name = node.right.func if isinstance(node.right, ast.Call) else node.right
        lenient = isinstance(name, ast.Name) and name.id == "default"
        _collect(node.left, source, scope, optional or lenient, found)
        if isinstance(node.right, ast.Call):
            for arg in (*node.right.args, *(keyword.value for keyword in node.right.keywords)):
                _collect(arg, source, scope, optional, found)
        return
    for child in ast.iter_child_nodes(node):
        _collect(child, source, scope, optional, found)


def _path(node: ast.AST, source: Source) -> tuple[str, ...]:
    """Return the keys of a path such as `steps.a["b"].c`; empty when the node is something else."""
    match node:
        case ast.Name():
            return (node.id.replace(HYPHEN, "-"),)
        case ast.Attribute():
            parent = _path(node.value, source)
            return (*parent, node.attr.replace(HYPHEN, "-")) if parent else ()
        case ast.Subscript(slice=ast.Constant() as key) if isinstance(key.value, str):
            parent = _path(node.value, source)
            return (*parent, source.string(key)) if parent else ()
    return ()


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node
