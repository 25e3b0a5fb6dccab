"""Sealed plans in the store: the configurations they were made on, who approved or rejected them, who changed devices since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select

from nornflow.model.approval import Answer, Approval
from nornflow.model.history import RunQuery, RunSummary
from nornflow.model.run import HostState
from nornflow.model.sealed import SealedPlan
from nornflow.store.blobs import LIMIT
from nornflow.store.database import reading, told
from nornflow.store.queries import summaries
from nornflow.store.runs import SqlRunStore
from nornflow.store.tables import plan_answers, plan_images, run_hosts, runs, sealed_plans

_TOUCHED = (HostState.CHANGED, HostState.ROLLED_BACK, HostState.ROLLBACK_FAILED, HostState.UNKNOWN)


class SqlSealed:
    """The tables of sealed plans; the plans themselves are files, and named here by their hash."""

    def __init__(self, store: SqlRunStore) -> None:
        self._engine = store.engine
        self._blobs = store.blobs
        self._rows = store.rows

    def keep(self, plan: SealedPlan, images: Mapping[str, str]) -> None:
        """Keep what a plan was made on, by device: the diff of a drift is made of it. StoreError when it cannot be."""
        hashes = {host.host: host.pre_hash for host in plan.plan.hosts}
        rows = [self._image(plan.hash, host, hashes[host], text) for host, text in images.items() if hashes.get(host)]
        with told(self._engine, "the plan could not be kept"), self._engine.begin() as connection:
            known = select(sealed_plans.c.hash).where(sealed_plans.c.hash == plan.hash)
            if connection.execute(known).first() is not None:
                return
            made = {"workflow": plan.plan.workflow, "requester": plan.requester}
            connection.execute(insert(sealed_plans).values(hash=plan.hash, created_at=plan.created_at, **made))
            if rows:
                connection.execute(insert(plan_images), rows)

    def _image(self, plan: str, host: str, digest: str, text: str) -> dict[str, str | None]:
        kept = self._rows.exact(text)
        large = len(kept) >= LIMIT
        where = {"data": None if large else kept, "blob": self._blobs.put(kept) if large else None}
        return {"plan": plan, "host": host, "hash": digest, **where}

    def image(self, plan: str, host: str, digest: str) -> str | None:
        """Return the configuration of a device on which a plan was made; None when it is not kept here."""
        wanted = (plan_images.c.plan == plan, plan_images.c.host == host, plan_images.c.hash == digest)
        with told(self._engine, "the plan could not be read"), reading(self._engine) as connection:
            row = connection.execute(select(plan_images).where(*wanted)).mappings().one_or_none()
        return self._text(row) if row is not None else None

    def _text(self, row: RowMapping) -> str:
        text: str = self._rows.value(self._blobs.get(row["blob"]) if row["blob"] else row["data"])
        return text

    def images(self, plan: str) -> Iterator[tuple[str, str]]:
        """Yield the devices of a plan with the configurations on which it was made, as far as they are kept here."""
        with told(self._engine, "the plan could not be read"), reading(self._engine) as connection:
            rows = connection.execute(select(plan_images).where(plan_images.c.plan == plan)).mappings().all()
        for row in rows:
            yield row["host"], self._text(row)

    def made_at(self, plan: str) -> datetime | None:
        """Return when a plan was sealed; None when that was not here."""
        wanted = select(sealed_plans.c.created_at).where(sealed_plans.c.hash == plan)
        with told(self._engine, "the plan could not be read"), reading(self._engine) as connection:
            found: datetime | None = connection.execute(wanted).scalar()
            return found

    def answered(self, approval: Approval) -> None:
        """Keep what somebody said of a plan; rows are added and never changed. StoreError when it cannot be kept."""
        of_plan = plan_answers.c.plan == approval.plan
        with told(self._engine, "the answer could not be kept"), self._engine.begin() as connection:
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

    def touched_since(self, host: str, moment: datetime) -> RunSummary | None:
        """Return the last run that changed a device after a moment, None when no run of this store did."""
        with told(self._engine, "runs could not be read"), reading(self._engine) as connection:
            found = connection.execute(
                select(runs.c.id)
                .join(run_hosts, run_hosts.c.run == runs.c.number)
                .where(run_hosts.c.host == host, run_hosts.c.state.in_([state.value for state in _TOUCHED]))
                .where(runs.c.completed_at >= moment)
                .order_by(runs.c.number.desc())
                .limit(1)
            ).scalar()
            return next(iter(summaries(connection, RunQuery(), found)), None) if found else None
