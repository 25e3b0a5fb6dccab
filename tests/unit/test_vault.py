"""What is secret in a journal comes back exactly, and stands nowhere in clear."""

from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from nornflow.errors import ConfigurationError, WrongKey
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
        with pytest.raises(WrongKey, match="key") as refused:
            list(store.entries("run-1"))
        assert "where it was begun" in refused.value.hint


def test_without_a_secret_there_is_no_key(tmp_path: Path) -> None:
    with closing(open_store("", tmp_path, Redactor([SECRET]))) as store:
        store.begin(new_run(spec={"inputs": {"n": 1}}))
        store.append("run-1", 1, [], fence=1, entries=[Entry(EntryKind.INTENT, "a", "r1", {"lines": ["ntp"]})])
    assert not (tmp_path / FILE).exists()


KEY = "+/" * 21 + "8="  # as `openssl rand -base64 32` would write it


def test_machines_that_have_the_key_in_their_environment_need_no_file(tmp_path: Path) -> None:
    here, there = (Vault.of_environment(tmp_path / name, "JOURNAL_KEY", f"{KEY}\n") for name in ("here", "there"))
    assert there.open(here.seal(SECRET)) == SECRET
    assert there.digest(SECRET) == here.digest(SECRET)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(WrongKey, match="cannot be read with the key") as refused:
        Vault.of_environment(tmp_path, "JOURNAL_KEY", "Ab" * 21 + "8=").open(here.seal(SECRET))
    assert "store.key_env" in refused.value.hint


def test_a_given_key_is_told_from_others_without_being_told(tmp_path: Path) -> None:
    other = "Ab" * 21 + "8="
    prints = [Vault.of_environment(tmp_path, "JOURNAL_KEY", key).fingerprint for key in (KEY, KEY, other, "")]
    assert prints[0] == prints[1] != prints[2]
    assert prints[3] == ""
    assert prints[0] not in KEY


def test_what_a_workspace_sealed_before_it_was_given_a_key_is_opened_still(tmp_path: Path) -> None:
    before = Vault(tmp_path).seal(SECRET)
    given = Vault.of_environment(tmp_path, "JOURNAL_KEY", KEY)
    assert given.open(before) == SECRET
    with pytest.raises(WrongKey, match="another one"):
        Vault(tmp_path).open(given.seal(SECRET))


def test_a_workspace_can_be_left_with_its_own_key(tmp_path: Path) -> None:
    before = Vault(tmp_path)
    sealed, digest = before.seal(SECRET), before.digest(SECRET)
    taken = Vault.of_environment(tmp_path / "elsewhere", "JOURNAL_KEY", (tmp_path / FILE).read_text())
    assert taken.open(sealed) == SECRET
    assert taken.digest(SECRET) == digest


@pytest.mark.parametrize("text", ["secret", "0" * 44, KEY[:-4], f"{KEY}{KEY}", "é" * 44, "-" * 43])
def test_what_is_no_key_is_refused_before_anything_is_done(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="JOURNAL_KEY does not hold a key") as refused:
        Vault.of_environment(tmp_path, "JOURNAL_KEY", text)
    assert text not in refused.value.message
