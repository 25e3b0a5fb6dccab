"""Where a device holds candidates of its own, it is asked while planning to put its pre-image back, and does it when it must."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nornflow.planning.normalise import normalise
from nornflow.platforms.load import platform_for
from nornflow.testing import EosFleet
from nornflow.testing.project import ProjectFolder
from nornflow_napalm.guard import NapalmGuard

pytestmark = pytest.mark.e2e
EOS = platform_for("arista_eos")

NTP = """
name: ntp
version: 1.0
on_failure: rollback
steps:
  - id: ntp
    type: napalm.config
    config: |
      ntp server 192.0.2.77
      interface Ethernet1
         description changed
  - {id: check, type: assert, depends_on: ntp, condition: "false"}
"""


@pytest.fixture
def switches(eos_fleet: Callable[..., EosFleet]) -> EosFleet:
    return eos_fleet(count=1)


def test_the_way_back_of_a_switch_is_native_and_is_gone(
    switches: EosFleet, project: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = project({"ntp.yaml": NTP}, fleet=switches)
    before = switches["sw1"].running_config

    (host,) = site.run("plan", "ntp.yaml", "--format", "json").ok().json()["hosts"]
    assert {step["method"] for step in host["steps"]} == {"native"}
    assert host["rollback"]["method"] == "native", host["rollback"]
    assert "puts the pre-image back as a whole" in host["rollback"]["evidence"]
    assert switches["sw1"].running_config == before

    whole: list[str] = []
    guard = NapalmGuard.replace
    monkeypatch.setattr(
        NapalmGuard, "replace", lambda self, driver, text: (whole.append(text.rstrip()), guard(self, driver, text))[1]
    )
    outcome = site.run("run", "ntp.yaml", "--yes")

    assert outcome.exit_code == 1
    assert "sw1: rolled_back: running == pre-image" in outcome.stdout
    assert switches["sw1"].running_config == before
    assert [normalise(text, EOS) for text in whole] == [normalise(before, EOS)], "as a whole, in one move"
