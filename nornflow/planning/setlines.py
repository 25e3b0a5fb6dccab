"""Changes on configurations whose lines say themselves where they belong: Junos as `display set` shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nornflow.planning.replay import Unpredictable
from nornflow.platforms.platform import Platform
from nornflow.platforms.tree import SectionTracker

_VERBS = ("set", "deactivate", "protect")
_LEAVES_NOTHING = ("edit", "top", "exit", "quit", "commit", "annotate", "show", "status")


def play_set_lines(before: str, lines: Sequence[str], platform: Platform) -> str:
    """Return the listing after `set`, `delete`, `activate` and `deactivate` lines on a `display set` listing.

    Raises Unpredictable for a listing in curly form and for lines that text cannot follow (rename, insert, up ...).
    """
    held = before.splitlines()
    if any(not line.startswith(_VERBS) for line in held):
        raise Unpredictable("the configuration is not in `display set` form")
    tracker = SectionTracker(platform)
    for raw in lines:
        line = tracker.feed(raw)
        verb, _, rest = line.partition(" ")
        if line == "commit check":
            raise Unpredictable("the lines are loaded, compared and checked by the device, and not committed")
        if not line or line[0] == "#" or verb in _LEAVES_NOTHING:
            continue
        if verb == "set" and rest:
            _set(held, line, platform)
        elif verb == "delete" and rest:
            held[:] = [other for other in held if not _under(other, rest)]
        elif verb == "deactivate" and rest:
            held += [line] if line not in held else []
        elif verb == "activate" and rest:
            held[:] = [other for other in held if other != f"deactivate {rest}"]
        else:
            raise Unpredictable(f"what `{line}` does cannot be told from text")
    return "".join(f"{line}\n" for line in held)


def _under(line: str, words: str) -> bool:
    rest = line.partition(" ")[2]
    return rest == words or rest.startswith(f"{words} ")


def single_key(line: str, platform: Platform) -> str | None:
    """Return the part of a `set` line in front of a value that only one line can hold; None when many can."""
    found = platform.single.match(line) if platform.single is not None else None
    return found.group() if found else None


def _set(held: list[str], line: str, platform: Platform) -> None:
    if line in held:
        return
    key = single_key(line, platform)
    if key is not None:
        same = next((index for index, other in enumerate(held) if single_key(other, platform) == key), None)
        if same is not None:
            held[same] = line
            return
    # a container that stands alone gives way to its first statement
    held[:] = [other for other in held if not line.startswith(f"{other} ")]
    held.insert(_place(held, line), line)


def _place(held: list[str], line: str) -> int:
    """Return the place behind the line that shares the most words from the start; the end when none shares any."""
    words = line.split(" ")
    best, place = 1, len(held)
    for index, other in enumerate(held):
        shared = 0
        for mine, its in zip(words, other.split(" "), strict=False):
            if mine != its:
                break
            shared += 1
        if shared >= best and shared > 1:
            best, place = shared, index + 1
    return place


def set_rollback(current: Sequence[str], wanted: Sequence[str], platform: Platform) -> Iterator[str]:
    """Yield the lines that bring a `display set` listing back: deletions first, then what has to be set."""
    missing = [line for line in wanted if line not in set(current)]
    replaced = {single_key(line, platform) for line in missing} - {None}
    stays = set(wanted)
    for line in current:
        if line in stays or single_key(line, platform) in replaced:
            continue
        verb, _, rest = line.partition(" ")
        yield f"activate {rest}" if verb == "deactivate" else f"delete {rest}"
    yield from missing
