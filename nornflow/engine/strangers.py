"""What a stranger's code raised, told as an error of its step."""

from __future__ import annotations

import traceback

from nornflow.errors import StepError


def told(error: BaseException, who: str) -> StepError:
    """Return an error of one line that says what was raised and, in its hint, where; `who` raised it."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    frame = traceback.extract_tb(error.__traceback__)[-1]
    answer = StepError(
        f"{type(error).__name__}{f': {text}' if text else ''}",
        hint=f"{who} raised it at {frame.filename}:{frame.lineno} in {frame.name}",
    )
    answer.__cause__ = error
    return answer
