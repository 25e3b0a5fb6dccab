"""What a step tells of its device: refusals, silence and lost sessions as errors, each with what to do next."""

from __future__ import annotations

import re
from pathlib import Path

from nornflow.abc import StepContext
from nornflow.errors import ConnectionLost, LineRejected, StepError, UnexpectedPrompt
from nornflow.record import record

_REFUSED = re.compile(
    r"[ \t]*(?:% ?(?:Invalid|Incomplete|Ambiguous|Unknown|Unrecogni[sz]ed|Authorization failed|Permission denied)\b.*"
    r"|syntax error.*|unknown command.*)",
    re.IGNORECASE,
)


@record
class Talk:
    """The words of a step about its device; `line_rejected`, `no_prompt` and `connection_lost` give errors, for it to raise."""

    context: StepContext

    @property
    def device(self) -> str:
        """The name of the device."""
        return self.context.host.name if self.context.host else "the device"

    @property
    def platform(self) -> str:
        """The device's platform as the inventory names it, or an empty text."""
        return self.context.host.platform if self.context.host else ""

    @property
    def file_name(self) -> str:
        """The name of the device as it may stand in the name of a file."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", self.device)

    @staticmethod
    def refused(output: str) -> str:
        """Return the words with which a device refused an exec command, or an empty text.

        Only the first lines count, and `% BGP not active` is an answer: a log that quotes an error must not fail a read.
        """
        return next((line.strip() for line in output.splitlines()[:4] if _REFUSED.match(line)), "")

    def accepted(self, command: str, output: str) -> str:
        """Return the output of an exec command; raises LineRejected when the device refused the command."""
        words = self.refused(output)
        if words:
            raise LineRejected(
                f"{self.device} refused the command `{command}`: {words}",
                line=command,
                marker=words,
                hint="try the command on the device; another platform may need another spelling",
            )
        return output

    def saved(self, command: str, output: str) -> str:
        """Return what the device said when its configuration was saved; raises LineRejected when it refused."""
        words = self.refused("\n".join(line for line in output.splitlines() if command not in line))
        if words:
            raise LineRejected(
                f"{self.device} did not save its configuration: {words}",
                line=command,
                marker=words,
                hint="the running configuration is changed, the saved one is not; the user may lack the right to save",
            )
        return output

    def line_rejected(self, line: str, words: str) -> LineRejected:
        """Return the error for a configuration line that the device refused, with the device's words."""
        return LineRejected(
            f"{self.device} refused the line `{line}`: {words}",
            line=line,
            marker=words,
            hint="the lines before it were sent, the rest was not; correct the line or roll the device back",
        )

    def no_prompt(self, doing: str) -> UnexpectedPrompt:
        """Return the error for a device that did not come back to its prompt."""
        return UnexpectedPrompt(
            f"{self.device} did not come back to its prompt after {doing}",
            hint="raise `read_timeout`, or look whether the device asks a question there",
        )

    def connection_lost(self, doing: str, error: BaseException) -> ConnectionLost:
        """Return the error for a session that ended in the middle of the work."""
        return ConnectionLost(
            f"the session to {self.device} ended during {doing}: {first_line(error)}",
            hint="the device may have restarted, or the change cut its management access",
        )

    def keep_backup(self, path: str, text: str) -> Path:
        """Write a configuration into the run's workspace, for its owner's eyes; PolicyDenied and StepError."""
        try:
            return self.context.sandbox.write_text(path, text, mode=0o600)
        except OSError as error:
            raise StepError(
                f"the backup of {self.device} cannot be written to {path}: {error.strerror or error}",
                hint="see to the rights and the space of the run's workspace; nothing was sent to the device",
            ) from error


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says, or the name of its type."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "") or type(error).__name__
