"""A step that renders a template into a file of the workspace."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nornflow import Scope, StepContext, StepResult, StepType, Verbatim


class TemplateParams(BaseModel):
    """The keys of a `template` step: one of `template` and `text`."""

    model_config = ConfigDict(extra="forbid")

    template: str = Field(
        "", description="Path of the template: in the workspace, beside the workflow, or in the project."
    )
    text: Annotated[str, Verbatim] = Field("", description="The template itself, instead of a file.")
    output: str = Field(description="Path of the file to write, inside the run's workspace.", min_length=1)
    engine: Literal["jinja2", "mustache"] = Field("jinja2", description="The language of the template.")
    variables: dict[str, Any] = Field(
        default_factory=dict, description="Further names for the template, besides those of every expression."
    )

    @model_validator(mode="after")
    def _one_source(self) -> TemplateParams:
        if bool(self.template) == bool(self.text):
            raise ValueError("give either `template` (a file) or `text`")
        return self


class TemplateStep(StepType):
    """Render a template to a file in the run's workspace (mode 0644).

    An unknown name in the template is an error. The file's size is limited by the profile's `max_file_size_mb`.
    """

    name = "template"
    scope = Scope.RUN
    permissions = frozenset({"file.read", "file.write"})
    result_keys = ("output_file", "template_size")
    Params = TemplateParams

    def apply(self, context: StepContext, params: TemplateParams) -> StepResult:
        """Render and write."""
        source = params.text or context.sandbox.read_text(params.template)
        if params.engine == "mustache":
            from nornflow_builtins import mustache

            longest = context.run.profile.max_file_size_mb * 1024 * 1024
            text = mustache.render(source, {**context.names, **params.variables}, longest)
        else:
            text = context.render_text(source, **params.variables)
        written = context.sandbox.write_text(params.output, text)
        return StepResult(outputs={"output_file": str(written), "template_size": len(text.encode())})
