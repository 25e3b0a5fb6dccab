"""Renders the templates of workflows: Jinja2, sandboxed, strict about missing names, and bounded in time and size."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Undefined

from nornflow.errors import ExpressionError, InjectionBlocked
from nornflow.redaction import Secret
from nornflow.registration import TemplateFilter
from nornflow.workflow.blocks import has_template, name_steps
from nornflow.workflow.budget import kind
from nornflow.workflow.diagnostics import did_you_mean, listing
from nornflow.workflow.expressions import Reference
from nornflow.workflow.functions import FUNCTIONS
from nornflow.workflow.hashing import directory_hash
from nornflow.workflow.jinja import Environment, ForbiddenStatement, guarded
from nornflow.workflow.syntax import ExpressionSyntax
from nornflow.workflow.words import split_words

__all__ = ["Renderer", "has_template"]

MAX_OUTPUT = 1_000_000
_KEPT = 2048
_RESULT = "nornflow_result"
_FAULTS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError, MemoryError)


class _Gives(Enum):
    """What a template gives: text, a value that is there already, or one that the template makes (and may make large)."""

    TEXT = "text"
    KNOWN = "known"
    MADE = "made"


class Renderer:
    """Renders templates over plain data and keeps what it has compiled; may be shared by threads.

    `filters` come from plugins, `step_ids` are the ids that may hold hyphens behind the name `group`, `max_output` bounds
    what one template may give, in characters, and `project` is the folder that `dir_hash()` may look into.
    """

    def __init__(
        self,
        filters: Sequence[TemplateFilter] = (),
        *,
        step_ids: Collection[str] = (),
        group: str = "steps",
        max_output: int = MAX_OUTPUT,
        project: Path | None = None,
    ) -> None:
        functions: dict[str, Callable[..., Any]] = {
            "bool": FUNCTIONS["bool"],
            "dict": lambda *pairs, **named: dict(*pairs, **named),
            "float": FUNCTIONS["float"],
            "int": FUNCTIONS["int"],
            "len": FUNCTIONS["len"],
            "list": lambda items=(): list(items),
            "range": FUNCTIONS["range"],
            "str": FUNCTIONS["str"],
            "hash": _hash,
            "dir_hash": lambda path: directory_hash(path, project),
        }
        added = {one.name: _owned(one) for one in filters}
        self._environment = Environment(added, functions)
        self._step_ids = tuple(step_ids)
        self._group = group
        self._max_output = max_output
        self._kept: dict[str, tuple[Template, _Gives]] = {}

    def render(self, text: str, names: Mapping[str, Any]) -> Any:
        """Return the rendered text, or the value itself when the text is one whole `{{ }}`; ExpressionError on any fault."""
        if not has_template(text):
            return text
        template, gives = self._compiled(text)
        if gives is _Gives.TEXT:
            return self._text(template, names, text)
        return self._value(template, names, text, gives)

    def render_value(self, value: Any, names: Mapping[str, Any]) -> Any:
        """Return a value with every text in it rendered: lists and mappings all the way down, keys as they are."""
        if isinstance(value, str):
            return self.render(value, names)
        if isinstance(value, list | tuple):
            return [self.render_value(item, names) for item in value]
        if isinstance(value, Mapping):
            return {key: self.render_value(item, names) for key, item in value.items()}
        return value

    def render_words(self, command: str, names: Mapping[str, Any]) -> list[str]:
        """Return the words of a command, split before they are rendered: a value never adds, drops or splits a word."""
        words = []
        for word in split_words(command):
            value = self.render(word, names)
            if value is None:
                raise ExpressionError(f"the word `{word}` is null", hint="give it a value: `{{ x | default('') }}`")
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            if "\0" in text:
                raise ExpressionError(f"the word `{word}` holds a NUL character")
            words.append(text)
        return words

    def render_file(self, path: str, names: Mapping[str, Any], read: Callable[[str], str]) -> str:
        """Return a template file rendered as text; `read` gives the file's text (and refuses what may not be read)."""
        text = read(path)
        if not has_template(text):
            return text
        return self._text(self._compiled(text, path, as_text=True)[0], names, text, path)

    def check(self, text: str) -> tuple[Reference, ...]:
        """Compile a template without rendering it and return the names it uses; ExpressionSyntax when it cannot be used."""
        if not has_template(text):
            return ()
        self._compiled(text)
        tree = self._environment.parse(name_steps(text, self._step_ids, self._group))
        free = find_undeclared_variables(tree) - set(self._environment.globals)
        found: list[Reference] = []
        _collect(tree, free, False, found, text)
        return tuple(found)

    def _compiled(self, text: str, file: str = "", *, as_text: bool = False) -> tuple[Template, _Gives]:
        key = f"{file}\0{text}"
        known = self._kept.get(key)
        if known is not None:
            return known
        where = f"{file}: " if file else ""
        try:
            tree = self._environment.parse(name_steps(text, self._step_ids, self._group))
            single = None if as_text else _single(tree)
            gives = _Gives.TEXT
            if single is not None:
                gives = _Gives.KNOWN if _path(single) else _Gives.MADE
                target = nodes.Name(_RESULT, "store", lineno=1)
                tree = nodes.Template([nodes.Assign(target, single, lineno=1)], lineno=1)
                tree.set_environment(self._environment)
            template = self._environment.from_string(guarded(tree))
        except ForbiddenStatement as error:
            raise ExpressionSyntax("NF309", f"{where}{error}", _line_offset(text, error.line)) from None
        except TemplateSyntaxError as error:
            raise self._refused(error, text, where) from None
        except SecurityError as error:
            raise ExpressionSyntax("NF309", f"{where}{error}") from None
        except (RecursionError, MemoryError, SyntaxError):
            raise ExpressionSyntax("NF304", f"{where}the template is nested too deeply") from None
        except (ValueError, OverflowError) as error:
            raise ExpressionSyntax("NF308", f"{where}not a template: {error}") from None
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[key] = made = (template, gives)
        return made

    def _refused(self, error: TemplateSyntaxError, text: str, where: str) -> ExpressionSyntax:
        message = (error.message or "invalid template").rstrip(".")
        offset = _line_offset(text, error.lineno)
        unknown = re.match(r"No (filter|test) named '([^']*)'", message)
        if unknown:
            known = self._environment.filters if unknown[1] == "filter" else self._environment.tests
            names = sorted(name for name in known if " " not in name)
            near = did_you_mean(unknown[2], names)
            hint = "" if near else f"{unknown[1]}s: {listing(names, 60)}"
            message = f"{where}there is no {unknown[1]} `{unknown[2]}`"
            return ExpressionSyntax("NF310", message, offset, hint=hint, suggestion=near)
        statement = re.match(r"Encountered unknown tag '([^']*)'", message)
        if statement:
            return ExpressionSyntax("NF309", f"{where}templates have no `{{% {statement[1]} %}}`", offset)
        return ExpressionSyntax("NF308", f"{where}not a template: {message}", offset)

    def _text(self, template: Template, names: Mapping[str, Any], text: str, file: str = "") -> str:
        size = 0
        chunks: list[str] = []
        try:
            for chunk in template.root_render_func(template.new_context(dict(names))):
                size += len(chunk)
                if size > self._max_output:
                    raise ExpressionError(f"the template gives more than {self._max_output:,} characters")
                chunks.append(chunk)
        except (TemplateError, ExpressionError, *_FAULTS) as error:
            raise self._failed(error, template, names, text, file) from None
        return "".join(chunks)

    def _value(self, template: Template, names: Mapping[str, Any], text: str, gives: _Gives) -> Any:
        context = template.new_context(dict(names))
        try:
            for _ in template.root_render_func(context):
                pass
            value = context.vars[_RESULT]
            if isinstance(value, Undefined):
                value = str(value) or None  # raises, with what was missing; an `if` without its `else` is null
            if isinstance(value, Iterator | tuple):
                value = list(value)
            if gives is _Gives.MADE:
                context.budget.weigh(value)  # type: ignore[attr-defined]
        except (TemplateError, ExpressionError, *_FAULTS) as error:
            raise self._failed(error, template, names, text) from None
        if value is None or isinstance(value, str | int | float | Mapping | Sequence | Secret):
            return value
        raise ExpressionError(f"{kind(value)} is not a value (in `{text[:200]}`)")

    def _failed(
        self, error: BaseException, template: Template, names: Mapping[str, Any], text: str, file: str = ""
    ) -> ExpressionError:
        message = str(error) or type(error).__name__
        hint = getattr(error, "hint", "")
        name = re.fullmatch(r"there is no `(\w+)`", message)
        if isinstance(error, UndefinedError) and name:
            near = did_you_mean(name[1], names)
            hint = f"did you mean `{near}`?" if near else f"there are: {listing(names)}"
        if isinstance(error, RecursionError):
            message = "the template calls itself too deeply"
        line = _failed_line(error, template)
        if file:
            where = f"{file}:{line}" if line else file
        elif "\n" in text.strip():
            where = f"line {line} of the template" if line else "the template"
        else:
            where = f"`{text.strip()[:200]}`"
        told = InjectionBlocked if isinstance(error, SecurityError) else ExpressionError
        return told(f"{message} (in {where})", hint=hint)


