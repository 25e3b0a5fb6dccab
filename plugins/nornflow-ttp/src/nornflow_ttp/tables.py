"""A step that makes rows of an output with TextFSM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from nornflow import StepContext, StepError
from nornflow_ttp.show import ShowParams, ShowStep, device, platform


class TextfsmShowParams(ShowParams):
    """The keys of a `textfsm.show` step."""

    template: str | None = Field(
        None, description="A TextFSM template file of the project; without it ntc-templates has one for the command."
    )
    platform: str | None = Field(
        None, description="The platform whose ntc-templates are used; without it the device's own."
    )


class TextfsmShowStep(ShowStep):
    """Run a command and parse its output into rows with TextFSM: the template of ntc-templates, or one of yours.

    `parsed` is a list of rows; the names of their fields are those of the template's values, in lower case.
    """

    name = "textfsm.show"
    nothing = "the template found no row in the output"
    Params = TextfsmShowParams

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.read`, and `file.read` with a template of the project."""
        return self.permissions | ({"file.read"} if params.get("template") else frozenset())

    def parse(self, context: StepContext, params: TextfsmShowParams, output: str) -> tuple[list[dict[str, Any]], str]:
        """Return the rows; raises StepError without a template or when its `Error` state is reached."""
        from ntc_templates.parse import ParsingException, parse_output
        from textfsm.parser import Error

        name = params.platform or platform(context)
        try:
            if params.template:
                return _rows(context.sandbox.read_text(params.template), output), ""
            return parse_output(platform=name, command=params.command, data=output), ""
        except (ParsingException, Error) as error:
            raise StepError(
                f"TextFSM could not parse `{params.command}` of {device(context)} ({name}): {error}",
                hint="give a template of your own with `template`, or use ttp.show or regex.show",
            ) from error


def _rows(template: str, output: str) -> list[dict[str, Any]]:
    from io import StringIO

    from textfsm import TextFSM

    table = TextFSM(StringIO(template))
    names = [name.lower() for name in table.header]
    return [dict(zip(names, row, strict=True)) for row in table.ParseText(output)]
