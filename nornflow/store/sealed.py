"""Sealed plans in the store: the configurations they were made on, who approved or rejected them, who changed devices since."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, exists, func, insert, select
from sqlalchemy.exc import IntegrityError

from nornflow.errors import StoreError
from nornflow.model.approval import Answer, Approval
from nornflow.model.kept_plan import host_plan_of
from nornflow.model.plan import HostPlan
from nornflow.model.run import HostState
from nornflow.model.sealed import Culprit, PendingPlan, SealedPlan
from nornflow.store.blobs import LIMIT
from nornflow.store.database import reading, told
from nornflow.store.runs import SqlRunStore
from nornflow.store.tables import (
    lock_holders,
    locks,
    plan_answers,
    plan_hosts,
    plan_images,
    plan_runs,
    run_hosts,
    runs,
    sealed_plans,
)

_TRIES = 20
"""How often an answer is written when others answer at the same time."""
_TOUCHED = (HostState.CHANGED, HostState.ROLLED_BACK, HostState.ROLLBACK_FAILED, HostState.UNKNOWN)


class SqlSealed:
    """The tables of sealed plans; the plans themselves are files, and named here by their hash."""

    def __init__(self, store: SqlRunStore) -> None:
        self._engine = store.engine
        self._blobs = store.blobs
        self._rows = store.rows

    def keep(self, plan: SealedPlan, images: Mapping[str, str]) -> None:
        """Keep what a plan would do to each device, and what it was made on: the diff of a drift is made of that. StoreError."""
        hashes = {host.host: host.pre_hash for host in plan.plan.hosts}
        rows = [self._image(plan.hash, host, hashes[host], text) for host, text in images.items() if hashes.get(host)]
        changing = {host.host for host in plan.plan.hosts if host.changes}
        told_of = [
            {"plan": plan.hash, "host": host["host"], **self._kept(self._rows.text(host))}
            for host in plan.approved["plan"]["hosts"]
            if host["host"] in changing
        ]
        with told(self._engine, "the plan could not be kept"), self._engine.begin() as connection:
            known = select(sealed_plans.c.hash).where(sealed_plans.c.hash == plan.hash)
            if connection.execute(known).first() is not None:
                return
            made = {"workflow": plan.plan.workflow, "requester": plan.requester, "follows": plan.follows}
            connection.execute(insert(sealed_plans).values(hash=plan.hash, created_at=plan.created_at, **made))
            if rows:
                connection.execute(insert(plan_images), rows)
            if told_of:
                connection.execute(insert(plan_hosts), told_of)

    def requester(self, plan: str) -> str | None:
        """Return who sealed a plan in this store, None when nobody did."""
        with told(self._engine, "the plan could not be looked up"), reading(self._engine) as connection:
            found: str | None = connection.execute(
                select(sealed_plans.c.requester).where(sealed_plans.c.hash == plan)
            ).scalar()
            return found

    def _image(self, plan: str, host: str, digest: str, text: str) -> dict[str, str | None]:
        return {"plan": plan, "host": host, "hash": digest, **self._kept(self._rows.exact(text))}

    def _kept(self, text: str) -> dict[str, str | None]:
        large = len(text) >= LIMIT
        return {"data": None if large else text, "blob": self._blobs.put(text) if large else None}

    def image(self, plan: str, host: str, digest: str) -> str | None:
        """Return the configuration of a device on which a plan was made; None when it is not kept here."""
        wanted = (plan_images.c.plan == plan, plan_images.c.host == host, plan_images.c.hash == digest)
        with told(self._engine, "the plan could not be read"), reading(self._engine) as connection:
            row = connection.execute(select(plan_images).where(*wanted)).mappings().one_or_none()
        return self._value(row) if row is not None else None

    def _value(self, row: RowMapping) -> Any:
        return self._rows.value(self._blobs.get(row["blob"]) if row["blob"] else row["data"])

    def images(self, plan: str) -> Iterator[tuple[str, str]]:
        """Yield the devices of a plan with the configurations on which it was made, as far as they are kept here."""
        with told(self._engine, "the plan could not be read"), reading(self._engine) as connection:
            rows = connection.execute(select(plan_images).where(plan_images.c.plan == plan)).mappings().all()
        for row in rows:
            yield row["host"], self._value(row)

    def made_at(self, plan: str) -> datetime | None:
        """Return when a plan was sealed; None when that was not here."""
        wanted = select(sealed_plans.c.created_at).where(sealed_plans.c.hash == plan)
        with told(self._engine, "the plan could not be read"), reading(self._engine) as connection:
            found: datetime | None = connection.execute(wanted).scalar()
            return found

    def answered(self, approval: Approval) -> None:
        """Keep what somebody said of a plan; rows are added and never changed. StoreError when it cannot be kept."""
        for left in reversed(range(_TRIES)):
            try:
                with told(self._engine, "the answer could not be kept"):
                    self._answered(approval)
                return
            except StoreError as error:
                if not left or not isinstance(error.__cause__, IntegrityError):
                    raise  # else somebody answered in the same moment, and has the number that this one would have had

    def _answered(self, approval: Approval) -> None:
        of_plan = plan_answers.c.plan == approval.plan
        with self._engine.begin() as connection:
            last = connection.execute(select(func.max(plan_answers.c.number)).where(of_plan)).scalar() or 0
            connection.execute(
                insert(plan_answers).values(
                    plan=approval.plan,
                    number=last + 1,
                    user=approval.user,
                    verdict=approval.answer.value,
                    comment=self._rows.masked(approval.comment),
                    at=approval.at,
                )
            )

    def answers(self, plan: str) -> Sequence[Approval]:
        """Return what was said of a plan, in order."""
        with told(self._engine, "answers could not be read"), reading(self._engine) as connection:
            rows = connection.execute(
                select(plan_answers).where(plan_answers.c.plan == plan).order_by(plan_answers.c.number)
            ).mappings()
            return [Approval(plan, row["user"], Answer(row["verdict"]), row["at"], row["comment"]) for row in rows]

    def touched_since(self, host: str, moment: datetime) -> Culprit | None:
        """Return the last run that changed a device after a moment, None when no run of this store did.

        One that has not ended yet counts when it has had the device, and has given it to whoever holds it now.
        """
        touched = (runs.c.completed_at >= moment) & run_hosts.c.state.in_([state.value for state in _TOUCHED])
        had = exists().where(
            lock_holders.c.device == host, lock_holders.c.run == runs.c.id, lock_holders.c.held == 1,
            lock_holders.c.since >= moment,
        )  # fmt: skip
        holds = exists().where(locks.c.device == host, locks.c.run == runs.c.id)
        with told(self._engine, "runs could not be read"), reading(self._engine) as connection:
            row = connection.execute(
                select(runs.c.id, runs.c.workflow, runs.c.user, plan_runs.c.plan)
                .join(run_hosts, run_hosts.c.run == runs.c.number)
                .join(plan_runs, plan_runs.c.run == runs.c.number, isouter=True)
                .where(run_hosts.c.host == host, touched | (runs.c.completed_at.is_(None) & had & ~holds))
                .order_by(runs.c.number.desc())
                .limit(1)
            ).one_or_none()
        return Culprit(row.id, row.workflow, row.user, row.plan or "") if row is not None else None

    def pending(self, hosts: Collection[str], since: datetime | None) -> Sequence[PendingPlan]:
        """Return the plans, sealed after a moment, that would still change any of these devices, the oldest first.

        Not those that were applied to a device, that were made anew for it, or that somebody rejected.
        """
        run_of = select(plan_runs.c.run).join(run_hosts, run_hosts.c.run == plan_runs.c.run)
        applied = run_of.where(
            plan_runs.c.plan == sealed_plans.c.hash,
            run_hosts.c.host == plan_hosts.c.host,
            run_hosts.c.state.in_([state.value for state in (*_TOUCHED, HostState.OK)]),
        )
        newer, of_newer = sealed_plans.alias(), plan_hosts.alias()
        replaced = exists().where(
            newer.c.follows == sealed_plans.c.hash,
            of_newer.c.plan == newer.c.hash,
            of_newer.c.host == plan_hosts.c.host,
        )
        statement = select(sealed_plans, plan_hosts.c.host, plan_hosts.c.data, plan_hosts.c.blob).join(plan_hosts)
        statement = statement.where(~applied.exists(), ~replaced)
        if since is not None:
            statement = statement.where(sealed_plans.c.created_at >= since)
        wanted, found = frozenset(hosts), dict[str, tuple[RowMapping, list[HostPlan]]]()
        with told(self._engine, "plans could not be read"), reading(self._engine) as connection:
            ordered = statement.order_by(sealed_plans.c.created_at, sealed_plans.c.hash, plan_hosts.c.host)
            for row in connection.execute(ordered).mappings():
                if row["host"] in wanted:
                    plan = found.setdefault(row["hash"], (row, []))
                    plan[1].append(host_plan_of(self._value(row)))
        return [
            PendingPlan(digest, row["workflow"], row["requester"], row["created_at"], tuple(plans))
            for digest, (row, plans) in found.items()
            if not self._rejected(digest)
        ]

    def _rejected(self, plan: str) -> bool:
        last = {each.user: each.answer for each in self.answers(plan)}
        return Answer.REJECTED in last.values()
