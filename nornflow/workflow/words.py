"""Splits a command into words before its templates are rendered, so that no value can add a word or an operator."""

from __future__ import annotations

import shlex

from nornflow.errors import ExpressionError
from nornflow.workflow.blocks import spans

_MARK = "\ue000"


def split_words(command: str) -> list[str]:
    """Return the words of a command as a POSIX shell would split it; a template block belongs to the word it stands in.

    `echo 'Hello {{ inputs.name }}!'` has two words. Raises ExpressionError for an unclosed quote or a private-use character.
    """
    if _MARK in command:
        raise ExpressionError("the command holds the private-use character U+E000")
    blocks = spans(command)
    parts: list[str] = []
    position = 0
    for block in blocks:
        parts.append(command[position : block.start])
        position = block.end
    parts.append(command[position:])
    try:
        words = shlex.split(_MARK.join(parts), comments=False, posix=True)
    except ValueError as error:
        reason = str(error).lower()
        raise ExpressionError(
            f"the command cannot be split into words: {reason}", hint="close the quotes, as in `echo 'a b'`"
        ) from None
    texts = iter(command[block.start : block.end] for block in blocks)
    return ["".join(next(texts) if char == _MARK else char for char in word) for word in words]
