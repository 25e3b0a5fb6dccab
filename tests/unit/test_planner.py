from __future__ import annotations

from nornflow.model.plan import Method
from nornflow.planning.normalise import config_hash, normalise
from nornflow.planning.planner import Planner, plan_step
from nornflow.platforms.load import platform_for

IOS = platform_for("ios")

RUNNING = "Current configuration : 80 bytes\nhostname r1\ninterface GigabitEthernet1\n description one\nntp server 192.0.2.1\n"


def test_a_step_has_its_lines_its_diff_and_its_way_back() -> None:
    lines = ["int gi1", " desc two"]

    step, after = plan_step("describe", "r1", RUNNING, lines, "netmiko", IOS)

    assert step.lines == ("int gi1", " desc two")
    assert step.connection == "netmiko"
    assert "- description one\n+ description two\n" in step.diff
    assert step.method is Method.MODEL
    assert step.rollback == ("interface GigabitEthernet1", " description one", "exit")
    assert step.pre_hash == config_hash(RUNNING, IOS)
    assert step.note == ""
    assert step.changes
    assert " description two\n" in after


def test_a_step_that_is_done_already_changes_nothing() -> None:
    step, after = plan_step("ntp", "r1", RUNNING, ["ntp server 192.0.2.1"], "", IOS)

    assert not step.changes
    assert step.rollback == ()
    assert after == normalise(RUNNING, IOS)


def test_the_second_step_is_planned_on_top_of_the_first() -> None:
    planner = Planner("r1", RUNNING, IOS)

    first = planner.plan("one", ["ntp server 192.0.2.2"])
    again = planner.plan("two", ["ntp server 192.0.2.2"])
    third = planner.plan("three", ["no ntp server 192.0.2.2"])

    assert first.changes
    assert not again.changes
    assert third.rollback == ("ntp server 192.0.2.2",)
    assert again.pre_hash == third.pre_hash == config_hash(RUNNING + "ntp server 192.0.2.2\n", IOS)
    assert planner.configuration == normalise(RUNNING, IOS)


def test_the_device_s_own_diff_goes_before_ours_and_says_so() -> None:
    step, _ = plan_step(
        "one", "r1", RUNNING, ["hostname r2"], "napalm", IOS, native_diff="-hostname r1\n+hostname r2\n"
    )
    same, _ = plan_step("one", "r1", RUNNING, ["hostname r2"], "napalm", IOS, native_diff="")

    assert step.method is Method.NATIVE
    assert step.diff == "-hostname r1\n+hostname r2\n"
    assert step.rollback == ("hostname r1",)
    assert not same.changes


def test_what_nobody_can_predict_is_impossible_and_says_why() -> None:
    step, after = plan_step("one", "r1", RUNNING, ["hostname r2"], "netmiko", platform_for("acme_os"))

    assert step.method is Method.IMPOSSIBLE
    assert step.note == "nothing is known of the platform generic"
    assert step.diff == ""
    assert step.rollback == ()
    assert step.changes
    assert after == "hostname r1\ninterface GigabitEthernet1\n description one\nntp server 192.0.2.1\n"


def test_commands_that_are_not_configuration_are_kept_and_not_predicted() -> None:
    step, _ = plan_step("save", "r1", RUNNING, ["exec: write memory"], "netmiko", IOS)

    assert step.lines == ("exec: write memory",)
    assert step.diff == ""
    assert step.note == ""


def test_a_note_tells_what_the_text_cannot_say() -> None:
    step, _ = plan_step("user", "r1", RUNNING, ["username admin secret s3cret"], "netmiko", IOS)

    assert step.note == "`username admin` is stored in another form than typed"
