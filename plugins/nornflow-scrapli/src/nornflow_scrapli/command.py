"""A step that runs exec commands on a device and returns what it said, as text and as data."""

from __future__ import annotations

from nornflow import CommandParams, CommandStep, StepContext
from nornflow_scrapli.session import read_accepted


class ScrapliCommandStep(CommandStep):
    """Run one or more commands on a device; a command that the device refuses fails the step.

    `output` is the text (of all commands together), `outputs` the text by command. With TextFSM `parsed` is a list of
    rows with lower-case names, or such lists by command when there are several.
    """

    name = "scrapli.command"

    def read(self, context: StepContext, params: CommandParams, command: str) -> str:
        """Send one command and return its output; raises LineRejected and the device errors."""
        return read_accepted(context, context.connection("scrapli"), command, read_timeout=params.read_timeout)
