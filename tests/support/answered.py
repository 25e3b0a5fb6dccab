"""What comes of any input whatever: an answer, or a refusal of ours. Everything else that is raised fails the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nornflow.errors import NornFlowError


def answered(refusal: type[NornFlowError], ask: Callable[[], Any]) -> Any:
    """Return what is answered, or the refusal itself."""
    try:
        return ask()
    except refusal as error:
        return error


def is_plain(value: object) -> bool:
    """Tell whether a value is data all the way down: no function, class, module or generator that one could go on from."""
    if isinstance(value, Mapping):
        return all(is_plain(each) for pair in value.items() for each in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | bytes | range)
