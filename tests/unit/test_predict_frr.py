"""A hundred changes that were typed into a real FRR: the prediction is what it showed, the rollback plays it back.

`data/frr_changes.toml` is a recording of FRR 8.4.4. Left out of it are a new host name (a session shows the one it began
with) and a banner (`show running-config` has none).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from nornflow.model.plan import Method
from nornflow.planning.diff import unified
from nornflow.planning.predict import predict
from nornflow.planning.rollback import returns, rollback_lines
from nornflow.platforms.load import platform_for

FRR = platform_for("frr")
RECORDED = tomllib.loads((Path(__file__).parent / "data" / "frr_changes.toml").read_text())
RUNNING: str = RECORDED["running"]
CHANGES: list[dict[str, Any]] = RECORDED["change"]
by_name = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change["name"])


@by_name
def test_the_prediction_is_what_frr_showed(change: dict[str, Any]) -> None:
    prediction = predict(RUNNING, change["lines"].splitlines(), FRR)

    assert prediction.method is Method.MODEL
    assert "\n".join(unified(RUNNING, prediction.text, FRR, context=0).splitlines()[2:]) == change["shown"].strip()


@by_name
def test_the_rollback_brings_every_line_back(change: dict[str, Any]) -> None:
    after = predict(RUNNING, change["lines"].splitlines(), FRR).text

    back = rollback_lines(after, RUNNING, FRR)

    assert returns(after, back, RUNNING, FRR)
    assert bool(back) == (after != RUNNING)


@by_name
def test_the_same_change_again_changes_nothing(change: dict[str, Any]) -> None:
    lines = change["lines"].splitlines()
    after = predict(RUNNING, lines, FRR).text

    assert unified(after, predict(after, lines, FRR).text, FRR) == ""


def test_what_vtysh_cannot_take_away_goes_line_by_line() -> None:
    after = predict(RUNNING, ["interface lo", " ip address 10.255.0.1/32"], FRR).text

    assert rollback_lines(after, RUNNING, FRR) == ("interface lo", " no ip address 10.255.0.1/32", "exit")


def test_a_neighbour_comes_back_with_all_it_had() -> None:
    after = predict(RUNNING, ["router bgp 65001", " no neighbor 192.0.2.2"], FRR).text

    assert rollback_lines(after, RUNNING, FRR) == (
        "router bgp 65001",
        " neighbor 192.0.2.2 remote-as 65002",
        " neighbor 192.0.2.2 description peer-two",
        " neighbor 192.0.2.2 timers connect 2",
        " address-family ipv4 unicast",
        "  neighbor 192.0.2.2 prefix-list PL in",
        "  neighbor 192.0.2.2 route-map OUT out",
        " exit-address-family",
        "exit",
    )


def test_a_number_is_set_back_without_taking_it_away_first() -> None:
    after = predict(RUNNING, ["interface eth0", " ip ospf cost 77"], FRR).text

    assert rollback_lines(after, RUNNING, FRR) == ("interface eth0", " ip ospf cost 10", "exit")
