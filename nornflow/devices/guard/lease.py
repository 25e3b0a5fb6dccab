"""The lease: what one step may do on one device, held by the thread that does it and revoked when the step ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from threading import Lock, get_ident

from nornflow.abc import Fence
from nornflow.devices.guard.rules import RuleBook
from nornflow.errors import GuardDenied, LineRejected, LockLost, NornFlowError, StepCancelled
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, LineRule, Mode, covers
from nornflow.platforms.platform import Platform
from nornflow.policy.rules import readable

_HELD: ContextVar[Lease | None] = ContextVar("nornflow_lease", default=None)


class GuardDeniedAttribute(GuardDenied, AttributeError):
    """An attribute that tasks may not use; also an AttributeError, so that `hasattr` and `getattr` stay well-behaved."""


class GuardDeniedByRule(GuardDenied):
    """A line that a rule refuses; `line` is the line in full words with its section path."""

    def __init__(self, message: str, *, hint: str, rule: LineRule, line: str) -> None:
        super().__init__(message, hint=hint)
        self.rule = rule
        self.line = line


class Lease:
    """A grant while it is in force: its rules, how far the sealed lines are used up, and what was done under it.

    It is in force between entering and leaving `held`, and ends when it is revoked, from whatever thread: at once, or
    behind what must not be cut in half (a commit, a save).
    """

    __slots__ = (
        *("_ending", "_fence", "_lock", "_releases", "_revoked", "_whole"),
        *("active", "cursor", "grant", "platform", "rejected", "report", "rules", "thread"),
    )

    def __init__(self, grant: Grant, platform: Platform, report: LeaseReport, fence: Fence | None = None) -> None:
        self._fence = fence
        self.grant = grant
        self.platform = platform
        self.report = report
        self.active = False
        self.thread = 0  # the thread that holds it: a copied context would carry it into others
        self.cursor = 0
        self.rejected: LineRejected | None = None
        deferred = () if self.permits("device.raw") else tuple(map(_deferred_rule, platform.exec.deferred))
        self.rules = RuleBook((*grant.deny, *deferred), grant.allow_exec, platform)
        self._releases: list[Callable[[], None]] = []
        self._lock = Lock()
        self._whole = 0
        self._ending = False
        self._revoked = False

    def begin(self) -> None:
        """Come into force; StepCancelled when the lease was taken away before."""
        with self._lock:
            if self._revoked:
                raise StepCancelled(f"{self.who}: the work was ended, nothing more is done on the device")
            self.active = True

    def begin_whole(self) -> None:
        """Note that something is sent which the device does as a whole or not at all; GuardDenied when it is too late."""
        with self._lock:
            self.check()
            self._whole += 1

    def end_whole(self) -> None:
        """Note that the device has answered it; a lease that was revoked meanwhile ends now."""
        with self._lock:
            self._whole -= 1
            if self._ending and not self._whole:
                self.active = False

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Send, inside the `with`, what the device does as a whole or not at all."""
        self.begin_whole()
        try:
            yield
        finally:
            self.end_whole()

    def revoke(self, *, even_whole: bool = False) -> bool:
        """End the lease from any thread; False when it ends only behind what is at work and must not be cut in half."""
        with self._lock:
            self._revoked = True
            if self._whole and not even_whole:
                self._ending = True
            else:
                self.active = False
            return not self.active

    @property
    def planning(self) -> bool:
        """Whether configuration is captured and not sent."""
        return self.grant.mode is Mode.PLAN

    @property
    def who(self) -> str:
        """The device and step, as error messages begin."""
        return f"{self.grant.host}: step {self.grant.step!r}" if self.grant.step else self.grant.host

    def permits(self, permission: str) -> bool:
        """Tell whether the grant has a permission."""
        return covers(self.grant.permissions, permission)

    def check(self) -> None:
        """Raise GuardDenied unless the lease is in force."""
        if not self.active:
            raise self.denied(
                "the step is over and its connection was taken back",
                hint="use a connection only inside the task that asked for it",
            )

    def fenced(self, *, begins: bool = False) -> None:
        """Raise LockLost, and nothing is sent, unless the run holds the device; `begins` says that a block does."""
        if self._fence is None:
            return
        try:
            (self._fence.begin if begins else self._fence.check)(self.grant.host)
        except LockLost as lost:
            self.report.denials.append(lost.message)
            raise

    def denied(self, what: str, *, hint: str, attribute: bool = False) -> GuardDenied:
        """Put a denial on record and return the error to raise."""
        message = f"{self.who}: {what}"
        self.report.denials.append(message)
        return (GuardDeniedAttribute if attribute else GuardDenied)(message, hint=hint)

    def denied_by(self, rule: LineRule, line: str) -> GuardDenied:
        """Put a denial by a rule on record, saying which rule it was and where it stands."""
        where = f" ({rule.where})" if rule.where else ""
        why = f": {rule.reason}" if rule.reason else ""
        what = f"{line!r} is refused by the rule {readable(rule.pattern)!r}{where}{why}"
        hint = "take the line out of the change, or use a profile without this rule"
        if not rule.pattern:
            what, hint = f"{line!r} was refused{why}", "write the line in full words"
        error = self.denied(what, hint=hint)
        return GuardDeniedByRule(error.message, hint=hint, rule=rule, line=line)

    def next_sealed(self) -> str | None:
        """Return the line that the plan has next, None when all were used."""
        sealed = self.grant.sealed or ()
        return sealed[self.cursor] if self.cursor < len(sealed) else None

    def on_release(self, release: Callable[[], None]) -> None:
        """Call back in the holder's thread once the lease has ended."""
        self._releases.append(release)

    def release(self) -> None:
        """End the lease and give back the sessions that were used under it."""
        self.active = False
        while self._releases:
            self._releases.pop()()


@cache
def _deferred_rule(words: str) -> LineRule:
    return LineRule(
        rf"^{words}\b", reason="it changes what later lines mean or runs commands later", where="built into the guard"
    )


def current_lease() -> Lease | None:
    """Return the lease that this thread holds."""
    return _HELD.get()


@contextmanager
def held(lease: Lease) -> Iterator[Lease]:
    """Hold the lease in this thread; raises LineRejected at the end when a device refused a line and nobody said so."""
    lease.begin()
    token = _HELD.set(lease)
    lease.thread = get_ident()
    try:
        yield lease
    except NornFlowError:
        raise
    except Exception as error:
        if lease.rejected is not None:  # what the driver makes of it says less than what the device said
            raise lease.rejected from error
        raise
    finally:
        _HELD.reset(token)
        lease.release()
    if lease.rejected is not None:
        raise lease.rejected


def revoke(lease: Lease, *, even_whole: bool = False) -> bool:
    """End a lease from another thread: nothing more is sent under it, whatever its holder still tries.

    False while a commit or a save is at work: it comes to its end, and the lease ends with it (`even_whole`: at once).
    """
    return lease.revoke(even_whole=even_whole)
