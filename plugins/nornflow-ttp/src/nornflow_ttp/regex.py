"""A step that makes data of an output with a regular expression."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from nornflow import StepContext
from nornflow_ttp.show import ShowParams, ShowStep


class RegexShowParams(ShowParams):
    """The keys of a `regex.show` step."""

    pattern: str = Field(
        description="A regular expression (RE2) with named groups `(?P<name>...)`; `^` and `$` are ends of lines.",
        min_length=1,
    )

    @field_validator("pattern")
    @classmethod
    def _named_groups(cls, value: str) -> str:
        if "{{" not in value:  # what stands in a template is known when the step runs
            compiled(value)
        return value


class RegexShowStep(ShowStep):
    """Run a command and find every match of a regular expression with named groups in its output.

    `parsed` is a list with one mapping of group names to texts for each match; a group that took no part is null.
    """

    name = "regex.show"
    nothing = "the pattern matches nowhere in the output"
    Params = RegexShowParams

    def parse(self, context: StepContext, params: RegexShowParams, output: str) -> tuple[list[dict[str, Any]], str]:
        """Return the groups of every match."""
        return [match.groupdict() for match in compiled(params.pattern).finditer(output)], ""


def compiled(pattern: str) -> Any:
    """Return the pattern compiled by RE2 (never catastrophic); ValueError when it is none or has no named group."""
    import re2

    try:
        expression = re2.compile(f"(?m){pattern}")
    except re2.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression of RE2: {error}") from error
    if not expression.groupindex:
        raise ValueError(f"{pattern!r} has no named group; write (?P<name>...) around what you want")
    return expression
