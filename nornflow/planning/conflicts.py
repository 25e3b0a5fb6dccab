"""What two plans of one device would do to each other: places both touch, an order that counts, ways back that undo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from nornflow.model.plan import HostPlan, Method
from nornflow.planning.normalise import tree_of
from nornflow.planning.predict import predict
from nornflow.planning.premise import hash_left_by
from nornflow.planning.side import Side, Unknown, shown
from nornflow.planning.touched import Touch, around, touched
from nornflow.planning.words import begins, unnumbered
from nornflow.platforms.expand import GLOBAL
from nornflow.platforms.load import platform_for
from nornflow.platforms.platform import Platform
from nornflow.platforms.tree import SEPARATOR, Node, Path
from nornflow.record import record


class Kind(StrEnum):
    """In which way two plans meet on a device.

    overlap: both touch one line or section, and say different things of it; order: what is left depends on which comes
    first; rollback: taking one back would undo the other; unknown: nobody can tell. These are conflicts. The rest is not:
    same: both say the same; stale: the one that comes second has to be planned anew; after: one is planned on the other.
    """

    OVERLAP = "overlap"
    ORDER = "order"
    ROLLBACK = "rollback"
    UNKNOWN = "unknown"
    SAME = "same"
    STALE = "stale"
    AFTER = "after"


CONFLICTS = frozenset((Kind.OVERLAP, Kind.ORDER, Kind.ROLLBACK, Kind.UNKNOWN))


@record
class Finding:
    """One way in which plans A and B meet: `says` in words, `a` and `b` the lines of each, with their sections.

    Of an order they are the lines that only A before B leaves, and those that only B before A does.
    """

    kind: Kind
    says: str
    a: tuple[str, ...] = ()
    b: tuple[str, ...] = ()

    @property
    def conflict(self) -> bool:
        """Tell whether somebody has to decide something."""
        return self.kind in CONFLICTS


class Comparison:
    """Compares plans device by device; devices on which the same meets in the same surroundings are looked at once."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[Finding, ...]] = {}

    def of(self, a: HostPlan, b: HostPlan, text_a: str | None = None, text_b: str | None = None) -> tuple[Finding, ...]:
        """Return how two plans of one device meet; nothing when one of them does not change it.

        The texts are the configurations that they were made on. Without one both are looked at on what their ways back
        bring again, which is what they change, and no more than that.
        """
        if not (a.changes and b.changes):
            return ()
        platform = platform_for(a.platform)
        one, other = Side("A", a, platform), Side("B", b, platform)
        if a.pre_hash != b.pre_hash:
            if b.pre_hash and b.pre_hash == hash_left_by(a, lambda: text_a):
                return tuple(_after(one, other, text_b))
            if a.pre_hash and a.pre_hash == hash_left_by(b, lambda: text_b):
                return tuple(_after(other, one, text_a))
        start = _base(one, other, text_a if text_a is not None else text_b)
        key = (platform.name, start, *((side.steps, side.back, side.unknown) for side in (one, other)))
        if key not in self._known:
            self._known[key] = (*_overlaps(one, other), *_played_out(one, other, start))
        return (*self._known[key], _stale(a, b))


def conflicts(a: HostPlan, b: HostPlan, text_a: str | None = None, text_b: str | None = None) -> tuple[Finding, ...]:
    """Return how two plans of one device meet (see `Comparison.of`)."""
    return Comparison().of(a, b, text_a, text_b)


def _base(a: Side, b: Side, text: str | None) -> str:
    return _brought(a, b) if text is None else around(text, (*a.near, *b.near), a.platform)


def _brought(a: Side, b: Side) -> str:
    """Return what the ways back of two plans bring again, in the place of a configuration that nobody knows."""
    brought = ""
    for side in (a, b):
        outcome = predict(brought, side.back, a.platform)
        brought = outcome.text if outcome.method is Method.MODEL else brought
    return brought


def _after(a: Side, b: Side, text: str | None) -> Iterator[Finding]:
    """Yield what is left to say when the second plan was made, on this text, on what the first leaves."""
    yield Finding(Kind.AFTER, f"{b.name} is planned on what {a.name} leaves: {a.name} has to be applied first")
    try:
        start = around(text, (*a.near, *b.near), a.platform) if text is not None else a.played(_brought(a, b))
        both = b.played(start)
        yield from _undone(a, b, both, _effect(start, both, a.platform), _Effect())
    except Unknown as why:
        yield _unknown(str(why))


def _overlaps(a: Side, b: Side) -> Iterator[Finding]:
    same: dict[str, None] = {}
    places: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for mine in a.touches:
        for its in b.touches:
            if not mine.meets(its):
                continue
            if mine.agrees(its):
                same[shown(mine.line)] = None
                continue
            lines = places.setdefault(_meeting(mine, its), ({}, {}))
            lines[0][shown(mine.line)] = None
            lines[1][shown(its.line)] = None
    for says, (mine_lines, its_lines) in places.items():
        yield Finding(Kind.OVERLAP, says, tuple(mine_lines), tuple(its_lines))
    if same:
        says = "both say the same here, which does no harm; taking either of them back takes it from both"
        yield Finding(Kind.SAME, says, tuple(same), tuple(same))