def _owned(record: TemplateFilter) -> Callable[..., Any]:
    """Return a plugin's filter whose faults are told as its own."""

    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return record.function(*args, **kwargs)
        except Exception as error:
            raise ExpressionError(f"the filter {record.name} failed: {error or type(error).__name__}") from error

    return called


def _hash(*values: Any) -> str:
    """Return the SHA-256 of values, as canonical JSON, in hex."""
    try:
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"hash(): {error}") from None
    return hashlib.sha256(text.encode()).hexdigest()


def _single(tree: nodes.Template) -> nodes.Expr | None:
    match tree.body:
        case [nodes.Output(nodes=[nodes.Expr() as single])] if not isinstance(single, nodes.TemplateData):
            return single
    return None


def _line_offset(text: str, line: int) -> int:
    return len("\n".join(text.split("\n")[: line - 1])) if line > 1 else 0


def _failed_line(error: BaseException, template: Template) -> int:
    line = 0
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def _collect(node: nodes.Node, free: Collection[str], optional: bool, found: list[Reference], text: str) -> None:
    path = _path(node)
    if path:
        if path[0] in free:
            at = text.find(".".join(path))
            found.append(Reference(path, max(at if at >= 0 else text.find(path[0]), 0), optional))
        return
    if isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.node is not None:
        _collect(node.node, free, True, found, text)
        for arg in (*node.args, *node.kwargs):
            _collect(arg, free, optional, found, text)
        return
    lenient = optional or (isinstance(node, nodes.Test) and node.name in ("defined", "undefined"))
    for child in node.iter_child_nodes():
        _collect(child, free, lenient, found, text)


def _path(node: nodes.Node) -> tuple[str, ...]:
    match node:
        case nodes.Name(ctx="load"):
            return (node.name,)
        case nodes.Getattr():
            parent = _path(node.node)
            return (*parent, node.attr) if parent else ()
        case nodes.Getitem(arg=nodes.Const(value=str() as key)):
            parent = _path(node.node)
            return (*parent, key) if parent else ()
    return ()
