"""How many devices may fail before a rollout stops: of all, of a group, and of those with the same value of a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from difflib import get_close_matches

from nornflow.errors import UsageError
from nornflow.model.device import HostView
from nornflow.model.rollout import Amount, Rollout
from nornflow.record import record
from nornflow.workflow.expressions import host_names


@record
class Limit:
    """How many of some devices may fail; `of` says which devices these are, in words."""

    borne: Amount
    hosts: frozenset[str]
    of: str = ""

    def exceeded(self, failed: Set[str]) -> str:
        """Return in words that more have failed than may, or an empty text; a share is exact, so 2% of few are none."""
        count = len(self.hosts & failed)
        if not self.borne.exceeded_by(count, len(self.hosts)):
            return ""
        beyond = f"more than `max_failures: {self.borne}` bears" if self.borne.value else "none may"
        return f"{count} of {len(self.hosts)} devices{self.of} failed, {beyond}"


class Thresholds:
    """All limits of a rollout on its targets, those that could not be planned included.

    Raises UsageError for a group or a key that no device of the inventory has: it would limit nothing.
    """

    def __init__(self, rollout: Rollout, targets: Sequence[str], hosts: Mapping[str, HostView]) -> None:
        views = [hosts[host] for host in targets if host in hosts]
        place = f"{rollout.location}: "
        groups = {group for view in hosts.values() for group in view.groups}
        keys = {key for view in hosts.values() for key in host_names(view)}
        self._limits = [Limit(rollout.max_failures, frozenset(targets))]
        for group, borne in rollout.group_failures.items():
            _must_be_there("is in group", group, groups, place)
            found = frozenset(view.name for view in views if group in view.groups)
            self._limits.append(Limit(borne, found, f" in group {group}"))
        for key, borne in rollout.each_failures.items():
            _must_be_there("has", key, keys, place)
            self._limits.extend(_limits_in_each(key, borne, views))

    def exceeded(self, failed: Set[str]) -> str:
        """Return in words which limit is exceeded by the devices that failed, or an empty text."""
        return next((words for limit in self._limits if (words := limit.exceeded(failed))), "")


def _limits_in_each(key: str, borne: Amount, views: Sequence[HostView]) -> Iterator[Limit]:
    by_value: dict[str, set[str]] = {}
    for view in views:
        value = host_names(view)[key]
        words = f"without {key}" if value is None else f"with {key} {value}"
        by_value.setdefault(words, set()).add(view.name)
    return (Limit(borne, frozenset(names), f" {words}") for words, names in by_value.items())


def _must_be_there(verb: str, name: str, known: set[str], place: str) -> None:
    if name in known:
        return
    near = get_close_matches(name, known, 1)
    raise UsageError(
        f"{place}no device {verb} {name!r}{f', did you mean {near[0]!r}?' if near else ''}",
        hint=f"there are: {', '.join(sorted(known)[:20]) or 'none'}",
    )
