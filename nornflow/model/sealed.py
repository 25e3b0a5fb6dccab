"""A sealed plan: everything that was decided when a change was planned, in one value with one hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from nornflow.model.decision import Decision, Verdict, strictest
from nornflow.model.kept_plan import plan_of
from nornflow.model.plan import HostPlan, Plan
from nornflow.record import record

FORMAT = "nornflow-plan/1"
"""What a plan file begins with; another number is another format."""
SHORT = 12
"""How much of a hash people say."""


@record
class Signature:
    """An Ed25519 signature over the hash of a plan (RFC 8032); both values in base64."""

    key: str
    value: str


@dataclass(frozen=True)
class SealedPlan:
    """What was planned, by whom, of what, with which verdicts; `hash` is the SHA-256 of all of it, in hexadecimal.

    `authors` are those who wrote the workflow, as it says itself and as its file belongs to. `versions` maps installed
    distributions to their versions, `spec` says what the change is made of (workflow text, inputs, targets, fingerprints
    of devices and files). `approved` holds the plan, and what planning found beside it, as plain data; lines that hold a
    secret are masked there, with a keyed digest. `follows` is the hash of a plan that this one goes on from.
    """

    created_at: datetime
    requester: str
    authors: tuple[str, ...]
    versions: Mapping[str, str]
    spec: Mapping[str, Any]
    decisions: tuple[Decision, ...]
    approved: Mapping[str, Any]
    follows: str = ""
    signatures: tuple[Signature, ...] = ()
    hash: str = ""

    @cached_property
    def plan(self) -> Plan:
        """Return the plan itself."""
        return plan_of(self.approved["plan"])

    @property
    def after(self) -> str:
        """Return the hash of the plan that this one was made to come after, empty when there is none."""
        found: str = self.spec.get("after", "")
        return found

    @property
    def awaited(self) -> Sequence[str]:
        """Return the devices to which that plan was not applied yet when this one was made."""
        return sorted(self.spec.get("awaited", ()))

    @property
    def short(self) -> str:
        """Return the hash as people say it."""
        return self.hash[:SHORT]

    @property
    def verdict(self) -> Verdict:
        """Return the strictest verdict of the gates when it was made."""
        return strictest(self.decisions)

    def signed(self, signature: Signature) -> SealedPlan:
        """Return the plan with one more signature; that does not change its hash."""
        return replace(self, signatures=(*self.signatures, signature))


@record
class PendingPlan:
    """A sealed plan that waits, as far as a store knows it: what it would do to devices that nobody applied it to yet."""

    hash: str
    workflow: str
    requester: str
    created_at: datetime
    hosts: tuple[HostPlan, ...]


@record
class Culprit:
    """The run that changed a device, of which workflow and by whom; `plan` is the hash of a sealed plan that it applied."""

    run: str
    workflow: str
    user: str
    plan: str = ""

    def __str__(self) -> str:
        applied = f", which applied plan {self.plan[:SHORT]}," if self.plan else ","
        return f"run {self.run} of {self.workflow}, by {self.user}{applied}"
