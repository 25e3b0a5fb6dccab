"""A run's orders to its sites, and what they tell, through the store: one process has a site's part, earlier ones are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from nornflow.app.sites.owner import AtSites, entry_of
from nornflow.engine.cancel import StopSwitch
from nornflow.engine.shards.orders_as_data import finished_data
from nornflow.engine.shards.shard import Finished, Order
from nornflow.engine.shards.shards import Done, Round, Work
from nornflow.errors import LockLost, RunLost
from nornflow.model.history import NewRun
from nornflow.model.journal import Entry, EntryKind
from nornflow.redaction import Redactor
from nornflow.store.database import StoreAway
from nornflow.store.opening import open_store
from nornflow.store.patience import Patience
from nornflow.store.runs import SqlRunStore
from nornflow.store.shard_tables import shard_orders, shard_tellings
from nornflow.store.site_shards import OwnersDesk, Place, SitesDesk
from nornflow.store.tables import journal, workers
from nornflow.store.workers import GONE, Workers

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RUN = "20261121-120000-abcdef"


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[SqlRunStore]:
    opened = open_store(database_url, tmp_path, patience=0)
    assert isinstance(opened, SqlRunStore)
    opened.begin(NewRun(RUN, "ntp", "1.0", "ada", "standard", NOON, {}, {"r1": "ios", "r2": "ios"}, worker="owner"))
    yield opened
    opened.close()


@pytest.fixture
def owner(store: SqlRunStore) -> OwnersDesk:
    desk = OwnersDesk(store.engine, store.rows.exact, store.rows.value)
    desk.open(RUN, 1, ["ams", "fra"])
    return desk


@pytest.fixture
def desk(store: SqlRunStore) -> SitesDesk:
    return SitesDesk(store.engine, store.rows.exact, store.rows.value)


def entered(desk: SitesDesk, site: str = "ams") -> Place:
    place = desk.enter(RUN, site, f"worker-{site}")
    assert place is not None
    return place


def test_an_order_goes_to_its_site_and_its_answer_comes_back(owner: OwnersDesk, desk: SitesDesk) -> None:
    assert owner.unmanned(RUN, "ams")
    ams, fra = entered(desk), entered(desk, "fra")
    owner.order(RUN, 1, "ams", 1, {"hosts": ["r1"]})
    assert not owner.state(RUN, 1).begun
    assert desk.wanted(fra).orders == []
    assert desk.wanted(ams).orders == [{"hosts": ["r1"]}]
    assert desk.wanted(ams, known=[1]).orders == []
    assert owner.state(RUN, 1).begun
    desk.answer(ams, 1, {"done": True})
    assert owner.state(RUN, 1).answer == {"done": True}
    owner.done(RUN, 1, 1)
    assert desk.wanted(ams, known=[1]).orders == []


def test_whoever_had_the_place_before_is_refused_and_its_order_is_dead(owner: OwnersDesk, desk: SitesDesk) -> None:
    first = entered(desk)
    owner.order(RUN, 1, "ams", 1, {"hosts": ["r1"]})
    assert desk.wanted(first).orders
    assert desk.holds(first)
    second = entered(desk)
    assert (desk.holds(first), desk.holds(second)) == (False, True)
    assert owner.state(RUN, 1).dead
    for refused in (
        lambda: desk.wanted(first),
        lambda: desk.tell(first, 1, [{"kind": "intent"}]),
        lambda: desk.answer(first, 1, {}),
        lambda: desk.demand(first, "r1", 1),
    ):
        with pytest.raises(RunLost):
            refused()
    assert owner.tellings(RUN) == []
    assert desk.wanted(second).orders == [], "what was begun is settled by the owner first"
    desk.leave(first)
    assert set(owner.end(RUN, 1)) == {"worker-ams"}, "it cannot give back what another one has"
    assert not desk.holds(second), "there is no more to be done"


def test_sites_of_an_owner_that_lost_the_run_are_refused(
    store: SqlRunStore, owner: OwnersDesk, desk: SitesDesk
) -> None:
    place = entered(desk)
    desk.tell(place, 1, [{"kind": "intent"}])
    assert store.take_over(RUN, 1, "another") == 2
    with pytest.raises(RunLost):
        desk.tell(place, 2, [{"kind": "outcome"}])
    with pytest.raises(RunLost):
        owner.order(RUN, 1, "ams", 1, {})
    assert [each.body for each in owner.tellings(RUN)] == [{"kind": "intent"}]
    owner.end(RUN, 2)
    assert desk.enter(RUN, "ams", "worker") is None, "it has ended for the owner before"


def test_an_owner_that_was_followed_spoils_nothing_of_its_followers(
    store: SqlRunStore, owner: OwnersDesk, desk: SitesDesk
) -> None:
    """It was frozen, and finds out only when it goes on; its orders had the same numbers."""
    store.take_over(RUN, 1, "another")
    owner.open(RUN, 2, ["ams"])
    owner.order(RUN, 2, "ams", 1, {"hosts": ["r1"]})
    for refused in (
        lambda: owner.withdraw(RUN, 1, 1),
        lambda: owner.stop(RUN, 1, 2, 1),
        lambda: owner.stop(RUN, 1, 2),
        lambda: owner.done(RUN, 1, 1),
        lambda: owner.end(RUN, 1),
    ):
        with pytest.raises(RunLost):
            refused()
    with pytest.raises(RunLost):
        owner.state(RUN, 7)  # it was its own, and is gone
    place = entered(desk)
    wanted = desk.wanted(place)
    assert (wanted.orders, wanted.stop, wanted.stops, wanted.ended) == ([{"hosts": ["r1"]}], 0, {}, False)
    desk.tell(place, 1, [{"event": {}}])
    (told,) = owner.tellings(RUN)
    with pytest.raises(RunLost):
        owner.written(RUN, 1, [told.number])
    assert owner.tellings(RUN) == [told]


def test_sites_of_an_owner_that_is_dead_are_refused_before_anybody_follows_it(
    store: SqlRunStore, owner: OwnersDesk, desk: SitesDesk
) -> None:
    """Its locks are free from that moment on: a device that is refused for that has not failed."""
    there = Workers(store.engine)
    store.take_over(RUN, 1, there.register())
    owner.open(RUN, 2, ["ams"])
    place = entered(desk)
    owner.order(RUN, 2, "ams", 1, {"hosts": ["r1"]})
    assert desk.wanted(place).orders
    desk.tell(place, 1, [{"kind": "intent"}])
    with store.engine.begin() as connection:
        connection.execute(update(workers).values(state=GONE))
    for refused in (
        lambda: desk.demand(place, "r1", 1),
        lambda: desk.tell(place, 2, [{"kind": "outcome"}]),
        lambda: desk.answer(place, 1, {}),
        lambda: desk.wanted(place),
    ):
        with pytest.raises(RunLost):
            refused()
    assert not desk.holds(place)
    assert [each.body for each in owner.tellings(RUN)] == [{"kind": "intent"}]


def test_what_is_told_keeps_its_order_and_is_gone_once_it_is_written_down(owner: OwnersDesk, desk: SitesDesk) -> None:
    ams, fra = entered(desk), entered(desk, "fra")
    desk.tell(ams, 1, [{"n": 1}, {"n": 2}])
    desk.tell(fra, 1, [{"n": 7}])
    desk.tell(ams, 3, [{"n": 3}])
    found = owner.tellings(RUN)
    assert [each.body["n"] for each in found if each.body["n"] < 7] == [1, 2, 3]
    owner.written(RUN, 1, [each.number for each in found])
    desk.tell(ams, 4, [{"n": 4}])
    (last,) = owner.tellings(RUN)
    assert last.body == {"n": 4}
    assert last.number not in {each.number for each in found}, "a number is never used again"


def test_nothing_is_written_to_a_device_that_the_run_does_not_hold(owner: OwnersDesk, desk: SitesDesk) -> None:
    with pytest.raises(LockLost, match="r1: run 20261121-120000-abcdef does not hold it"):
        desk.demand(entered(desk), "r1", 1)


def test_what_a_site_alone_knows_to_be_secret_stands_nowhere_in_clear(
    database_url: str, tmp_path: Path, store: SqlRunStore, owner: OwnersDesk
) -> None:
    password = "only-at-ams"
    with closing(open_store(database_url, tmp_path, Redactor([password]))) as there:
        desk = SitesDesk(there.engine, there.rows.exact, there.rows.value)
        ams = entered(desk)
        owner.order(RUN, 1, "ams", 1, {"hosts": ["r1"]})
        assert desk.wanted(ams).orders
        desk.answer(ams, 1, {"rollback": [f"username ada secret {password}"], "hosts": ["r1"]})
        desk.tell(ams, 1, [{"kind": "intent", "step": "s", "host": "r1", "data": {"found": password}}])
    answer = owner.state(RUN, 1).answer
    (telling,) = owner.tellings(RUN)
    owner.order(RUN, 1, "ams", 2, answer)  # what it got goes back, and into its journal, as it is
    planned = Entry(EntryKind.APPROVED, data=answer)
    store.append(RUN, 1, [], fence=1, entries=[entry_of(telling), planned])
    assert answer["rollback"] == [f"username ada secret {password}"]
    assert list(store.entries(RUN)) == [entry_of(telling), planned]
    with store.engine.connect() as connection:
        for table in (shard_orders, shard_tellings, journal):
            rows = [str(row) for row in connection.execute(select(table))]
            assert any("sealed:" in row for row in rows), table.name
            assert not any(password in row for row in rows), table.name


def test_an_order_is_taken_back_until_somebody_begins_with_it(owner: OwnersDesk, desk: SitesDesk) -> None:
    owner.order(RUN, 1, "ams", 1, {})
    assert owner.withdraw(RUN, 1, 1)
    owner.order(RUN, 1, "ams", 2, {})
    place = entered(desk)
    desk.wanted(place)
    assert not owner.withdraw(RUN, 1, 2)
    owner.stop(RUN, 1, 1, 2)
    owner.stop(RUN, 1, 2)
    wanted = desk.wanted(place, known=[2])
    assert (wanted.stop, wanted.stops, wanted.ended) == (2, {2: 1}, False)
    owner.end(RUN, 1)
    assert desk.wanted(place, known=[2]).ended


def test_all_sites_are_told_to_end_while_one_of_them_is_waited_for(owner: OwnersDesk, desk: SitesDesk) -> None:
    switch, stops = StopSwitch(), list[object]()

    def rest(seconds: float) -> None:
        if not switch.stopping:
            switch.stop()
            return
        stops.append(desk.wanted(fra, known=[2]).stops)
        desk.answer(ams, 1, finished_data(Finished(1, Done(), {})))

    shared = AtSites(owner, 1, {"r1": "ams", "r2": "fra"}, lambda site: None, lambda site: "", rest=rest)
    shared.join(SimpleNamespace(id=RUN), SimpleNamespace(switch=switch, devices=None))  # type: ignore[arg-type]
    ams, fra = entered(desk), entered(desk, "fra")
    orders = [Order(number, Round(Work.APPLY, (f"r{number}",), "configure"), {}, {}) for number in (1, 2)]
    for number, (place, order) in enumerate(zip((ams, fra), orders, strict=True)):
        shared.begin(number, order, switch)
        assert desk.wanted(place).orders
    assert isinstance(shared.finish(0, orders[0], switch), Finished)
    assert stops == [{2: 1}]


def test_trouble_of_a_site_is_told_to_its_orders_and_to_no_others(owner: OwnersDesk, desk: SitesDesk) -> None:
    for number, site in enumerate(("ams", "fra"), 1):
        owner.order(RUN, 1, site, number, {})
    desk.trouble(RUN, "fra", "its inventory has no r9")
    assert owner.state(RUN, 1).trouble == ""
    assert owner.state(RUN, 2).trouble == "its inventory has no r9"


class Flaky(Patience):
    """Loses the answer of a call, once: it was done, and nobody knows."""

    def __call__(self, call: Callable[[], object], settled: Callable[[], object] = lambda: None) -> object:
        lost = [False]

        def once() -> object:
            found = call()
            if not lost[0]:
                lost[0] = True
                raise StoreAway("the answer was lost")
            return found

        return super().__call__(once, settled)


def test_what_was_done_and_not_answered_is_done_once(store: SqlRunStore) -> None:
    flaky = Flaky(sleep=lambda seconds: None)
    owner = OwnersDesk(store.engine, store.rows.exact, store.rows.value, flaky)
    desk = SitesDesk(store.engine, store.rows.exact, store.rows.value, flaky)
    owner.open(RUN, 1, ["ams"])
    owner.order(RUN, 1, "ams", 1, {"a": 1})
    owner.order(RUN, 1, "ams", 2, {"b": 1})
    assert owner.withdraw(RUN, 1, 2), "nobody has begun with it"
    place = Place(RUN, "ams", 1, entered(desk).epoch)
    assert desk.wanted(place).orders == [{"a": 1}], "though nobody heard that they were taken"
    desk.tell(place, 1, [{"n": 1}, {"n": 2}])
    assert [each.body["n"] for each in owner.tellings(RUN)] == [1, 2]
    desk.answer(place, 1, {"ok": True})
    assert owner.state(RUN, 1).answer == {"ok": True}
