"""Named outputs: taken out of a step's result by an extractor, or worked out by an expression."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import re2

from nornflow.abc import Sandbox
from nornflow.engine.names import result_names
from nornflow.errors import ExpressionError, StepError
from nornflow.model.run import StepResult
from nornflow.model.workflow import Output, Step

Evaluate = Callable[..., Any]
_FIELDS = frozenset(("stdout", "stderr", "exit_code"))


def with_outputs(step: Step, result: StepResult, sandbox: Sandbox, evaluate: Evaluate) -> StepResult:
    """Return the result with the step's declared outputs added; a source that gives nothing is an error."""
    if not step.outputs or result.failed:
        return result
    found = {output.name: _typed(output, _extract(output, result, sandbox, evaluate)) for output in step.outputs}
    return replace(result, outputs={**result.outputs, **found})


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
    """Return the value as the declared type says; a string "3" becomes the number of a `number` output."""
    if output.type == "string" and not isinstance(value, str) and value is not None:
        return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
    if output.type == "number" and isinstance(value, str):
        try:
            return int(value) if value.strip().lstrip("+-").isdigit() else float(value)
        except ValueError:
            raise StepError(f"output {output.name} ({output.location}): {value!r} is not a number") from None
    if output.type == "boolean" and isinstance(value, str):
        return value.strip().lower() in ("true", "yes", "1", "on")
    if output.type in ("array", "object") and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError as error:
            raise StepError(f"output {output.name} ({output.location}): not JSON: {error}") from None
    return value


def workflow_outputs(outputs: Mapping[str, Output], evaluate: Evaluate, names: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate the outputs of a workflow; one whose step did not run is None."""
    steps = names["steps"]
    found: dict[str, Any] = {}
    for name, output in outputs.items():
        source = output.source.strip()
        head = source.split(".", 1)[0].split("[", 1)[0].strip()
        expression = f"steps.{source}" if head in steps else source  # `build.exit_code` is short for `steps.build...`
        try:
            found[name] = _typed(output, evaluate(expression))
        except ExpressionError:
            if all(step in steps for step in _steps_in(expression, names)):
                raise
            found[name] = None
    return found


def _steps_in(expression: str, names: Mapping[str, Any]) -> list[str]:
    import re

    return re.findall(r"steps\.([A-Za-z_][\w-]*)", expression)
