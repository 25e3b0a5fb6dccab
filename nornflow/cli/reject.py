"""`nornflow reject`: beside `approve`, which has both."""

from __future__ import annotations

from nornflow.cli.approve import reject as command

__all__ = ["command"]
