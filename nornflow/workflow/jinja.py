"""Jinja2 with the doors closed: data without methods of Python objects, few filters, and a bound on all that can grow.

On top of ImmutableSandboxedEnvironment: attributes are keys of mappings or one of a few harmless methods of texts and
mappings; what a template builds (lists, joined texts, loops, calls) passes through guards that the syntax tree is given
before it is compiled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from nornflow.errors import ExpressionError
from nornflow.redaction import Secret
from nornflow.workflow import budget as bounds
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.filters import FILTERS, REPLACES, words

GUARD, SHOW, LIMIT, COST = "nornflow guard", "nornflow show", "nornflow limit", "nornflow cost"
"""Names of internal filters; the blank in them keeps templates from calling them."""

_TEXT_METHODS = words(
    "capitalize count endswith find isalnum isalpha isdigit islower isupper join lower lstrip partition"
    " removeprefix removesuffix replace rfind rpartition rsplit rstrip split splitlines startswith strip swapcase"
    " title upper"
)
_MAPPING_METHODS = words("get items keys values")
_LIST_METHODS = words("count index")
_LOOP = words("index index0 revindex revindex0 first last length depth depth0 previtem nextitem cycle changed")
_TESTS = words(
    "boolean defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable le lessthan"
    " lower lt mapping ne none number odd sameas sequence string true undefined upper == != < <= > >="
)
_GLANCES = words("count d default first items last length")
"""Filters that cost the same however long the value is."""
_STATEMENTS: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.AssignBlock: "set … endset",
    nodes.ScopedEvalContextModifier: "autoescape",
}


class MissingName(UndefinedError):
    """A template used a name or key that is not there; `hint` says which ones are."""

    hint = ""


class _Missing(StrictUndefined):
    """An undefined value whose error says what the template may have meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if isinstance(owner, Mapping):
            near = did_you_mean(str(name), owner)
            names = listing(owner, 8)
            return f"there is no `{name}`" + (
                f"; did you mean `{near}`?" if near else f"; there are: {names or 'no keys'}"
            )
        if self._undefined_hint:
            return str(self._undefined_hint)
        if owner is missing:
            return f"there is no `{name}`"
        return f"{bounds.kind(owner)} has no `{name}`"


class BudgetContext(Context):
    """The names of one rendering, and what it may still spend."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.budget = bounds.Budget()


class Method:
    """A method of a text, list or mapping that templates may call; its result is looked at."""

    __slots__ = ("function", "name", "owner")

    def __init__(self, owner: Any, name: str) -> None:
        self.owner = owner
        self.name = name
        self.function = getattr(owner, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method; texts cannot grow past their bound."""
        if self.name in REPLACES:
            return REPLACES[self.name](self.owner, *args, **kwargs)
        result = self.function(*args, **kwargs)
        return list(result) if isinstance(self.owner, Mapping) and self.name != "get" else result


@pass_context
def _guard(context: BudgetContext, value: Any) -> Any:
    """Look at a value that the template built: its size, all the way down, is taken off the budget."""
    return bounds.bounded(context.budget.weigh(value))


@pass_context
def _show(context: BudgetContext, value: Any) -> Any:
    """Look at a value that becomes text: plain data only, and null is an error and not the word None."""
    if isinstance(value, str):
        context.budget.spend(len(value) >> 4)
        return value
    if value is None:
        raise ExpressionError("a null would become text", hint="give it a value: `{{ x | default('') }}`")
    if isinstance(value, int | float | Secret | Undefined):
        return value
    if isinstance(value, Iterator) and not isinstance(value, LoopContext):
        value = list(value)
    if isinstance(value, Mapping | Sequence):
        return context.budget.weigh(value)
    raise ExpressionError(f"{bounds.kind(value)} cannot become text")


@pass_context
def _limit(context: BudgetContext, items: Iterable[Any], cost: int) -> Iterator[Any]:
    """Take each round of a loop, with the text that it writes, off the budget."""
    if isinstance(items, Undefined) or items is None:
        iter(items or ())
        raise ExpressionError("a loop over null", hint="`{% for x in list | default([]) %}`")
    for item in items:
        context.budget.spend(cost)
        yield item


@pass_context
def _cost(context: BudgetContext, value: Any) -> Any:
    """Take what a filter will look through off the budget."""
    context.budget.spend(_length(value))
    return value


def _length(value: Any) -> int:
    """Return what it costs to look through a value once."""
    if isinstance(value, str):
        return len(value) >> 3
    return len(value) if isinstance(value, Mapping | Sequence) else 1


