"""Keeping what is secret in a journal so that only this workspace can read it: lines are sent again, so they must be exact."""

from __future__ import annotations

import hmac
import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nornflow.errors import StoreError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

FILE = "journal.key"
_MARK = "sealed:"  # no JSON text begins so


class Vault:
    """Encrypts texts (Fernet: AES-128-CBC with HMAC-SHA256) with a key in the workspace that its owner alone may read."""

    def __init__(self, workspace: Path) -> None:
        self._file = workspace / FILE

    def seal(self, text: str) -> str:
        """Return the text encrypted; the key is made on first use. StoreError when it cannot be."""
        if not self._file.exists():
            self._make_key()
        return _MARK + self._cipher.encrypt(text.encode()).decode()

    def digest(self, text: str) -> str:
        """Return a digest of a text (HMAC-SHA256, hexadecimal) that only this workspace can make or check."""
        if not self._file.exists():
            self._make_key()
        try:
            key = self._file.read_bytes()
        except OSError as error:
            raise StoreError(
                f"the key of the journal cannot be read from {self._file}: {error.strerror}",
                hint="seal and apply the plan in one workspace, or bring its key here",
            ) from error
        return hmac.digest(key, b"nornflow-plan line\n" + text.encode(), "sha256").hex()

    @staticmethod
    def is_sealed(text: str) -> bool:
        """Tell whether a text was sealed, so that there is a secret in it."""
        return text.startswith(_MARK)

    def open(self, text: str) -> str:
        """Return a text as it was sealed, or as it is when it never was; StoreError when the key is missing or another."""
        if not self.is_sealed(text):
            return text
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher.decrypt(text.removeprefix(_MARK).encode()).decode()
        except InvalidToken:
            raise StoreError(
                f"what the run kept cannot be read with the key in {self._file}: another workspace kept it",
                hint="go on with the run where it was begun, or bring that workspace's key here",
            ) from None

    @cached_property
    def _cipher(self) -> Fernet:
        from cryptography.fernet import Fernet

        try:
            return Fernet(self._file.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the key of the journal cannot be read from {self._file}: {getattr(error, 'strerror', None) or error}",
                hint="go on with the run where it was begun, or bring that workspace's key here",
            ) from error

    def _make_key(self) -> None:
        from cryptography.fernet import Fernet

        temporary = self._file.with_name(f".{FILE}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
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
