"""Checks every expression and template of a workflow: that it parses, and that what it names exists where it stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nornflow.errors import ExpressionError
from nornflow.model.diagnostic import Location
from nornflow.record import record
from nornflow.workflow.blocks import has_template
from nornflow.workflow.diagnostics import did_you_mean, listing, problem
from nornflow.workflow.document import Path
from nornflow.workflow.expressions import Evaluator, Reference
from nornflow.workflow.filters import words
from nornflow.workflow.forms import Reader
from nornflow.workflow.syntax import ExpressionSyntax
from nornflow.workflow.templating import Renderer
from nornflow.workflow.words import split_words

ALWAYS = frozenset(("inputs", "vars", "steps", "workflow", "run", "env", "execution_id"))
"""The names that expressions and templates have everywhere in a workflow but in `targets`."""
RESULT_KEYS = words(
    "outputs status ok failed changed skipped exit_code stdout stderr error diff duration attempts results"
)
"""What every result of one step on one host, or of a step of the run, has: `steps.<id>.<key>`."""
FLEET_KEYS = words("status ok failed changed skipped changed_hosts failed_hosts ok_hosts hosts")
"""What a step on devices has where it is looked at once for all of them: in steps of the run, and in outputs."""
_WRITTEN = re.compile(r"steps\.([A-Za-z]\w*(?:-[A-Za-z]\w*)*)")


@record
class Scope:
    """What can be named at one place of a workflow."""

    names: frozenset[str] = ALWAYS
    inputs: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    """The steps that have ended there; naming another one is a warning."""
    here: str = ""
    """The step that the place belongs to."""
    once: bool = False
    """Whether the place is one for the whole run, where a step on devices is seen as all of its hosts together."""


@dataclass(slots=True)
class Checker:
    """Checks expressions and templates of one document against the steps and inputs it declares."""

    reader: Reader
    renderer: Renderer
    step_ids: Collection[str]
    results: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """The result keys of every step, None where they are not known."""
    on_devices: Collection[str] = ()
    """The steps that have a result on each device."""
    shared: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By step that has a result on each device: those of its outputs that are the same on all of them."""

    def expression(self, text: Any, path: Path, scope: Scope) -> None:
        """Check an expression; anything but a text is left to whoever read it."""
        if isinstance(text, str):
            evaluator = Evaluator(step_ids=self.step_ids)
            try:
                found = evaluator.check(text)
            except ExpressionSyntax as error:
                self._refused(error, path, error.offset)
            else:
                self._references(found, text, path, scope)

    def condition(self, text: Any, path: Path, inputs: frozenset[str] | None = None) -> None:
        """Check an expression over host data, whose names are known only when the inventory is; `inputs` are known now."""
        try:
            found = Evaluator(step_ids=self.step_ids, missing_is_null=True).check(text)
        except ExpressionSyntax as error:
            self._refused(error, path, error.offset)
        else:
            if inputs is not None:
                of_inputs = [one for one in found if one.path[0] == "inputs"]
                self._references(of_inputs, text, path, Scope(frozenset(("inputs",)), inputs))

    def template(self, value: Any, path: Path, scope: Scope) -> None:
        """Check every template in a value, all the way down."""
        if isinstance(value, str):
            if has_template(value):
                self._template(value, path, scope)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self.template(item, (*path, key), scope)
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                self.template(item, (*path, index), scope)

    def words(self, value: Any, path: Path, scope: Scope) -> None:
        """Check the templates of a command, each of which must be whole within its word."""
        if not isinstance(value, str):
            self.template(value, path, scope)
            return
        try:
            parts = split_words(value)
        except ExpressionError:
            return  # reported where the step's keys are checked
        before = len(self.reader.diagnostics)
        for word in parts:
            if has_template(word) and len(self.reader.diagnostics) == before:
                self._template(word, path, scope, base=max(value.find(word), 0), in_word=True)

    def _template(self, text: str, path: Path, scope: Scope, *, base: int = 0, in_word: bool = False) -> None:
        try:
            found = self.renderer.check(text)
        except ExpressionSyntax as error:
            if in_word and error.code == "NF308" and not error.hint:
                error.hint = "a template has to begin and end within one word: put the word in quotes"
            self._refused(error, path, base + error.offset)
        else:
            moved = tuple(replace(one, offset=base + one.offset) for one in found)
            self._references(moved, " " * base + text, path, scope)

    def _refused(self, error: ExpressionSyntax, path: Path, offset: int) -> None:
        where = self.reader.document.inside(path, offset)
        made = problem(error.code, error.message, where, suggestion=error.suggestion, hint=error.hint)
        self.reader.diagnostics.append(made)

    def _references(self, found: Collection[Reference], text: str, path: Path, scope: Scope) -> None:
        told: set[tuple[str, ...]] = set()
        misspelt = [match.span() for match in _WRITTEN.finditer(text) if self._misspelt(match[1], scope)]
        for reference in found:
            key = reference.path[:3]
            if any(start < reference.offset < end for start, end in misspelt):
                continue  # the rest of a step id with hyphens that does not exist, read as a subtraction
            if key not in told:
                told.add(key)
                self._reference(reference, text, self.reader.document.inside(path, reference.offset), scope)

    def _reference(self, reference: Reference, text: str, where: Location, scope: Scope) -> None:
        name, *rest = reference.path
        if name not in scope.names:
            if not reference.optional:
                self._unknown_name(name, where, scope)
        elif name == "inputs" and rest:
            if rest[0] not in scope.inputs:
                near = did_you_mean(rest[0], scope.inputs)
                hint = "" if near else f"declared inputs: {listing(sorted(scope.inputs)) or 'none'}"
                message = f"there is no input {rest[0]!r}"
                self._report("NF305", message, where, found=rest[0], suggestion=near, hint=hint)
        elif name == "steps" and rest:
            self._step(rest, reference, text, where, scope)

    def _misspelt(self, written: str, scope: Scope) -> bool:
        """Tell whether `steps.a-b` is meant as one id: there is no such step, and nothing that `b` could name."""
        return written not in self.step_ids and written.rpartition("-")[2] not in scope.names

    def _unknown_name(self, name: str, where: Location, scope: Scope) -> None:
        near = did_you_mean(name, scope.names)
        hint = "" if near else f"names here: {listing(sorted(scope.names), 30)}"
        if name in self.step_ids:
            near, hint = f"steps.{name}", ""
        elif name in scope.inputs:
            near, hint = f"inputs.{name}", ""
        elif name == "host":
            near, hint = "", "a step of the run has no host; `host` is there in steps that run on devices"
        elif name in ("item", "index"):
            near, hint = "", f"`{name}` is there in the keys of the step's type, when the step has `for_each`"
        self._report("NF302", f"there is no `{name}` here", where, found=name, suggestion=near, hint=hint)

    def _step(self, rest: list[str], reference: Reference, text: str, where: Location, scope: Scope) -> None:
        step, *key = rest
        written = _WRITTEN.match(text, reference.offset)
        whole = written[1] if written and self._misspelt(written[1], scope) else step
        if whole not in self.step_ids:
            near = did_you_mean(whole, self.step_ids) or did_you_mean(step, self.step_ids)
            hint = "" if near else f"steps: {listing(self.step_ids)}"
            self._report("NF306", f"there is no step {whole!r}", where, found=whole, suggestion=near, hint=hint)
            return
        if reference.optional:
            return
        if step not in scope.before and step != scope.here:
            message = f"step {step!r} need not have run before {scope.here!r}"
            hint = f"add `depends_on: [{step}]`, or give a value with default(...)"
            self._report("NF307", message, where, found=step, hint=hint)
        if key:
            self._key(step, key[0], where, scope)

    def _key(self, step: str, key: str, where: Location, scope: Scope) -> None:
        if scope.once and step in self.on_devices:
            if key not in FLEET_KEYS and key not in self.shared.get(step, ()):
                message = f"step {step!r} ran on devices: seen from here it has no `{key}` of its own"
                hint = f"look at one host (`steps.{step}.hosts['r1'].{key}`) or at: {listing(sorted(FLEET_KEYS))}"
                self._report("NF311", message, where, found=key, hint=hint)
            return
        known = self.results.get(step)
        if known is not None and key not in known | RESULT_KEYS:
            near = did_you_mean(key, known | RESULT_KEYS)
            hint = "" if near else f"its results: {listing(sorted(known)) or 'none of its own'}"
            self._report("NF311", f"step {step!r} has no `{key}`", where, found=key, suggestion=near, hint=hint)

    def _report(self, code: str, message: str, where: Location, **more: str) -> None:
        self.reader.diagnostics.append(problem(code, message, where, **more))