def _meeting(a: Touch, b: Touch) -> str:
    """Return in words where two lines meet."""
    if (a.place, a.key) != (b.place, b.key) and a.covers(b) is not b.covers(a):
        upper, one, other = (a, "A", "B") if a.covers(b) else (b, "B", "A")
        return f"{one} takes `{SEPARATOR.join((*upper.sections, shown(upper.text)))}` away, in which {other} changes something"
    if a.whole and a.key != b.key:
        return f"both change `{a.sections[-1]}`, which is one thing"
    inside = f" of `{SEPARATOR.join(a.sections)}`" if a.sections else ""
    return f"both change `{shown(' '.join(a.key))}`{inside}"


def _played_out(a: Side, b: Side, start: str) -> Iterator[Finding]:
    """Yield what playing both on a configuration shows."""
    unknown = a.unknown or b.unknown
    try:
        after_a, after_b = a.played(start), b.played(start)
        ab, ba = b.played(after_a), a.played(after_b)
        yield from _order(ab, ba, a.platform)
        of_a, of_b = _effect(start, after_a, a.platform), _effect(start, after_b, a.platform)
        yield from _undone(a, b, ab, of_b, of_a)
        yield from _undone(b, a, ba, of_a, of_b)
    except Unknown as problem:
        unknown = str(problem)
    if unknown:
        yield _unknown(unknown)


def _unknown(why: str) -> Finding:
    return Finding(Kind.UNKNOWN, f"what they leave together cannot be told: {why}")


def _order(ab: str, ba: str, platform: Platform) -> Iterator[Finding]:
    first, second = (list(tree_of(text, platform).paths()) for text in (ab, ba))
    only_first, only_second = Counter(first) - Counter(second), Counter(second) - Counter(first)
    says = "A before B leaves something else than B before A"
    if only_first or only_second:
        yield Finding(Kind.ORDER, says, _lines(only_first), _lines(only_second))
        return
    listed = dict(_in_order(tree_of(ab, platform), platform)), dict(_in_order(tree_of(ba, platform), platform))
    for section, lines in listed[0].items():
        if listed[1].get(section, ()) != lines:
            yield Finding(Kind.ORDER, f"{says}: the same lines in another order", lines, listed[1].get(section, ()))


def _in_order(
    node: Node, platform: Platform, mode: str = GLOBAL, above: Path = ()
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the lines of each section that a device keeps as they were typed, where no number says their order."""
    grammar = platform.mode(mode)
    typed = []
    for child in node.children:
        rule = grammar.match(child.line).rule
        if rule is None:
            continue
        if "typed" in rule.flags and unnumbered(child.line)[1] is None:
            typed.append(SEPARATOR.join((*above, child.line)))
        if rule.opens and child.children:
            yield from _in_order(child, platform, rule.opens, (*above, child.line))
    if len(typed) > 1:
        yield above, tuple(typed)


def _undone(a: Side, b: Side, both: str, of_b: _Effect, of_a: _Effect) -> Iterator[Finding]:
    """Yield what of B the way back of A undoes where both are applied; what both do alike is no loss of one to the other."""
    held, left = (set(tree_of(text, a.platform).paths()) for text in (both, a.taken_back(both)))
    lost = sorted(path for path in of_b.added - of_a.added if path in held and path not in left)
    again = sorted(path for path in of_b.removed - of_a.removed if path not in held and path in left)
    if lost or again:
        lines = {
            a.name: _back_lines(a, (*lost, *again)),
            b.name: (*map(_text, lost), *(f"no longer removed: {_text(path)}" for path in again)),
        }
        yield Finding(Kind.ROLLBACK, f"taking {a.name} back would undo {b.name}", lines["A"], lines["B"])


def _back_lines(side: Side, paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the lines of a way back that are about these paths."""
    wanted = [" ".join(path) for path in paths]
    found: dict[str, None] = {}
    for touch in touched(side.back, side.platform):
        section = " ".join(touch.sections)
        names = [f"{section} {words}".strip() for words in (touch.text, " ".join(touch.key))]
        if (touch.removes or not touch.opens) and any(begins(path, name) for path in wanted for name in names):
            found[shown(touch.line)] = None
    return tuple(found)


@record
class _Effect:
    """What a plan makes of a configuration: lines, with their sections, that it adds and that it removes."""

    added: frozenset[Path] = frozenset()
    removed: frozenset[Path] = frozenset()


def _effect(before: str, after: str, platform: Platform) -> _Effect:
    old, new = (frozenset(tree_of(text, platform).paths()) for text in (before, after))
    return _Effect(new - old, old - new)


def _stale(a: HostPlan, b: HostPlan) -> Finding:
    if a.pre_hash and b.pre_hash and a.pre_hash != b.pre_hash:
        return Finding(Kind.STALE, "they were planned on different configurations of it: one of them is stale already")
    return Finding(Kind.STALE, "whichever is applied second is stale by then: plan it on what the other one leaves")


def _lines(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(map(_text, paths))


def _text(path: Path) -> str:
    return shown(SEPARATOR.join(path))
