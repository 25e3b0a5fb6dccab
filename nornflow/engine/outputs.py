"""Named outputs: taken out of a step's result by an extractor, or worked out by an expression."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import re2

from nornflow.abc import Sandbox
from nornflow.engine.names import result_names
from nornflow.errors import ExpressionError, NornFlowError, StepError
from nornflow.model.inputs import Output
from nornflow.model.run import StepResult
from nornflow.model.step import Step

Evaluate = Callable[..., Any]
_FIELDS = frozenset(("stdout", "stderr", "exit_code"))


def with_outputs(step: Step, result: StepResult, sandbox: Sandbox, evaluate: Evaluate) -> StepResult:
    """Return the result with the step's declared outputs added; a source that gives nothing is an error."""
    if not step.outputs or result.failed:
        return result
    found = {output.name: _typed(output, _extract(output, result, sandbox, evaluate)) for output in step.outputs}
    return replace(result, outputs={**result.outputs, **found})


def is_expression(source: str) -> bool:
    """Tell whether the source of an output is evaluated, and no extractor; what names a field of the result alone may be both."""
    kind, colon, _ = source.strip().partition(":")
    return source.strip() not in (".", *_FIELDS) and not (colon and kind in _EXTRACTORS)


def _extract(output: Output, result: StepResult, sandbox: Sandbox, evaluate: Evaluate) -> Any:
    source = output.source.strip()
    names = result_names(result)
    if source == ".":
        return result.outputs.get("result", result.stdout)
    if source in _FIELDS or (source.isidentifier() and source in names):
        value = names[source]
        return value.rstrip("\n") if source in ("stdout", "stderr") else value
    kind, colon, rest = source.partition(":")
    if colon and kind in ("regex", "json", "file"):
        return _EXTRACTORS[kind](output, rest.strip(), result, sandbox)
    return evaluate(source, result=names, **{k: v for k, v in names.items() if k.isidentifier()})


def _regex(output: Output, pattern: str, result: StepResult, sandbox: Sandbox) -> Any:
    match = re2.search(pattern, result.stdout)
    if match is None:
        raise StepError(
            f"output {output.name} ({output.location}): the pattern {pattern!r} is not found in stdout",
            hint="try the pattern on the output in the run record",
        )
    return match.group(1) if match.groups() else match.group(0)


def _json(output: Output, path: str, result: StepResult, sandbox: Sandbox) -> Any:
    try:
        value = json.loads(result.stdout)
    except ValueError as error:
        raise StepError(f"output {output.name} ({output.location}): stdout is not JSON: {error}") from None
    for part in filter(None, path.lstrip("$").replace("[", ".").replace("]", "").split(".")):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise StepError(f"output {output.name} ({output.location}): no {part!r} on the path {path!r}") from None
    return value


def _file(output: Output, path: str, result: StepResult, sandbox: Sandbox) -> Any:
    return sandbox.read_text(path)


_EXTRACTORS: Mapping[str, Callable[[Output, str, StepResult, Sandbox], Any]] = {
    "regex": _regex,
    "json": _json,
    "file": _file,
}


def _typed(output: Output, value: Any) -> Any:
    """Return the value as the declared type says: the text "3" becomes a number; StepError when it is not of the type."""
    if value is None or output.type == "any":
        return value
    if output.type in ("string", "file", "artifact"):
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, default=str)
    wanted, called = _TYPES[output.type]
    made = _read(value) if isinstance(value, str) else value
    if not isinstance(made, wanted) or isinstance(made, bool) is not (output.type == "boolean"):
        raise StepError(
            f"output {output.name} ({output.location}): {_shown(value)} is not {called}",
            hint="write another `type`, or another `from`",
        )
    return made


_TYPES: Mapping[str, tuple[Any, str]] = {
    "number": ((int, float), "a number"),
    "boolean": (bool, "true or false"),
    "array": ((list, tuple), "a list"),
    "object": (Mapping, "a mapping"),
}


def _read(text: str) -> Any:
    """Return what a text says as JSON, `007` and `True` too; the text itself when it is none, or not a number (NaN)."""
    word = text.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        if word.isascii() and word.lstrip("+-").isdigit():
            return int(word)
        return json.loads(word, parse_constant=lambda name: name)
    except (ValueError, RecursionError):
        return text


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def workflow_outputs(
    outputs: Mapping[str, Output], evaluate: Evaluate, names: Mapping[str, Any]
) -> tuple[dict[str, Any], NornFlowError | None]:
    """Evaluate the outputs of a workflow; one whose step did not run is None. Also return the first one's error, if any."""
    steps = names["steps"]
    found: dict[str, Any] = {}
    fault: NornFlowError | None = None
    for name, output in outputs.items():
        source = output.source.strip()
        head = source.split(".", 1)[0].split("[", 1)[0].strip()
        expression = f"steps.{source}" if head in steps else source  # `build.exit_code` is short for `steps.build...`
        try:
            found[name] = _typed(output, evaluate(expression))
        except ExpressionError as error:
            found[name] = None
            if all(step in steps for step in _steps_in(expression, names)):
                message = f"output {name} ({output.location}): {error.message}"
                fault = fault or ExpressionError(message, hint=error.hint)
        except StepError as error:
            found[name] = None
            fault = fault or error
    return found, fault


def _steps_in(expression: str, names: Mapping[str, Any]) -> list[str]:
    import re

    return re.findall(r"steps\.([A-Za-z_][\w-]*)", expression)
