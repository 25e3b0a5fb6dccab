"""Plans as they were asked about, by the SHA-256 of what they say, and who answered what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select

from nornflow.errors import StoreError, UsageError
from nornflow.model.approval import Approval
from nornflow.model.kept_plan import plan_of
from nornflow.model.plan import Plan
from nornflow.planning.seal import canonical
from nornflow.redaction import MASK
from nornflow.store.blobs import LIMIT
from nornflow.store.database import reading, told
from nornflow.store.journal import number_of
from nornflow.store.patience import PatientRunStore
from nornflow.store.rows import stored_approval
from nornflow.store.tables import approvals, plans


def plan_hash(plan: Plan) -> str:
    """Return the SHA-256 of a plan's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(plan).encode()).hexdigest()


class SqlPlans:
    """The tables of plans and approvals. A plan is named by the hash of what it is, and kept masked: it is for people.

    The exact lines stand in the journal of the run.
    """

    def __init__(self, store: PatientRunStore) -> None:
        self._engine = store.engine
        self._blobs = store.blobs
        self._rows = store.rows
        self._patience = store.patience

    def keep(self, plan: Plan, at: datetime) -> str:
        """Keep a plan, once however often it is kept, and return its hash; StoreError when it cannot be."""
        digest = plan_hash(plan)
        text = self._rows.text(plan)
        large = len(text) >= LIMIT
        row = {
            "hash": digest,
            "created_at": at,
            "body": None if large else text,
            "blob": self._blobs.put(text) if large else None,
        }

        def write() -> None:
            with told(self._engine, "the plan could not be kept"), self._engine.begin() as connection:
                if connection.execute(select(plans.c.hash).where(plans.c.hash == digest)).first() is None:
                    connection.execute(insert(plans).values(row))

        self._patience(write)
        return digest

    def answered(self, run: str, approval: Approval) -> None:
        """Keep an answer to the question about a plan that was kept; StoreError when it cannot be."""

        def write() -> None:
            with (
                told(self._engine, f"the answer about run {run} could not be kept"),
                self._engine.begin() as connection,
            ):
                number = number_of(connection, run)
                of_run = approvals.c.run == number
                last = connection.execute(select(func.max(approvals.c.number)).where(of_run)).scalar() or 0
                same = (approvals.c.plan == approval.plan, approvals.c.at == approval.at)
                if connection.execute(select(approvals.c.number).where(of_run, *same)).first() is not None:
                    return  # it is there: the connection was lost after it was done and before we knew
                connection.execute(
                    insert(approvals).values(
                        run=number,
                        number=last + 1,
                        plan=approval.plan,
                        user=approval.user,
                        verdict=approval.answer.value,
                        comment=self._rows.masked(approval.comment),
                        at=approval.at,
                        via=approval.via,
                    )
                )

        self._patience(write)

    def answers(self, run: str) -> Sequence[Approval]:
        """Return who said what about the plans of a run, in order."""
        with told(self._engine, f"answers about run {run} could not be read"), reading(self._engine) as connection:
            of_run = approvals.c.run == number_of(connection, run)
            found = connection.execute(select(approvals).where(of_run).order_by(approvals.c.number)).mappings()
            return [stored_approval(dict(row)) for row in found]

    def plan(self, digest: str) -> Plan:
        """Return a plan, masked; UsageError when there is none of that hash, StoreError when it is not what was kept."""
        with told(self._engine, "the plan could not be read"), reading(self._engine) as connection:
            row = connection.execute(select(plans).where(plans.c.hash == digest)).mappings().one_or_none()
        if row is None:
            raise UsageError(f"there is no plan {digest[:12]} any more", hint="plans go with the runs they belong to")
        text: str = self._blobs.get(row["blob"]) if row["blob"] else row["body"]
        plan = plan_of(json.loads(text))
        if MASK not in text and plan_hash(plan) != digest:
            raise StoreError(f"the plan {digest[:12]} is not the one that was kept", hint="nornflow db check")
        return plan
