"""How a run has its devices worked on at other sites: orders go there through the store, and come back through it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update

from nornflow.errors import LockLost, RunLost
from nornflow.record import record
from nornflow.store.database import reading, told
from nornflow.store.patience import Patience
from nornflow.store.shard_tables import shard_orders, shard_tellings, shards
from nornflow.store.tables import locks, runs, workers
from nornflow.store.workers import GONE

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D", bound="_Desk")
OPEN, ENDED = "open", "ended"
CHUNK = 500
"""How many numbers one statement names."""


@record
class Telling:
    """What a site told: an entry of the journal, or an event, as plain data."""

    number: int
    body: Any


@record
class OrderState:
    """How an order stands: what came of it, if it is done; `begun` by a process, and `dead` when that one is not there any more.

    `trouble` says why nobody at the site can do it.
    """

    answer: Any = None
    begun: bool = False
    dead: bool = False
    trouble: str = ""


@record
class Place:
    """The part of a run that a process has: whose run it is (`fence`), at which site, as the so-manieth process."""

    run: str
    site: str
    fence: int
    epoch: int


@record
class Wanted:
    """What is wanted of a site now: orders to begin, how far the run and single orders are to end, and whether there is more."""

    orders: Sequence[Any]
    stop: int
    stops: dict[int, int]
    ended: bool


def _patient(method: Callable[Concatenate[D, P], R]) -> Callable[Concatenate[D, P], R]:
    """Have a method called again while the database is away: whatever is asked so can be asked again."""

    @wraps(method)
    def patiently(self: D, /, *args: P.args, **words: P.kwargs) -> R:
        return self.patience(lambda: (method(self, *args, **words),))[0]

    return patiently


class _Desk:
    """What both ends have: `exact` makes text of plain data, sealed where it holds a secret, and `value` gives it back.

    What one end sealed tells the other which secrets are in it, so that it masks and seals them as well.
    """

    def __init__(
        self,
        engine: Engine,
        exact: Callable[[Any], str],
        value: Callable[[str], Any],
        patience: Patience | None = None,
    ) -> None:
        self._engine = engine
        self._exact = exact
        self._value = value
        self.patience = patience or Patience(0)

    @staticmethod
    def _number(connection: Connection, run: str) -> int:
        return int(connection.execute(select(runs.c.number).where(runs.c.id == run)).scalar_one())


class OwnersDesk(_Desk):
    """The end of whoever owns a run. Every method raises StoreError, and RunLost when somebody else owns the run by now.

    Orders of every owner are numbered from 1: one that was followed must not reach those of its follower.
    """

    @_patient
    def open(self, run: str, fence: int, sites: Sequence[str]) -> None:
        """Begin with these sites, for the owner with this fence."""
        with told(self._engine, f"sites of run {run} could not be asked"), self._engine.begin() as connection:
            number = self._owned(connection, run, fence)
            connection.execute(delete(shard_orders).where(shard_orders.c.run == number))
            connection.execute(delete(shards).where(shards.c.run == number))
            rows = [{"run": number, "site": site, "fence": fence, "state": OPEN} for site in sites]
            connection.execute(insert(shards), rows)

    def order(self, run: str, fence: int, site: str, order: int, body: Any) -> None:
        """Ask a site to do something."""
        row = {"number": order, "site": site, "body": self._exact(body)}

        def ask() -> bool:
            with told(self._engine, f"site {site} could not be asked"), self._engine.begin() as connection:
                connection.execute(insert(shard_orders).values(run=self._owned(connection, run, fence), **row))
            return True

        def asked() -> bool | None:
            of_order = shard_orders.c.run == runs.c.number, runs.c.id == run, shard_orders.c.number == order
            with told(self._engine, f"site {site} could not be asked"), reading(self._engine) as connection:
                return connection.execute(select(shard_orders.c.number).where(*of_order)).scalar() is not None or None

        self.patience(ask, asked)

    @_patient
    def withdraw(self, run: str, fence: int, order: int) -> bool:
        """Take an order back that nobody has begun; False when somebody has."""
        with told(self._engine, f"an order of run {run} could not be taken back"), self._engine.begin() as connection:
            mine = shard_orders.c.run == self._owned(connection, run, fence), shard_orders.c.number == order
            connection.execute(delete(shard_orders).where(*mine, shard_orders.c.epoch == 0))
            return connection.execute(select(shard_orders.c.number).where(*mine)).first() is None

    @_patient
    def stop(self, run: str, fence: int, level: int, order: int = 0) -> None:
        """Say how far the run, or the work on one order, is to end: 1 begins nothing new, 2 ends what is at work."""
        with told(self._engine, f"sites of run {run} could not be told"), self._engine.begin() as connection:
            number = self._owned(connection, run, fence)
            if order:
                change = update(shard_orders).where(shard_orders.c.run == number, shard_orders.c.number == order)
            else:
                change = update(shards).where(shards.c.run == number)
            connection.execute(change.values(stop=level))

    @_patient
    def state(self, run: str, order: int) -> OrderState:
        """Return how an order stands; whoever owns the run next forgets those of the owner before."""
        there = shards.c.run == shard_orders.c.run, shards.c.site == shard_orders.c.site
        wanted = (
            select(shard_orders.c.answer, shard_orders.c.epoch, shards.c.epoch.label("now"), shards.c.trouble)
            .join(runs, runs.c.number == shard_orders.c.run)
            .join(shards, there[0] & there[1])
            .where(runs.c.id == run, shard_orders.c.number == order)
        )
        with told(self._engine, f"orders of run {run} could not be read"), reading(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise RunLost(f"run {run} is carried on by another process: its orders are gone", hint="nornflow runs list")
        answer = self._value(row.answer) if row.answer is not None else None
        return OrderState(answer, row.epoch > 0, 0 < row.epoch < row.now and answer is None, row.trouble)

    @_patient
    def unmanned(self, run: str, site: str) -> bool:
        """Tell whether no process has begun with the part of a site."""
        wanted = (
            select(shards.c.epoch)
            .join(runs, runs.c.number == shards.c.run)
            .where(runs.c.id == run, shards.c.site == site)
        )
        with told(self._engine, f"sites of run {run} could not be read"), reading(self._engine) as connection:
            return not connection.execute(wanted).scalar()

    @_patient
    def done(self, run: str, fence: int, order: int) -> None:
        """Forget an order whose answer was taken."""
        with told(self._engine, f"orders of run {run} could not be removed"), self._engine.begin() as connection:
            of_run = shard_orders.c.run == self._owned(connection, run, fence)
            connection.execute(delete(shard_orders).where(of_run, shard_orders.c.number == order))

    @_patient
    def tellings(self, run: str) -> Sequence[Telling]:
        """Return what sites have told and is not written down yet; of one site in the order in which it was told."""
        wanted = (
            select(shard_tellings.c.number, shard_tellings.c.body)
            .join(runs, runs.c.number == shard_tellings.c.run)
            .where(runs.c.id == run)
            .order_by(shard_tellings.c.number)
        )
        with told(self._engine, f"what sites told of run {run} could not be read"), reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        return [Telling(row.number, self._value(row.body)) for row in rows]

    @_patient
    def written(self, run: str, fence: int, numbers: Sequence[int]) -> None:
        """Forget these tellings: the run's own journal has them."""
        with told(self._engine, "what sites told could not be removed"), self._engine.begin() as connection:
            self._owned(connection, run, fence)
            for start in range(0, len(numbers), CHUNK):
                part = numbers[start : start + CHUNK]
                connection.execute(delete(shard_tellings).where(shard_tellings.c.number.in_(part)))

    @_patient
    def end(self, run: str, fence: int) -> Sequence[str]:
        """Let every site end, whoever asked it, and return the workers that are still at it."""
        with told(self._engine, f"sites of run {run} could not be told"), self._engine.begin() as connection:
            of_run = shards.c.run == self._owned(connection, run, fence)
            connection.execute(update(shards).where(of_run).values(state=ENDED))
            return list(connection.execute(select(shards.c.worker).where(of_run, shards.c.worker != "")).scalars())

    def _owned(self, connection: Connection, run: str, fence: int) -> int:
        # until the transaction has ended nobody takes the run over: what is written belongs to whoever owns it then
        wanted = select(runs.c.number, runs.c.fence).where(runs.c.id == run).with_for_update(read=True)
        row = connection.execute(wanted).one()
        if row.fence != fence:
            raise RunLost(f"run {run} is carried on by another process", hint="nornflow runs list")
        return int(row.number)


