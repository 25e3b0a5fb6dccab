"""A commit or a save that a device is at is never cut in half: what ends the work waits for it, but not for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from nornflow.app.build import load_project
from nornflow.app.services.change import Request, Voices, run_change
from nornflow.engine.cancel import StopSwitch
from nornflow.model.run import RunRecord
from nornflow.model.wish import Level, Wish
from nornflow.testing import EosFleet, Fleet
from nornflow.testing.project import ProjectFolder
from patience import soon

MakeProject = Callable[..., ProjectFolder]

EOS = """
name: change
version: 1.0
steps:
  - {id: configure, type: napalm.config, config: "ntp server 192.0.2.77", timeout: TIMEOUT}
"""
IOS = """
name: change
version: 1.0
steps:
  - {id: configure, type: netmiko.config, lines: [ntp server 192.0.2.77], save: true, timeout: TIMEOUT}
"""


class Running:
    """A run in a thread of this process, with its switch."""

    def __init__(self, site: ProjectFolder) -> None:
        self.switch = StopSwitch()
        self.records: list[RunRecord] = []
        self._site = site
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        voices = Voices(approve=lambda plan, held: True, switch=self.switch)
        self.records.append(run_change(load_project(self._site.path), Request(self._site.path / "change.yaml"), voices))

    def now(self) -> None:
        self.switch.heed(Wish(Level.NOW, "ann", datetime(2026, 11, 21, tzinfo=UTC)))

    def record(self, seconds: float = 60.0) -> RunRecord:
        self._thread.join(seconds)
        assert self.records, "the run goes on"
        return self.records[0]


@pytest.fixture
def switch(eos_fleet: Callable[..., EosFleet]) -> EosFleet:
    """A device that takes four seconds for a commit, and hundredths of a second for everything else."""
    network = eos_fleet(count=1, latency=0.02)
    network.fault("sw1", "slow", after=200, at=r"commit$")
    return network


@pytest.fixture
def router(fleet: Callable[..., Fleet]) -> Fleet:
    """A device that takes two seconds to save, and hundredths of a second for everything else."""
    network = fleet(count=1, latency=0.02)
    network.fault("r1", "slow", after=100, at="^write")
    return network


def at_the_commit(network: EosFleet) -> bool:
    return network["sw1"].last_command.endswith("commit")


def at_the_save(network: Fleet) -> bool:
    return network["r1"].last_command.startswith("write")


def test_a_run_that_ends_now_waits_for_the_commit_and_takes_it_back(switch: EosFleet, project: MakeProject) -> None:
    before = switch["sw1"].running_config
    run = Running(project({"change.yaml": EOS.replace("TIMEOUT", "60")}, fleet=switch))
    assert soon(lambda: at_the_commit(switch))
    run.now()
    record = run.record()
    assert switch["sw1"].unheard == []  # the answer to the commit was waited for
    assert switch["sw1"].counters.saves >= 1  # which ends with a save
    assert record.hosts[0].state == "rolled_back"
    assert switch["sw1"].running_config == before


def test_a_step_whose_time_is_over_waits_for_the_commit(switch: EosFleet, project: MakeProject) -> None:
    run = Running(project({"change.yaml": EOS.replace("TIMEOUT", "3")}, fleet=switch))
    record = run.record()
    assert switch["sw1"].unheard == []
    assert (record.hosts[0].state, record.hosts[0].reason) == ("timed_out", "timeout")
    assert "ntp server 192.0.2.77" in switch["sw1"].running_config


def test_a_commit_that_never_ends_is_not_waited_for_without_end(switch: EosFleet, project: MakeProject) -> None:
    switch.fault("sw1", "hang", at="commit$")
    site = project({"change.yaml": EOS.replace("TIMEOUT", "3"), "nornflow.yaml": "commit_patience: 1\n"}, fleet=switch)
    began = time.monotonic()
    record = Running(site).record()
    assert time.monotonic() - began < 20
    assert record.hosts[0].state == "timed_out"


def test_a_run_that_ends_now_waits_for_the_save(router: Fleet, project: MakeProject) -> None:
    before = router["r1"].running_config
    run = Running(project({"change.yaml": IOS.replace("TIMEOUT", "60")}, fleet=router))
    assert soon(lambda: at_the_save(router))
    run.now()
    record = run.record()
    assert not any(line.startswith("write") for line in router["r1"].unheard)
    assert record.hosts[0].state == "rolled_back"
    assert router["r1"].running_config == router["r1"].startup_config == before  # saved, taken back, saved again


def test_a_line_of_configuration_is_no_reason_to_wait(router: Fleet, project: MakeProject) -> None:
    router.heal("r1")
    router.fault("r1", "hang", at="192.0.2.77")
    before = router["r1"].running_config
    run = Running(project({"change.yaml": IOS.replace("TIMEOUT", "60")}, fleet=router))
    assert soon(lambda: router["r1"].counters.hangs == 1)
    began = time.monotonic()
    run.now()
    assert run.record().hosts[0].state == "rolled_back"
    assert time.monotonic() - began < 15
    assert router["r1"].running_config == before
