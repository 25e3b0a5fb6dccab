"""A run at several sites that waits: its workers are free meanwhile, and go on by themselves when people have answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nornflow.testing import Fleet
from sites import Sites, fleet_of, until

pytestmark = pytest.mark.e2e

LINES = ["ntp server 192.0.2.10"]
ASKS = """
name: asks
version: 1.0
targets: "site in ['ams', 'fra']"
rollout: {batches: [1, 100%], pause_after: {batches: 1, approvers: 0}}
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.10]}
"""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with fleet_of(["ams", "fra"]) as fleet:
        yield fleet


@pytest.fixture
def sites(tmp_path: Path, fleet: Fleet) -> Iterator[Sites]:
    made = Sites.made(tmp_path / "project", fleet, files={"asks.yaml": ASKS})
    try:
        yield made
    finally:
        made.end()


def test_somebody_answers_and_nobody_has_to_resume_it(sites: Sites) -> None:
    for words in (("--runs",), ("--site", "ams"), ("--site", "fra")):
        sites.worker(*words)
    run = sites.leave("asks")
    until(lambda: sites.state(run) == "waiting", sites)
    assert [len(sites.written(router)) for router in ("r1", "r2")] == [1, 0]
    assert "no device is locked" in sites.project.run("locks", "list").ok().stdout
    sites.project.run("approve", run).ok()
    sites.ends(run)
    assert all(Counter(sites.written(router)) == Counter(LINES) for router in ("r1", "r2")), sites.logs
