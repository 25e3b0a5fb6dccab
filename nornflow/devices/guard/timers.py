"""A device's own timer under the guard: begun, looked at, stopped and let go of by the engine alone, never by a task."""

from __future__ import annotations

from typing import Any, NoReturn

from nornir.core.inventory import Host

from nornflow.abc import DeadMan
from nornflow.devices.guard.host import session_under_lease
from nornflow.devices.guard.judge import Judge
from nornflow.devices.guard.lease import Lease
from nornflow.model.confirm import Hold, OwnTimer

ARM = "exec:arm timer"
CONFIRM = "exec:confirm commit"
REVERT = "exec:revert unconfirmed"


def guarded_arm(host: Host, timer: OwnTimer, hold: Hold, pre_image: str) -> None:
    """Begin the timer under the held lease; raises as DeadMan.arm, and GuardDenied."""
    dead_man, driver, judge, lease = _inside(host, timer)
    _spend(judge, lease, ARM)
    with lease.whole():
        dead_man.arm(driver, hold.token, hold.seconds, pre_image)


def guarded_pending(host: Host, timer: OwnTimer, token: str) -> bool:
    """Tell under the held lease whether the timer still runs."""
    dead_man, driver, _, lease = _inside(host, timer)
    if not lease.permits("device.read"):
        raise lease.denied("reading needs the permission device.read", hint="use a profile that allows device.read")
    return dead_man.pending(driver, token)


def guarded_confirm(host: Host, timer: OwnTimer, token: str) -> None:
    """Stop the timer under the held lease; raises as DeadMan.confirm, and GuardDenied."""
    dead_man, driver, judge, lease = _inside(host, timer)
    _spend(judge, lease, CONFIRM)
    with lease.whole():
        dead_man.confirm(driver, token)


def guarded_revert(host: Host, timer: OwnTimer, token: str) -> None:
    """Have the device return to what it had, under the held lease; raises as DeadMan.revert, and GuardDenied."""
    dead_man, driver, judge, lease = _inside(host, timer)
    _spend(judge, lease, REVERT)
    with lease.whole():
        dead_man.revert(driver, token)


def _inside(host: Host, timer: OwnTimer) -> tuple[DeadMan, Any, Judge, Lease]:
    session, lease = session_under_lease(host, timer.connection)
    dead_man = session.guard.dead_men.get(lease.platform.name)
    if dead_man is None or dead_man.name != timer.name:
        _unknown(lease, timer)
    return dead_man, session.driver(lease), session.judge(lease), lease


def _spend(judge: Judge, lease: Lease, entry: str) -> None:
    if lease.planning:
        raise lease.denied("nothing is armed or confirmed while planning", hint="take a grant for applying")
    judge.device_action(entry)


def _unknown(lease: Lease, timer: OwnTimer) -> NoReturn:
    raise lease.denied(
        f"the device has no {timer.name} over {timer.connection!r} here",
        hint="is the plugin that brings it installed? the plan was made with it",
    )
