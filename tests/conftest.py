"""Every test starts from the same machine: no settings of whoever runs it, and properties that repeat in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# two shared cores: a slow example is no finding; in CI the examples are the same each time, elsewhere they wander
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None, max_examples=60
)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take away NORNFLOW_* variables and the user's settings folder, and everything that colours or widens output."""
    for name in [name for name in os.environ if name.startswith("NORNFLOW_")]:
        monkeypatch.delenv(name)
    empty: Path = tmp_path_factory.getbasetemp() / "no-user-settings"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(empty))
    for name in ("COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
