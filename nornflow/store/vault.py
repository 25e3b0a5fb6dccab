"""Keeping what is secret in a journal so that only who has the key can read it: lines are sent again, so they must be exact."""

from __future__ import annotations

import base64
import hmac
import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nornflow.errors import ConfigurationError, StoreError, WrongKey
from nornflow.store.folders import made

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

FILE = "journal.key"
_MARK = "sealed:"  # no JSON text begins so
_BYTES = 32
_HINT = "go on with the run where it was begun, or give this process its key (`store.key_env`, or that workspace's journal.key)"


class Vault:
    """Encrypts texts (Fernet: AES-128-CBC with HMAC-SHA256) with a key that is given, or one in the workspace.

    That one is a file which its owner alone may read. With a given key the file is no more than a second one, for what was
    sealed with it before.
    """

    def __init__(self, workspace: Path, given: str = "") -> None:
        self._file = workspace / FILE
        self._given = given.encode()

    @classmethod
    def of_environment(cls, workspace: Path, variable: str, value: str) -> Vault:
        """Return one with the key that a variable of the environment holds, if it does; ConfigurationError for what is none.

        Standard base64 is as good as that for URLs: `openssl rand -base64 32` makes a key.
        """
        given = value.strip().replace("+", "-").replace("/", "_")
        try:
            right = not given or len(base64.b64decode(given, "-_", validate=True)) == _BYTES
        except ValueError:
            right = False
        if not right:
            raise ConfigurationError(
                f"{variable} does not hold a key: {_BYTES} random bytes in base64 are wanted",
                hint=f"openssl rand -base64 {_BYTES} makes one; the same for all who share the store",
            )
        return cls(workspace, given)

    @property
    def fingerprint(self) -> str:
        """Return by what the given key can be told from others; empty without one."""
        return hmac.digest(self._given, b"nornflow key", "sha256").hex()[:12] if self._given else ""

    def seal(self, text: str) -> str:
        """Return the text encrypted; the key is made on first use. StoreError when it cannot be."""
        self._have_key()
        return _MARK + self._cipher.encrypt(text.encode()).decode()

    def digest(self, text: str) -> str:
        """Return a digest (HMAC-SHA256, hex) that only who has the key makes or checks; WrongKey when it cannot be read."""
        self._have_key()
        try:
            key = self._given or self._file.read_bytes()
        except OSError as error:
            raise WrongKey(
                f"the key of the journal cannot be read from {self._file}: {error.strerror}",
                hint="seal and apply the plan in one workspace, or bring its key here",
            ) from error
        return hmac.digest(key, b"nornflow-plan line\n" + text.encode(), "sha256").hex()

    @staticmethod
    def is_sealed(text: str) -> bool:
        """Tell whether a text was sealed, so that there is a secret in it."""
        return text.startswith(_MARK)

    def open(self, text: str) -> str:
        """Return a text as it was sealed, or as it is when it never was; WrongKey when the key is missing or another."""
        if not self.is_sealed(text):
            return text
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher.decrypt(text.removeprefix(_MARK).encode()).decode()
        except InvalidToken:
            where = "that is given here" if self._given else f"in {self._file}"
            raise WrongKey(
                f"what the run kept cannot be read with the key {where}: it was kept with another one", hint=_HINT
            ) from None

    @cached_property
    def _cipher(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        keys = [self._given] if self._given else []
        try:
            if not keys or self._file.exists():
                keys.append(self._file.read_bytes())
            return MultiFernet([Fernet(key) for key in keys])
        except (OSError, ValueError) as error:
            raise WrongKey(
                f"the key of the journal cannot be read from {self._file}: {getattr(error, 'strerror', None) or error}",
                hint=_HINT,
            ) from error

    def _have_key(self) -> None:
        if not self._given and not self._file.exists():
            self._make_key()

    def _make_key(self) -> None:
        from cryptography.fernet import Fernet

        temporary = self._file.with_name(f".{FILE}.{os.getpid()}")
        try:
            made(self._file.parent)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(Fernet.generate_key())
                stream.flush()
                os.fsync(stream.fileno())
            with suppress(FileExistsError):  # whoever is first has made the key: nobody replaces it
                os.link(temporary, self._file)
            temporary.unlink()
        except OSError as error:
            raise StoreError(
                f"the key of the journal cannot be kept in {self._file}: {error.strerror}",
                hint="make room on the disk, or see who may write there",
            ) from error