def parts_of(engine: Engine, run: str) -> Sequence[tuple[str, str]]:
    """Return the sites that a run wants something of now, each with the process that has its part, if one has it."""
    wanted = select(shards.c.site, shards.c.worker).join(runs, runs.c.number == shards.c.run)
    with told(engine, f"sites of run {run} could not be read"), reading(engine) as connection:
        rows = connection.execute(wanted.where(runs.c.id == run, shards.c.state == OPEN).order_by(shards.c.site)).all()
    return [(row.site, row.worker) for row in rows]


class SitesDesk(_Desk):
    """The end of a process at a site. It is refused (RunLost) when another process has its place, or the run is another's."""

    @_patient
    def enter(self, run: str, site: str, worker: str) -> Place | None:
        """Take the place of a site, and return it; None when there is nothing to do any more."""
        with told(self._engine, f"run {run} could not be worked on"), self._engine.begin() as connection:
            mine = shards.c.run == self._number(connection, run), shards.c.site == site
            entered = connection.execute(
                update(shards).where(*mine, shards.c.state == OPEN).values(epoch=shards.c.epoch + 1, worker=worker)
            )
            if not entered.rowcount:
                return None
            row = connection.execute(select(shards.c.fence, shards.c.epoch).where(*mine)).one()
        return Place(run, site, row.fence, row.epoch)

    @_patient
    def holds(self, place: Place) -> bool:
        """Tell whether the process still has its place, and something may be wanted of it."""
        with told(self._engine, f"run {place.run} could not be read"), reading(self._engine) as connection:
            try:
                return str(self._held(connection, place, lock=False)[1].state) == OPEN
            except RunLost:
                return False

    @_patient
    def wanted(self, place: Place, known: Collection[int] = ()) -> Wanted:
        """Return what is wanted, with the orders that are not `known` yet; from now on they are this process's."""
        with told(self._engine, f"orders of run {place.run} could not be read"), self._engine.begin() as connection:
            number, row = self._held(connection, place)
            mine = shard_orders.c.run == number, shard_orders.c.site == place.site
            connection.execute(update(shard_orders).where(*mine, shard_orders.c.epoch == 0).values(epoch=place.epoch))
            open = *mine, shard_orders.c.epoch == place.epoch, shard_orders.c.answer.is_(None)
            states = connection.execute(select(shard_orders.c.number, shard_orders.c.stop).where(*open)).all()
            fresh = sorted({each.number for each in states} - set(known))
            bodies = [
                connection.execute(select(shard_orders.c.body).where(*mine, shard_orders.c.number == each)).scalar_one()
                for each in fresh
            ]
        stops = {each.number: each.stop for each in states if each.stop}
        return Wanted([self._value(body) for body in bodies], row.stop, stops, row.state == ENDED)

    @_patient
    def demand(self, place: Place, device: str, token: int) -> None:
        """Raise RunLost unless the process still has its place, and LockLost unless its run holds the device under the token."""
        with told(self._engine, f"the lock of {device} could not be read"), reading(self._engine) as connection:
            self._held(connection, place, lock=False)
            row = connection.execute(select(locks.c.run, locks.c.token).where(locks.c.device == device)).one_or_none()
        if row is None or (row.run, row.token) != (place.run, token):
            raise LockLost(
                f"{device}: run {place.run} does not hold it any more, nothing was sent to it",
                hint="see who does: nornflow locks list",
            )

    def tell(self, place: Place, first: int, tellings: Sequence[Any]) -> None:
        """Keep what happened as numbers `first`, `first + 1` ... of this process: it outlives the process and the power then."""
        bodies = [self._exact(body) for body in tellings]
        keys = [f"{place.run} {place.site} {place.epoch} {first + place_in}" for place_in in range(len(bodies))]

        def tell() -> bool:
            what = f"what happened in run {place.run} could not be kept"
            with told(self._engine, what), self._engine.begin() as connection:
                number, _ = self._held(connection, place)
                rows = [{"run": number, "key": key, "body": body} for key, body in zip(keys, bodies, strict=True)]
                connection.execute(insert(shard_tellings), rows)
            return True

        def kept() -> bool | None:
            wanted = select(shard_tellings.c.number).where(shard_tellings.c.key == keys[0])
            with told(self._engine, f"run {place.run} could not be read"), reading(self._engine) as connection:
                return connection.execute(wanted).scalar() is not None or None

        self.patience(tell, kept)

    @_patient
    def answer(self, place: Place, order: int, body: Any) -> None:
        """Say what came of an order."""
        text = self._exact(body)
        with told(self._engine, f"an answer to run {place.run} could not be kept"), self._engine.begin() as connection:
            number, _ = self._held(connection, place)
            mine = shard_orders.c.run == number, shard_orders.c.number == order, shard_orders.c.epoch == place.epoch
            connection.execute(update(shard_orders).where(*mine).values(answer=text))

    @_patient
    def trouble(self, run: str, site: str, text: str) -> None:
        """Say why nobody at a site can do its part of a run."""
        with told(self._engine, f"run {run} could not be told of trouble"), self._engine.begin() as connection:
            mine = shards.c.run == self._number(connection, run), shards.c.site == site
            connection.execute(update(shards).where(*mine).values(trouble=text))

    @_patient
    def leave(self, place: Place) -> None:
        """Give the place back; nothing is done there any more."""
        with told(self._engine, f"run {place.run} could not be left"), self._engine.begin() as connection:
            mine = shards.c.run == self._number(connection, place.run), shards.c.site == place.site
            connection.execute(update(shards).where(*mine, shards.c.epoch == place.epoch).values(worker=""))

    def _held(self, connection: Connection, place: Place, *, lock: bool = True) -> tuple[int, Any]:
        owner = workers.c.state.label("owner")
        wanted = (
            select(shards.c.run, shards.c.state, shards.c.stop, shards.c.epoch, runs.c.fence, owner)
            .join(runs, runs.c.number == shards.c.run)
            .join(workers, workers.c.id == runs.c.worker, isouter=True)
            .where(runs.c.id == place.run, shards.c.site == place.site, shards.c.fence == place.fence)
        )
        if lock:
            wanted = wanted.with_for_update(of=shards)  # the next process may not come in between
        row = connection.execute(wanted).one_or_none()
        # an owner that is dead holds no device any more: what fails for that is no outcome, its follower finds out what is
        if row is None or (row.epoch, row.fence) != (place.epoch, place.fence) or row.owner == GONE:
            raise RunLost(
                f"this process does not work on run {place.run} at site {place.site} any more",
                hint="another one was given its place; see: nornflow runs list",
            )
        return int(row.run), row
