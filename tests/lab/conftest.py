"""Everything in this folder runs on real FRR routers: it needs root, network namespaces and FRR."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("lab")
            item.add_marker(pytest.mark.xdist_group("frr"))  # one process does them all: the others need not wait for it
