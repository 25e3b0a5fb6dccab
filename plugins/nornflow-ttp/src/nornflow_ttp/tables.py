"""A step that makes rows of an output with TextFSM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from nornflow import StepContext, Talk, textfsm_rows
from nornflow_ttp.show import ShowParams, ShowStep, platform


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
        rows = textfsm_rows(
            output,
            params.command,
            device=Talk(context).device,
            platform=params.platform or platform(context),
            template=context.sandbox.read_text(params.template) if params.template else "",
            hint="give a template of your own with `template`, or use ttp.show or regex.show",
        )
        return rows, ""
