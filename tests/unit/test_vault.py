"""What is secret in a journal comes back exactly, and stands nowhere in clear."""

from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from nornflow.errors import StoreError
from nornflow.model.journal import Entry, EntryKind
from nornflow.redaction import MASK, Redactor
from nornflow.store.blobs import Blobs
from nornflow.store.opening import open_store
from nornflow.store.rows import Rows
from nornflow.store.vault import FILE, Vault
from nornflow.testing.run_values import new_run

SECRET = "hunter22!"
ENTRY = Entry(EntryKind.INTENT, "configure", "r1", {"lines": [f"username ada secret {SECRET}"]})
LARGE = Entry(EntryKind.INTENT, "configure", "r2", {"found": f"{SECRET}\n" * 5000})


def kept(workspace: Path) -> None:
    with closing(open_store("", workspace, Redactor([SECRET]))) as store:
        store.begin(new_run(spec={"inputs": {"password": SECRET}}))
        store.append("run-1", 1, [], fence=1, entries=[ENTRY, LARGE, Entry(EntryKind.OVER)])


def test_whoever_opens_what_was_sealed_knows_from_then_on_what_is_secret_in_it(tmp_path: Path) -> None:
    kept(tmp_path)
    redactor = Redactor()
    with closing(open_store("", tmp_path, redactor)) as store:
        assert redactor.text(SECRET) == SECRET
        entry, *_ = store.entries("run-1")
        assert redactor.text(f"no {entry.data['lines'][0]}") == f"no username ada secret {MASK}"
        store.append("run-1", 1, [], fence=1, entry=4, entries=[entry])
        with store.engine.connect() as connection:
            assert SECRET not in str(connection.execute(text("SELECT * FROM journal")).all())


def test_what_was_sealed_by_a_nornflow_that_named_no_secrets_is_opened_too(tmp_path: Path) -> None:
    redactor, vault = Redactor(), Vault(tmp_path)
    rows = Rows(Blobs(tmp_path), redactor, vault)
    assert rows.value(vault.seal('{"lines": ["a\\nb"]}')) == {"lines": ["a\nb"]}
    assert rows.value('["x"]') == ["x"]
    assert redactor.found(["a\nb", "x"]) == ()


def test_a_secret_in_the_journal_is_exact_for_who_has_the_key_and_clear_for_nobody(tmp_path: Path) -> None:
    kept(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    with closing(open_store("", tmp_path)) as store:
        assert list(store.entries("run-1")) == [ENTRY, LARGE, Entry(EntryKind.OVER)]
        assert store.standing("run-1").spec == {"inputs": {"password": SECRET}}
        with store.engine.connect() as connection:
            for table in ("journal", "runs"):
                assert SECRET not in str(connection.execute(text(f"SELECT * FROM {table}")).all())
        assert all(SECRET not in store.blobs.get(name) for name in store.blobs.names())


@pytest.mark.parametrize("how", ["gone", "another", "broken"])
def test_without_the_key_the_run_is_told_where_to_go_on(tmp_path: Path, how: str) -> None:
    kept(tmp_path)
    key = tmp_path / FILE
    if how == "gone":
        key.unlink()
    elif how == "broken":
        key.write_bytes(b"?")
    else:
        from cryptography.fernet import Fernet

        key.write_bytes(Fernet.generate_key())
    with closing(open_store("", tmp_path)) as store:
        with pytest.raises(StoreError, match="key") as refused:
            list(store.entries("run-1"))
        assert "where it was begun" in refused.value.hint


def test_without_a_secret_there_is_no_key(tmp_path: Path) -> None:
    with closing(open_store("", tmp_path, Redactor([SECRET]))) as store:
        store.begin(new_run(spec={"inputs": {"n": 1}}))
        store.append("run-1", 1, [], fence=1, entries=[Entry(EntryKind.INTENT, "a", "r1", {"lines": ["ntp"]})])
    assert not (tmp_path / FILE).exists()
