"""The fence stands before every block that is written: who does not hold the device sends nothing."""

from __future__ import annotations

import pytest

from nornflow.abc import Fence
from nornflow.devices.guard.judge import Act, Judge
from nornflow.devices.guard.lease import Lease, held
from nornflow.devices.guard.wire import Phase, Wire
from nornflow.errors import LockLost
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, Mode
from nornflow.platforms.load import platform_for

IOS = platform_for("cisco_ios")
ALL = frozenset({"device.read", "device.configure", "device.command"})


class FenceOfTests(Fence):
    """Open until it is shut; notes what it was asked."""

    def __init__(self) -> None:
        self.open = True
        self.asked: list[str] = []

    def covers(self, device: str) -> bool:
        return True

    def check(self, device: str) -> None:
        self._ask("check", device)

    def begin(self, device: str) -> None:
        self._ask("begin", device)

    def _ask(self, how: str, device: str) -> None:
        self.asked.append(how)
        if not self.open:
            raise LockLost(f"{device} is somebody else's")


@pytest.fixture
def fence() -> FenceOfTests:
    return FenceOfTests()


def lease_for(fence: FenceOfTests, mode: Mode = Mode.APPLY) -> Lease:
    return Lease(Grant("r1", "configure", mode, ALL), IOS, LeaseReport(), fence)


def test_reads_ask_no_fence(fence):
    fence.open = False
    with held(lease_for(fence)) as lease:
        assert Judge(lease).exec_line("show version") is Act.SEND
    assert fence.asked == []


def test_planning_asks_no_fence_whatever_is_captured(fence):
    fence.open = False
    with held(lease_for(fence, Mode.PLAN)) as lease:
        judge = Judge(lease)
        assert judge.exec_line("configure terminal") is Act.ENTER
        assert judge.config_line("ntp server 192.0.2.1") is Act.CAPTURE
        assert judge.exec_line("write memory") is Act.CAPTURE
        judge.device_action("exec:confirm commit")
    assert fence.asked == []


@pytest.mark.parametrize(
    "act",
    [
        lambda judge: judge.exec_line("configure terminal"),
        lambda judge: judge.exec_line("write memory"),
        lambda judge: judge.exec_line("clear counters"),
        lambda judge: judge.exec_line("copy running-config startup-config"),
        lambda judge: judge.config_line("ntp server 192.0.2.1"),
        lambda judge: judge.config_line("do clear counters"),
        lambda judge: judge.device_action("exec:confirm commit"),
        lambda judge: judge.replacing(),
        lambda judge: judge.rehearse_all(["ntp server 192.0.2.1", "exec:write memory"]),
    ],
)
def test_nothing_that_writes_passes_a_shut_fence(fence, act):
    with held(lease_for(fence)) as lease:
        act(Judge(lease))
        fence.open = False
        sent = list(lease.report.sent)
        with pytest.raises(LockLost):
            act(Judge(lease))
        assert lease.report.sent == sent
        assert lease.report.denials == ["r1 is somebody else's"], "a task that swallows it is found out"


def test_the_store_is_asked_where_a_block_begins_and_lines_of_it_may_go_by_a_fresh_answer(fence):
    with held(lease_for(fence)) as lease:
        judge = Judge(lease)
        for line in ("configure terminal", "write memory"):
            judge.exec_line(line)
        judge.config_line("ntp server 192.0.2.1")
    assert fence.asked == ["begin", "begin", "check"]


def test_a_lock_that_is_lost_between_two_lines_stops_the_session_in_the_middle(fence):
    wire = Wire(IOS)
    wire.phase = Phase.GUARDED
    with held(lease_for(fence)) as lease:
        wire.take(lease)
        wire.read(b"r1#")
        assert wire.write(b"configure terminal\n") == b"configure terminal\n"
        wire.read(b"configure terminal\r\nr1(config)#")
        assert wire.write(b"ntp server 192.0.2.1\n") == b"ntp server 192.0.2.1\n"
        wire.read(b"ntp server 192.0.2.1\r\nr1(config)#")
        fence.open = False
        with pytest.raises(LockLost):
            wire.write(b"ntp server 192.0.2.2\n")
        assert wire.dead, "the session is closed, so that nothing more goes over it"
        assert lease.report.sent == ["ntp server 192.0.2.1"]
