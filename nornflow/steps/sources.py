"""Where the configuration of a step comes from: lines, text, a file, or a template rendered for each device."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nornflow.abc import StepContext
from nornflow.errors import StepError
from nornflow.steps.blocks import Block, split_blocks


class ConfigSource(BaseModel):
    """The keys that give configuration: exactly one of `lines`, `config`, `config_file` and `template`."""

    model_config = ConfigDict(extra="forbid")

    lines: list[str] | None = Field(None, description="Configuration lines, one entry a line.", min_length=1)
    config: str | None = Field(None, description="Configuration as text of several lines; banners keep their lines.")
    config_file: str | None = Field(None, description="A file of the project or the workspace, sent as it is.")
    template: str | None = Field(
        None, description="A Jinja2 template file of the project or the workspace, rendered for each device."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("lines", "config", "config_file", "template") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of lines, config, config_file and template, not {' and '.join(given) or 'none'}"
            )
        return self

    def blocks(self, context: StepContext) -> list[Block]:
        """Return the configuration for the step's device, without comments; raises what `text` raises."""
        return split_blocks(self.text(context))

    def text(self, context: StepContext) -> str:
        """Return the configuration for the step's device as text; raises StepError, ExpressionError and PolicyDenied."""
        if self.lines is not None:
            for line in self.lines:
                if "\n" in line or "\r" in line:
                    raise StepError(
                        f"an entry of `lines` holds a line break: {line!r}",
                        hint="give one line in each entry, or the whole text as `config`",
                    )
            return "\n".join(self.lines)
        if self.config is not None:
            return self.config
        if self.config_file is not None:
            return context.sandbox.read_text(self.config_file)
        return context.render_text(context.sandbox.read_text(self.template or ""))
