"""The loops of expressions: list comprehensions, and generators inside of any() and all()."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nornflow.errors import ExpressionError
from nornflow.workflow import operators
from nornflow.workflow.budget import MAX_ITEMS, Budget


@dataclass(slots=True)
class Frame:
    """One evaluation: the names given, the variables of comprehensions, and what may still be spent."""

    names: Mapping[str, Any]
    budget: Budget = field(default_factory=Budget)
    local: dict[str, Any] = field(default_factory=dict)


Code = Callable[[Frame], Any]
"""An expression, or a part of one, ready to be evaluated."""


class Builder(Protocol):
    """What builds the parts of a loop."""

    scope: list[str]

    def build(self, node: ast.expr) -> Code:
        """Return the code of a node."""

    def refused(self, message: str, node: ast.AST) -> ExpressionError:
        """Return the error that a node is not one that expressions have."""


Values = Callable[[Frame], Iterator[Any]]


def comprehension(builder: Builder, node: ast.ListComp | ast.GeneratorExp) -> Values:
    """Return what yields the values of a loop one by one; each round is taken off the budget."""
    rounds: list[tuple[list[str], bool, Code, list[Code]]] = []
    before = len(builder.scope)
    for generator in node.generators:
        over = builder.build(generator.iter)
        names, several = _targets(builder, generator.target)
        builder.scope.extend(names)
        rounds.append((names, several, over, [builder.build(test) for test in generator.ifs]))
    element = builder.build(node.elt)
    del builder.scope[before:]

    def run(frame: Frame, index: int = 0) -> Iterator[Any]:
        if index == len(rounds):
            yield element(frame)
            return
        names, several, over, tests = rounds[index]
        shadowed = {name: frame.local[name] for name in names if name in frame.local}
        for item in operators.iterated(over(frame)):
            frame.budget.spend(1 + len(tests))
            frame.local.update(operators.unpacked(names, item) if several else {names[0]: item})
            if all(test(frame) for test in tests):
                yield from run(frame, index + 1)
        frame.local.update(shadowed)

    return run


def listed(values: Values) -> Code:
    """Return what makes a list of a loop's values."""

    def run(frame: Frame) -> list[Any]:
        made = []
        for value in values(frame):
            made.append(value)
            if len(made) > MAX_ITEMS:
                raise ExpressionError(f"a list grows longer than {MAX_ITEMS:,} items")
        return made

    return run


def quantifier(values: Values, stop_at: bool) -> Code:
    """Return what answers any() (stop at the first true) or all() (stop at the first false) of a loop."""

    def run(frame: Frame) -> bool:
        shadowed = dict(frame.local)  # a loop that is left early does not put its variables back
        found = any(bool(value) is stop_at for value in values(frame))
        frame.local = shadowed
        return found is stop_at

    return run


def _targets(builder: Builder, target: ast.expr) -> tuple[list[str], bool]:
    if isinstance(target, ast.Name):
        return [target.id], False
    if isinstance(target, ast.Tuple) and all(isinstance(one, ast.Name) for one in target.elts):
        return [one.id for one in target.elts if isinstance(one, ast.Name)], True
    raise builder.refused("a loop's variable is a name", target)
