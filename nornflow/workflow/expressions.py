"""Evaluates the expressions of workflows (`when`, `condition`, `targets`, `until`, `from`) safely and fast."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.device import HostView
from nornflow.record import record
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.functions import FUNCTIONS
from nornflow.workflow.lowering import LOCAL, Lowering
from nornflow.workflow.syntax import ExpressionSyntax, Source, parse
from nornflow.workflow.walker import Walker

NAMES = ("inputs", "vars", "steps", "workflow", "run", "host", "env", "item", "index", "execution_id")
"""The names that expressions and templates of a step can have."""

_KEPT = 4096
_MAKING = Lock()
"""Held where a walker is made: simpleeval quietens warnings for that moment, which Python does for all threads at once."""
_MAKERS = (ast.BinOp, ast.Dict, ast.GeneratorExp, ast.List, ast.ListComp, ast.Slice, ast.Tuple)
"""The nodes that build texts, lists or mappings, so that the size of the whole has to be looked at."""


@record
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
        self._functions = {**FUNCTIONS, **(functions or {}), "default": _default}
        self._lenient = missing_is_null
        self._kept: dict[str, tuple[ast.expr, bool]] = {}
        self._idle: list[Walker] = []  # taken and put back whole, so that each is in one thread at a time

    def evaluate(self, expression: str, names: Mapping[str, Any]) -> Any:
        """Return the value of an expression; ExpressionError when it has none, never "false" instead."""
        tree, weighed = self._kept.get(expression) or self._keep(expression)
        walker = self._walker()
        try:
            value = walker.run(tree, names)
            return walker.budget.weigh(value) if weighed else value
        except ExpressionError as error:
            raise ExpressionError(f"{error.message} (in `{expression.strip()[:200]}`)", hint=error.hint) from None
        except ZeroDivisionError:
            raise ExpressionError(f"a division by zero (in `{expression.strip()[:200]}`)") from None
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"{error} (in `{expression.strip()[:200]}`)") from None
        finally:
            self._idle.append(walker)

    def check(self, expression: str) -> tuple[Reference, ...]:
        """Parse an expression without evaluating it and return the names it uses.

        Raises ExpressionSyntax (an ExpressionError with `code` and `offset`) when it can never be evaluated.
        """
        source, tree = self._parsed(expression)
        found = _references(tree, source)
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
        source, tree = self._parsed(expression)
        return frozenset(one.path[0] for one in _references(tree, source) if not one.optional)

    def _parsed(self, expression: str) -> tuple[Source, ast.expr]:
        source = parse(expression, self._step_ids)
        tree: ast.expr = Lowering(source, self._functions).visit(source.tree)
        return source, tree

    def _walker(self) -> Walker:
        try:
            return self._idle.pop()
        except IndexError:
            with _MAKING:
                return Walker(self._functions, self._lenient)

    def _keep(self, expression: str) -> tuple[ast.expr, bool]:
        tree = self._parsed(expression)[1]
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        kept = self._kept[expression] = tree, any(isinstance(node, _MAKERS) for node in ast.walk(tree))
        return kept


def _default(value: Any, instead: Any = "", /) -> Any:
    """Stand for `default` where functions are looked up; the walker looks before it evaluates."""
    return instead if value is None else value


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


def _references(tree: ast.expr, source: Source) -> tuple[Reference, ...]:
    """Return the names that an expression uses, without the variables of its loops, in the order they stand."""
    found: list[Reference] = []
    _collect(tree, source, False, found)
    return tuple(sorted(found, key=lambda reference: reference.offset))


def _collect(node: ast.AST, source: Source, optional: bool, found: list[Reference]) -> None:
    path = _path(node)
    if path:
        if LOCAL not in path[0]:
            found.append(Reference(path, source.offset(node), optional))
    elif isinstance(node, ast.Call):
        lenient = isinstance(node.func, ast.Name) and node.func.id == "default"
        for position, arg in enumerate((*node.args, *node.keywords)):
            _collect(arg, source, optional or (lenient and position == 0), found)
    else:
        for child in ast.iter_child_nodes(node):
            _collect(child, source, optional, found)


def _path(node: ast.AST) -> tuple[str, ...]:
    """Return the keys of a path such as `steps.a["b"].c`; empty when the node is something else."""
    match node:
        case ast.Name():
            return (node.id,)
        case ast.Attribute(value=owner, attr=key) | ast.Subscript(value=owner, slice=ast.Constant(value=str() as key)):
            parent = _path(owner)
            return (*parent, key) if parent else ()
    return ()
