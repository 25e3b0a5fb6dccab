"""What devices were sent in a run, for people: read from the journal without opening what is secret in it."""

from __future__ import annotations

from collections.abc import Iterator

from nornflow.model.journal import Sent
from nornflow.store.database import reading, told
from nornflow.store.journal import PAGE, number_of, read_intents
from nornflow.store.patience import PatientRunStore


def sent_in(store: PatientRunStore, run: str) -> Iterator[Sent]:
    """Yield what was sent in a run, in order, a page at a time; StoreError when it cannot be read."""
    after = 0
    while True:
        with told(store.engine, f"the journal of run {run} could not be read"), reading(store.engine) as connection:
            page = read_intents(connection, number_of(connection, run), after)
        yield from (store.rows.sent(row) for row in page)
        if len(page) < PAGE:
            return
        after = page[-1]["number"]
