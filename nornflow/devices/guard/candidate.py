"""The candidate desk: load, compare, commit and discard of drivers like NAPALM's, under a lease."""

from __future__ import annotations

from typing import Any

from nornflow.abc import ConnectionGuard
from nornflow.devices.guard.arguments import exact
from nornflow.devices.guard.files import text_of
from nornflow.devices.guard.judge import Act, Judge
from nornflow.devices.guard.lease import Lease
from nornflow.errors import DeviceError, GuardDenied
from nornflow.model.surface import Candidate

REPLACE = "exec:replace configuration"
CONFIRM = "exec:confirm commit"
ROLLBACK = "exec:roll back"
_LEAVES = frozenset(("end", "quit", "abort", "commit"))


class CandidateDesk:
    """One candidate configuration between its load and its commit.

    On a platform with a native candidate the device holds it: load, compare and discard really happen, also when
    planning; a commit is captured and not sent when planning, and the candidate is discarded. On any other platform the
    candidate is held here, and a commit sends its lines one by one over the driver's own guarded session: no file is
    copied to the device and no setting is changed for it.
    """

    def __init__(self, guard: ConnectionGuard, driver: Any, lease: Lease, judge: Judge) -> None:
        assert guard.surface.candidate is not None
        self._guard = guard
        self._driver = driver
        self._lease = lease
        self._judge = judge
        self._names: Candidate = guard.surface.candidate
        self._native = lease.platform.name in guard.native_platforms
        self._save = next(iter(lease.platform.exec.save.values()), "write memory")
        self._lines: list[str] = []
        self._replaces = False
        self._loaded = False
        self._hold = None if lease.planning else lease.grant.hold
        timer = guard.dead_men.get(lease.platform.name)
        begins = self._native and self._hold is not None and bool(self._hold.token)
        self._own_timer = timer if begins and timer is not None and timer.with_commit else None

    @property
    def roles(self) -> dict[str, str]:
        """The driver's method names, each with the method of the desk that stands for it."""
        names = self._names
        return {
            names.load_merge: "load_merge",
            names.load_replace: "load_replace",
            names.compare: "compare",
            names.commit: "commit",
            names.discard: "discard",
            names.confirm: "confirm",
            names.rollback: "rollback",
        }

    def load_merge(self, filename: str | None = None, config: Any = None) -> None:
        """Take a candidate that is merged into the running configuration."""
        self._load(filename, config, replaces=False)

    def load_replace(self, filename: str | None = None, config: Any = None) -> None:
        """Take a candidate that replaces the running configuration; only where the device itself holds candidates."""
        if not self._native:
            raise self._lease.denied(
                f"{self._guard.connection} cannot replace a whole configuration here without files on the device",
                hint="merge the lines that change; a whole configuration is replaced only on a platform with a native"
                " candidate",
            )
        self._load(filename, config, replaces=True)

    def _load(self, filename: str | None, config: Any, *, replaces: bool) -> None:
        if filename is not None:
            config = text_of(filename, self._lease)
        text = exact(config) if isinstance(config, str) else "\n".join(config or ())
        lines = [line.rstrip() for line in text.splitlines()]
        if self._native:
            lines = self._configuration_alone(lines)
        marks = self._judge.marks()
        try:
            if replaces:
                self._judge.device_action(REPLACE)
            acts = self._judge.rehearse(lines, entered=False)
        finally:
            self._judge.restore(marks)
        if self._native and Act.LEAVE in acts:
            raise self._not_configuration(lines[acts.index(Act.LEAVE)])
        if not self._lease.planning and not self._lease.permits("device.configure"):
            raise self._lease.denied(
                "loading a candidate needs the permission device.configure", hint="use another profile"
            )
        if self._native:
            method = self._names.load_replace if replaces else self._names.load_merge
            if not self._loaded:
                if not self._lease.planning:
                    self._lease.fenced(begins=True)
                self._guard.begin_candidate(self._driver, self._lease.grant.run)
                if self._own_timer is not None and self._hold is not None:
                    self._own_timer.arm(self._driver, self._hold.token, self._hold.seconds, "")
            self._loaded = True
            getattr(self._driver, method)(config="\n".join(lines))
        self._lines, self._replaces = (lines if replaces else [*self._lines, *lines]), replaces

    def _configuration_alone(self, lines: list[str]) -> list[str]:
        """Return the candidate without its last `end`; behind another one the device would take exec commands."""
        while lines and lines[-1].strip().lower() in ("", "end"):
            lines.pop()
        for line in lines:
            if self._lease.platform.exec.behind_do(line) is not None or line.strip().lower() in _LEAVES:
                raise self._not_configuration(line)
        return lines

    def _not_configuration(self, line: str) -> GuardDenied:
        return self._lease.denied(
            f"the candidate holds {line.strip()!r}, which is no configuration",
            hint="leave it out: a candidate may hold configuration only",
        )

    def compare(self) -> str:
        """Return the difference that the candidate makes: the device's own, or the candidate's lines with a `+`."""
        if not self._native:
            return "\n".join(f"+{line}" for line in self._lines if line.strip() and line.strip()[0] != "!")
        diff = str(getattr(self._driver, self._names.compare)())
        self._lease.report.native_diff = diff
        return diff

    def commit(self, *arguments: Any, **options: Any) -> None:
        """Commit the candidate; captured when planning."""
        lines, replaces = self._lines, self._replaces
        if not self._native:
            self._refuse_options(arguments, options)
        if replaces:
            self._judge.device_action(REPLACE)
        self._judge.enter()
        if not self._lease.planning:
            self._lease.fenced(begins=True)
        if self._lease.planning or self._native:
            for line in lines:
                self._judge.config_line(line)
        if self._lease.planning:
            if self._names.commits_save and not self._native:
                self._judge.exec_line(self._save)
            self.drop()
            return
        if self._own_timer is not None and self._hold is not None:
            if any(arguments) or any(options.values()):
                raise self._lease.denied(
                    "commit_config() takes no options while the run itself holds the commit under the device's timer",
                    hint="leave them out: `confirm:` of the workflow says how long",
                )
            with self._lease.whole():
                self._own_timer.commit(self._driver, self._hold.token, self._hold.seconds)
            self._loaded = False
        elif self._native:
            with self._lease.whole():
                getattr(self._driver, self._names.commit)(*arguments, **options)
            self._loaded = False  # also with revert_in: a discard would take back what waits to be confirmed
        else:
            self._guard.configure(self._driver, [line for line in lines if line.strip()])
            if self._names.commits_save and self._hold is not None:
                self._judge.exec_line(self._save)  # it is done once the change is confirmed
            elif self._names.commits_save:
                self._guard.execute(self._driver, self._save)
        self._lines = []

    def _refuse_options(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        asked = next((name for name, value in options.items() if value), "message" if any(arguments) else "")
        if asked:
            raise DeviceError(
                f"{self._lease.who}: commit_config({asked}=...) needs a candidate that lives on the device",
                hint="take the option out; the run itself takes back what is not verified",
            )

    def discard(self) -> None:
        """Forget the candidate."""
        self.drop()

    def confirm(self) -> None:
        """Confirm a commit that would revert by itself; captured when planning."""
        if self._hold is not None:
            raise self._lease.denied(
                "the run confirms its changes itself, once all devices of the batch are verified",
                hint="leave the step out: `confirm:` of the workflow does it",
            )
        if self._native and not self._lease.planning:
            self._guard.adopt_commit(self._driver, self._lease.grant.run)
        self._device_command(CONFIRM, self._names.confirm)

    def rollback(self) -> None:
        """Go back to the configuration before the last commit; captured when planning."""
        self._device_command(ROLLBACK, self._names.rollback)

    def _device_command(self, entry: str, method: str) -> None:
        if not self._native:
            raise self._lease.denied(
                f"{self._guard.connection}.{method} needs files on the device, which the guard does not use here",
                hint="the run keeps the rollback itself: on_failure: rollback",
            )
        self._judge.device_action(entry)
        if not self._lease.planning:
            with self._lease.whole():
                getattr(self._driver, method)()
            self._loaded = False

    def _spend(self, entry: str) -> None:
        self._judge.device_action(entry)

    def drop(self) -> None:
        """Discard what the device still holds of an uncommitted candidate."""
        loaded, self._loaded = self._loaded, False
        self._lines, self._replaces = [], False
        if loaded:
            getattr(self._driver, self._names.discard)()
