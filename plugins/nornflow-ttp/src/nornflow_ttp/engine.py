"""TTP with its doors shut: templates are data, so nothing in one may run code, read a file or use the network.

Only the templates of the installed package ttp-templates, which are code as any package is, are taken with open doors.

TTP itself evaluates the arguments of a template's functions with `eval`, runs `<macro>` and `<vars>` with `exec`, and takes
texts that happen to be paths for files. Its functions are looked up in one registry per parser: there they are replaced.
"""

from __future__ import annotations

import ast
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NoReturn

from nornflow import StepError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOSED = {
    "match": ("macro", "dns", "rdns", "geoip_lookup", "print"),
    "group": ("macro", "cerberus", "validate"),
    "input": ("macro", "test"),
    "output": ("macro", "validate", "validate_yangson", "deepdiff"),
    "returners": ("file", "syslog", "terminal"),
    "formatters": ("n2g", "yaml", "pprint", "table", "csv", "tabulate", "json", "jinja2", "excel"),
    "lookup": ("geoip2_db_loader",),
}
_CALL = re.compile(r"^(?P<name>\S+?)\s?(\((?P<options>.*)\))?$")
_KEPT = 16
_LOCK = threading.Lock()  # TTP hands its registry to its modules as a global: one thread at a time may be inside
_PARSERS: OrderedDict[tuple[str, bool], Any] = OrderedDict()  # making a parser takes some ten times as long as using it


def parse(template: str, text: str, *, structure: str = "flat_list", installed: bool = False) -> tuple[Any, str]:
    """Parse a text with a template; return the data, and as one line what TTP complained about.

    `installed` says that the template comes from an installed package and may use all of TTP.

    Raises StepError for a template that is broken or does what is not allowed.
    """
    with _LOCK, _complaints() as complaints:
        try:
            parser = _parser(template, installed)
            parser.add_input(text, template_name="_all_")
            parser.parse(one=True)
            found = deepcopy(parser.result(structure=structure))  # the parser empties its own below
        except StepError:
            _PARSERS.pop((template, installed), None)
            raise
        except (SystemExit, SyntaxError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            _PARSERS.pop((template, installed), None)
            reason = complaints[-1] if complaints else f"{type(error).__name__}: {error}"
            raise StepError(
                f"the TTP template is broken: {reason}", hint="see https://ttp.readthedocs.io for the template language"
            ) from error
        parser.clear_input()
        parser.clear_result()
    if structure == "flat_list":
        found = [entry for entry in found if entry]  # TTP gives an empty match where it found nothing
    return found, "; ".join(dict.fromkeys(complaints))


def _parser(template: str, installed: bool) -> Any:
    key = (template, installed)
    if key not in _PARSERS:
        from ttp import ttp

        parser = ttp(log_level="WARNING")
        if not installed:
            _shut(parser._ttp_)
        parser.add_template(template)
        parser._ttp_["utils"]["load_files"] = _load_text  # from here on: what a device says is a text, never a path
        _PARSERS[key] = parser
        if len(_PARSERS) > _KEPT:
            _PARSERS.popitem(last=False)
    _PARSERS.move_to_end(key)
    return _PARSERS[key]


def _shut(registry: dict[str, Any]) -> None:
    for family, names in _CLOSED.items():
        registry[family] |= {name: _closed(f"the {family} function `{name}`") for name in names}
    registry["utils"] |= {
        "get_attributes": literal_attributes,
        "load_python_exec": literal_python,
        "load_struct": _load_struct,
        "load_files": _load_text,
    }


def _closed(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise StepError(
            f"a TTP template may not use {what} here", hint="templates are data: code, files and the network are shut"
        )

    return refuse


def _load_text(path: Any, extensions: Any = None, filters: Any = None, read: bool = False) -> list[tuple[str, Any]]:
    """Take the place of TTP's load_files: a text is a text, whatever files there are."""
    return [("text_data", path)]


def _load_struct(text_data: str | None = "", **options: Any) -> Any:
    """Take the place of TTP's load_struct: data in the template itself, never from a file, never run."""
    if options.get("include") is not None:
        _closed("an `include`")()
    if not text_data:
        return None
    if str(options.get("load", "python")).lower() == "python":
        return literal_python(text_data)
    from ttp.utils import loaders

    return loaders.load_struct(text_data, **options)


def literal_python(text: str, builtins: Any = None) -> dict[str, Any]:
    """Read `name = literal` lines, or one literal mapping; raises StepError for everything that would have to be run."""
    try:
        tree = ast.parse(text.strip())
        values: dict[str, Any] = {}
        for statement in tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    values[name] = ast.literal_eval(value)
                case ast.Expr(value=value) if len(tree.body) == 1:
                    whole: dict[str, Any] = ast.literal_eval(value)
                    return whole
                case _:
                    raise ValueError(f"line {statement.lineno} is code")
    except (ValueError, SyntaxError) as error:
        raise StepError(
            f"a TTP template may hold literal values, not code: {error}",
            hint="write `name = value` lines with plain values; macros are not run here",
        ) from error
    return values


def literal_attributes(line: str) -> list[dict[str, Any]]:
    """Read `name | contains("x") | set(True)` into names with arguments, as TTP does but without evaluating anything.

    A bare word is a string (true, false and none are values). Raises StepError for arguments that are not literal.
    """
    found: list[dict[str, Any]] = []
    for item in (part.strip() for part in line.split("|")):
        if not item:
            continue
        call = _CALL.match(item)
        if call is None:
            raise StepError(f"the TTP template has {item!r} where a function should stand")
        entry: dict[str, Any] = {"args": [], "kwargs": {}, "name": call["name"]}
        if call["options"]:
            try:
                tree = ast.parse(f"f({call['options']})", mode="eval").body
                if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
                    raise ValueError("not one list of arguments")
                entry["args"] = tuple(_literal(argument) for argument in tree.args)
                entry["kwargs"] = {keyword.arg or "": _literal(keyword.value) for keyword in tree.keywords}
            except (ValueError, SyntaxError) as error:
                raise StepError(
                    f"the TTP template has arguments that are no plain values: {item!r}",
                    hint="write strings in quotes, numbers, or bare words",
                ) from error
        found.append(entry)
    return found


def _literal(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name):
            return {"true": True, "false": False, "none": None}.get(name.lower(), name)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item) for item in items]
        case _:
            return ast.literal_eval(node)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what TTP logs as warning or error, so that it is told with the step and not on the screen."""
    told: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(" ".join(record.getMessage().split())[:300])

    logger = logging.getLogger("ttp")
    handler, propagate = Collector(logging.WARNING), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield told
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