class Environment(ImmutableSandboxedEnvironment):
    """The Jinja environment of workflows."""

    intercepted_binops = frozenset(("+", "*", "**", "%", "/", "//", "-"))
    intercepted_unops = frozenset(("-", "+"))
    context_class = BudgetContext

    def __init__(self, filters: Mapping[str, Callable[..., Any]], functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(undefined=_Missing, autoescape=False, keep_trailing_newline=True, cache_size=0)
        self.trim_blocks = self.lstrip_blocks = True
        kept = {name: self.filters[name] for name in FILTERS.kept}
        self.filters = {**kept, **FILTERS.made, **filters, GUARD: _guard, SHOW: _show, LIMIT: _limit, COST: _cost}
        self.tests = {name: self.tests[name] for name in _TESTS}
        self.globals = {**functions, "null": None}  # as expressions write it; Jinja's own word is none
        self._callable = tuple(functions.values())

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a key of a mapping, a harmless method, or an undefined value."""
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            return Method(obj, attribute) if attribute in _MAPPING_METHODS else self._nothing(obj, attribute)
        if isinstance(obj, str):
            return Method(str(obj), attribute) if attribute in _TEXT_METHODS else self._nothing(obj, attribute)
        if isinstance(obj, list | tuple):
            return Method(obj, attribute) if attribute in _LIST_METHODS else self._nothing(obj, attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)  # raises, with the message of what was missing first
        return self._nothing(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item of a mapping, list or text, or an undefined value."""
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(obj, Mapping | Sequence):
            try:
                return obj[argument]
            except (LookupError, TypeError, ValueError):
                if isinstance(argument, str):
                    return self.getattr(obj, argument)
        return self._nothing(obj, argument)

    def _nothing(self, obj: Any, name: Any) -> Undefined:
        if isinstance(name, str) and name.startswith("__"):
            raise SecurityError(f"the attribute {name!r} is not one that templates have")
        made: Undefined = self.undefined(obj=obj, name=name)
        return made

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """No attribute is safe: the lookups above never reach one of Python's."""
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """Tell whether a template may call this: our functions, its own macros and the allowed methods."""
        return isinstance(obj, Method | Macro | LoopContext) or any(obj is known for known in self._callable)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call something for a template, and look at what comes back."""
        if isinstance(obj, Undefined):
            return obj()
        if not (self.is_safe_callable(obj) or getattr(obj, "__self__", None).__class__ is LoopContext):
            raise SecurityError(f"{bounds.kind(obj)} cannot be called")
        looked_at = _length(obj.owner) if isinstance(obj, Method) else 0
        if obj is self.globals.get("hash"):
            looked_at = sum(map(_length, args))
        context.budget.spend(10 + looked_at)  # type: ignore[attr-defined]
        result = context.call(obj, *args, **kwargs)
        if isinstance(result, str):
            context.budget.spend(len(result) >> 4)  # type: ignore[attr-defined]
            return result
        return _guard(context, result)  # type: ignore[arg-type]

    def call_filter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a filter that `map` names; ours are not among those it can name."""
        if " " in name:
            raise SecurityError(f"there is no filter `{name}`")
        return super().call_filter(name, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Do arithmetic, bounded."""
        for value in (left, right):
            if isinstance(value, Undefined):
                str(value)
        match operator:
            case "+":
                return _guard(context, bounds.add(left, right))  # type: ignore[arg-type]
            case "*":
                return bounds.multiply(left, right)
            case "**":
                return bounds.power(left, right)
            case "%":
                return bounds.modulo(left, right)
        if not (bounds.is_number(left) and bounds.is_number(right)):
            raise bounds.mismatch(operator, left, right)
        return self.binop_table[operator](left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """Give a number a sign."""
        if isinstance(arg, Undefined):
            str(arg)
        if not bounds.is_number(arg):
            raise ExpressionError(f"a sign before {bounds.kind(arg)}")
        return -arg if operator == "-" else arg


class ForbiddenStatement(Exception):
    """A template has a statement that templates of workflows do not have."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def guarded(tree: nodes.Template) -> nodes.Template:
    """Return the syntax tree with guards around everything that can grow; raises ForbiddenStatement."""
    for node in tree.find_all(nodes.Node):
        if type(node) in _STATEMENTS:
            raise ForbiddenStatement(f"templates have no `{{% {_STATEMENTS[type(node)]} %}}`", node.lineno)
        if isinstance(node, nodes.Const) and isinstance(node.value, float) and not math.isfinite(node.value):
            raise ForbiddenStatement("a number that is too large", node.lineno)
    _wrap(tree)
    return tree


def _wrap(node: nodes.Node) -> None:
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            _wrap(value)
            setattr(node, name, _guarded(node, name, value))
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, nodes.Node):
                    _wrap(child)
                    value[index] = _guarded(node, name, child)


def _guarded(parent: nodes.Node, name: str, node: nodes.Node) -> nodes.Node:
    if isinstance(parent, nodes.For) and name == "iter":
        cost = 1 + sum(len(data.data) for data in parent.find_all(nodes.TemplateData)) // 16
        return _filter(node, LIMIT, nodes.Const(cost))
    if isinstance(parent, nodes.Output) and name == "nodes" and not isinstance(node, nodes.TemplateData):
        return _filter(node, SHOW)
    if isinstance(parent, nodes.Filter) and name == "node" and parent.name not in _GLANCES:
        node = _filter(node, COST)
    is_value = isinstance(node, nodes.List | nodes.Dict | nodes.Concat)
    is_tuple = isinstance(node, nodes.Tuple) and node.ctx == "load"
    return _filter(node, GUARD) if is_value or is_tuple else node


def _filter(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Node:
    made = nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
    return made.set_environment(node.environment) if node.environment is not None else made
