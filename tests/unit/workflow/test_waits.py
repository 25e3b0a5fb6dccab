"""Where steps may wait, and who is asked behind a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nornflow.model.wait import Awaited, WaitKind
from nornflow.model.workflow import Workflow

Compiled = Callable[..., Workflow]
Faults = Callable[..., list[tuple[str, str]]]
HEAD = "name: change\nversion: 1.0\n"
CONFIGURE = "  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.1]}\n"
LOOK = "  - {id: look, type: ttp.show, command: show clock, depends_on: [board]}\n"
BEFORE = "  - {id: board, type: approval}\n"
BEHIND = "  - {id: board, type: approval, depends_on: [configure]}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("steps:\n" + CONFIGURE + BEHIND + LOOK, []),
        ("confirm: {within: 5m}\nsteps:\n" + CONFIGURE + BEHIND + LOOK, [("NF210", "6:23")]),
        ("confirm: {within: 5m}\nsteps:\n" + CONFIGURE + BEHIND, []),
        ("confirm: {within: 5m}\nsteps:\n" + CONFIGURE + BEFORE + LOOK, []),
        ("steps:\n  - {id: board, type: approval, for_each: [1, 2]}\n", [("NF210", "4:43")]),
        ("steps:\n  - {id: board, type: approval, read_only: true, cache: true}\n", [("NF406", "4:57")]),
        ("rollout: {checks: [{id: board, type: approval}]}\nsteps:\n" + CONFIGURE, [("NF210", "3:38")]),
    ],
)
def test_a_step_waits_neither_as_a_check_nor_for_each_item_nor_while_a_batch_is_on_trial(
    faults: Faults, text: str, found: list[tuple[str, str]]
) -> None:
    assert faults(HEAD + text) == found


def pausing(value: str) -> str:
    return f"{HEAD}rollout: {{batches: [1], pause_after: {value}}}\nsteps:\n{CONFIGURE}"


@pytest.mark.parametrize(
    ("value", "batches", "pause"),
    [
        ("1", {1}, None),
        ("[1, 3]", {1, 3}, None),
        ("0", set(), None),
        ("{batches: 1}", {1}, Awaited(WaitKind.APPROVAL)),
        (
            "{batches: [1, 2], approvers: 2, groups: netops, users: [dora], different_each_batch: true, expires: 2d, remind: 1h}",
            {1, 2},
            Awaited(WaitKind.APPROVAL, "", 2, ("dora", "@netops"), (), True, expires=172_800, remind=3600),
        ),
    ],
)
def test_a_pause_may_say_who_has_to_say_yes(compiled: Compiled, value: str, batches: set[int], pause: Any) -> None:
    rollout = compiled(pausing(value)).rollout
    assert (rollout.pause_after, rollout.pause) == (batches, pause)


@pytest.mark.parametrize(
    ("rollout", "found"),
    [
        ("{pause_after: 1}", ["NF408"]),
        ("{batches: [1, 100%], pause_after: [1, 2]}", ["NF408"]),
        ("{batches: [1, 100%], pause_after: {batches: 7, approvers: 2}}", ["NF408"]),
        ("{batches: [1, 100%], pause_after: 1}", []),
        ("{batches: [1, 10%], pause_after: 9}", []),
        ("{batches: [1], pause_after: 9}", []),
    ],
)
def test_that_nobody_is_asked_behind_the_last_batch_is_said(faults: Faults, rollout: str, found: list[str]) -> None:
    text = f"{HEAD}rollout: {rollout}\nsteps:\n{CONFIGURE}"
    assert [code for code, _ in faults(text)] == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("soon", ["NF103"]),
        ("{approvers: 2}", ["NF102"]),
        ("{batches: 1, approvers: 21}", ["NF104"]),
        ("{batches: 1, expires: 400d}", ["NF104"]),
        ("{batches: 1, aprovers: 1}", ["NF101"]),
        ("{batches: 1, approvers: 2, users: [bin, bin]}", ["NF104"]),
        ("{batches: 1, approvers: 2, users: [bin], groups: [netops]}", []),
        ("{batches: [0, 1]}", ["NF104"]),
        ("{batches: 1, expires: 1h, remind: 1h}", ["NF104"]),
        ("{batches: 1, expires: 1h, remind: 30m}", []),
        ("{batches: 1, text: '{{ steps.configure.changed_hosts }} {{ run.id }}'}", []),
        ("{batches: 1, text: '{{ steps.configure.changed_host }}'}", ["NF311"]),
        ("{batches: 1, text: '{{ steps.last.ok }}'}", ["NF307"]),
        ("{batches: 1, text: '{{ host.name }}'}", ["NF302"]),
        ("{batches: 1, text: '{{ inputs.no }}'}", ["NF305"]),
        ("{batches: 1, text: '{{ 1 + }}'}", ["NF308"]),
    ],
)
def test_what_makes_no_sense_of_a_pause_is_refused(faults: Faults, value: str, found: list[str]) -> None:
    last = "  - {id: last, type: shell, depends_on: configure, command: x}\n"
    assert [code for code, _ in faults(pausing(value) + last)] == found
