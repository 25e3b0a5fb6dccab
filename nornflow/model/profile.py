"""A security profile: what it allows, what it refuses, and the limits of what runs under it."""

from __future__ import annotations

from enum import StrEnum

from nornflow.model.permission import LineRule, covers
from nornflow.model.plan import Method
from nornflow.record import record


class Strictness(StrEnum):
    """How much is taken from outside: longest string in characters is 50,000 / 10,000 / 5,000 / 2,000."""

    PERMISSIVE = "permissive"
    STANDARD = "standard"
    STRICT = "strict"
    PARANOID = "paranoid"

    @property
    def max_string(self) -> int:
        """Return the longest string (input value, rendered template value) in characters."""
        return {"permissive": 50_000, "standard": 10_000, "strict": 5_000, "paranoid": 2_000}[self.value]


@record
class Quorum:
    """Who must approve a sealed plan: how many, which users (`@name` is a group of the system; empty: anybody), for how long.

    `valid_for` is in seconds; nobody who made the plan or wrote the workflow counts.
    """

    count: int = 0
    approvers: tuple[str, ...] = ()
    valid_for: int = 3 * 86_400


@record
class Profile:
    """A resolved profile: its parents are already merged in.

    Durations in seconds, sizes in MiB. `commands` and `domains` are allow-lists, None allows any. `read_rules` limits exec
    reads (empty: every read the platform knows), `deny_rules` are lines that must never reach a device. `tasks` is
    `project` (installed nornir_* packages and the project's tasks folder) or `any`. `lockout` says what becomes of a plan
    that would cut the way into a device: `deny`, `hold` or `allow`. `rollback` is the least that the rehearsed way back of
    every changed device must be worth (None asks for nothing), `unproven` what becomes of a plan where it is worth less:
    `deny` or `hold`. `where` says where the profile stands.
    """

    name: str
    description: str = ""
    extends: str = ""
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    max_concurrent_workflows: int = 25
    max_workflow_duration: int = 7200
    max_step_duration: int = 1800
    max_memory_mb: int = 2048
    max_file_size_mb: int = 100
    strictness: Strictness = Strictness.STANDARD
    commands: tuple[str, ...] | None = ()
    domains: tuple[str, ...] | None = ()
    read_rules: tuple[LineRule, ...] = ()
    deny_rules: tuple[LineRule, ...] = ()
    sealed_only: bool = False
    canary: bool = False
    approvals: Quorum = Quorum()
    allow_destructive: bool = False
    tasks: str = "project"
    lockout: str = "deny"
    rollback: Method | None = None
    unproven: str = "deny"
    where: str = ""

    def allows(self, permission: str) -> bool:
        """Tell whether the profile gives a permission; `deny` wins over `allow`."""
        return covers(self.allow, permission) and not covers(self.deny, permission)
