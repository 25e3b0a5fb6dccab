"""A step that runs exec commands on a device and returns what it said, as text and as data."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import Field, model_validator

from nornflow import CommandParams, CommandStep, StepContext
from nornflow_netmiko.session import read_accepted

_LONGEST = 3600


class NetmikoCommandParams(CommandParams):
    """The keys of a `netmiko.command` step."""

    expect_string: str | None = Field(
        None, description="Text (not a pattern) that ends the output instead of the prompt; `|` separates several."
    )
    delay_factor: float = Field(
        1.0,
        description="Multiplies `read_timeout`, for slow devices: what is left of netmiko's `delay_factor` since netmiko 4.",
        ge=0.1,
        le=100,
    )

    @model_validator(mode="after")
    def _not_too_patient(self) -> Self:
        if self.patience > _LONGEST:
            raise ValueError(
                f"read_timeout times delay_factor is {self.patience:g} s, and no output is waited for longer than {_LONGEST} s"
            )
        return self

    @property
    def patience(self) -> float:
        """Seconds to wait for the end of one output."""
        return self.read_timeout * self.delay_factor


class NetmikoCommandStep(CommandStep):
    """Run one or more commands on a device; a command that the device refuses fails the step.

    `output` is the text (of all commands together), `outputs` the text by command. With TextFSM `parsed` is a list of
    rows with lower-case names, or such lists by command when there are several.
    """

    name = "netmiko.command"
    Params = NetmikoCommandParams

    def read(self, context: StepContext, params: NetmikoCommandParams, command: str) -> str:
        """Send one command and return its output; raises LineRejected and the device errors."""
        options: dict[str, Any] = {"read_timeout": params.patience}
        if params.expect_string:
            # escaped: netmiko would run it on Python's backtracking engine, where a pattern can hang the whole process
            options["expect_string"] = "|".join(re.escape(text) for text in params.expect_string.split("|"))
        return read_accepted(context, context.connection("netmiko"), command, **options)
