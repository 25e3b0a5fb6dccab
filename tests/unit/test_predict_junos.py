from __future__ import annotations

from nornflow.model.plan import Method
from nornflow.planning.diff import unified
from nornflow.planning.normalise import normalise
from nornflow.planning.predict import predict
from nornflow.planning.rollback import returns, rollback_lines
from nornflow.platforms.load import platform_for

JUNOS = platform_for("junos")

RUNNING = """\
## Last commit: 2026-11-20 10:00:00 UTC by admin
set version 21.4R3
set system host-name mx1
set system ntp server 192.0.2.1
set interfaces ge-0/0/0 description uplink
set interfaces ge-0/0/0 unit 0 family inet address 10.0.0.1/30
set interfaces ge-0/0/1 disable
set protocols bgp group CORE type external
set protocols bgp group CORE neighbor 10.0.0.2 peer-as 65002
"""


def test_a_value_is_replaced_and_a_list_grows() -> None:
    lines = ["set system host-name mx2", "set system ntp server 192.0.2.2", "set system ntp server 192.0.2.1"]

    prediction = predict(RUNNING, lines, JUNOS)

    assert prediction.method is Method.MODEL
    assert unified(RUNNING, prediction.text, JUNOS, context=0) == (
        "--- before\n+++ after\n"
        "@@ -1 +1 @@\n-set system host-name mx1\n+set system host-name mx2\n"
        "@@ -2,0 +3 @@\n+set system ntp server 192.0.2.2\n"
    )


def test_deleting_a_level_deletes_what_is_below_and_not_its_namesakes() -> None:
    after = predict(RUNNING, ["delete protocols bgp group COR", "delete interfaces ge-0/0/0"], JUNOS).text

    assert "ge-0/0/0" not in after
    assert "group CORE" in after


def test_edit_exit_and_top_move_the_place_of_a_line() -> None:
    lines = [
        "edit protocols bgp",
        "edit group CORE",
        "set hold-time 30",
        "exit",
        "delete group CORE type",
        "top",
        "set x y",
    ]

    after = predict(RUNNING, lines, JUNOS).text

    assert "set protocols bgp group CORE hold-time 30\n" in after
    assert "type external" not in after
    assert "set x y\n" in after


def test_deactivate_and_activate_are_lines_of_their_own() -> None:
    off = predict(RUNNING, ["deactivate protocols bgp"], JUNOS).text
    on = predict(off, ["activate protocols bgp"], JUNOS).text

    assert "deactivate protocols bgp\n" in off
    assert on == normalise(RUNNING, JUNOS)
    assert rollback_lines(off, RUNNING, JUNOS) == ("activate protocols bgp",)


def test_the_rollback_deletes_first_and_sets_a_value_directly() -> None:
    lines = ["set system host-name mx2", "set interfaces ge-0/0/2 mtu 9000", "delete system ntp"]
    after = predict(RUNNING, lines, JUNOS).text

    back = rollback_lines(after, RUNNING, JUNOS)

    assert back == (
        "delete interfaces ge-0/0/2 mtu 9000",
        "set system host-name mx1",
        "set system ntp server 192.0.2.1",
    )
    assert returns(after, back, RUNNING, JUNOS)


def test_the_curly_form_and_unknown_verbs_are_not_guessed() -> None:
    curly = predict("system {\n    host-name mx1;\n}\n", ["set system host-name mx2"], JUNOS)
    renamed = predict(RUNNING, ["rename interfaces ge-0/0/0 to ge-0/0/9"], JUNOS)
    upwards = predict(RUNNING, ["edit protocols bgp group CORE", "up", "set hold-time 30"], JUNOS)

    assert curly.method is Method.IMPOSSIBLE
    assert curly.notes == ("the configuration is not in `display set` form",)
    assert renamed.method is Method.IMPOSSIBLE
    assert upwards.method is Method.IMPOSSIBLE
