"""What a device's configuration will be after a change, worked out on its text."""

from __future__ import annotations

from collections.abc import Sequence

from nornflow.model.plan import Method
from nornflow.planning.normalise import tree_of
from nornflow.planning.replay import Replay, Unpredictable
from nornflow.planning.setlines import play_set_lines
from nornflow.platforms.platform import Platform, Style
from nornflow.platforms.tree import render
from nornflow.record import record


@record
class Prediction:
    """The normalised configuration after a change, how it was come by (model or impossible), and what limits it.

    When it is impossible, `text` is the configuration before and the notes say why.
    """

    text: str
    method: Method
    notes: tuple[str, ...] = ()


def predict(pre: str, lines: Sequence[str], platform: Platform) -> Prediction:
    """Play configuration lines on a listing, as the device would; lines that stand already change nothing.

    What the platform's grammar does not know is taken literally and noted. What text cannot tell (a range of
    interfaces, a platform without grammar, Junos in curly form) is `impossible`, never a guess.
    """
    root = tree_of(pre, platform)
    before = render(root, platform)
    if platform.style is Style.SET:
        try:
            return Prediction(play_set_lines(before, lines, platform), Method.MODEL)
        except Unpredictable as problem:
            return Prediction(before, Method.IMPOSSIBLE, (str(problem),))
    if not platform.known:
        return Prediction(before, Method.IMPOSSIBLE, (f"nothing is known of the platform {platform.name}",))
    replay = Replay(root, platform)
    try:
        replay.play(lines)
    except Unpredictable as problem:
        return Prediction(before, Method.IMPOSSIBLE, (str(problem),))
    return Prediction(render(replay.root, platform), Method.MODEL, tuple(replay.notes))
