"""Loading a project's own Python files as they stand there."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from types import CodeType


class AsWritten(SourceFileLoader):
    """Compiles what stands in the file, always.

    Python takes compiled code that it has kept for the file's when second and size agree (PEP 552): a file that is edited
    twice within a second would be run as it was, and whoever may write beside it could have other code run than is read.
    """

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the file."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code
