"""Changes on trial on routers without a timer: the controller holds them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from killed import Scene
from nornflow.testing import Fleet
from trials import configs, of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


# ------------------------------------------------------------------ what the controller holds

ROUTERS = """
name: ntp
version: 1.0
confirm: {within: WITHIN}
steps:
  - id: configure
    type: netmiko.config
    lines: [ntp server 192.0.2.77, no ntp server 192.0.2.1]
    save: true
  - id: wait
    type: assert
    depends_on: configure
    condition: "host.name != 'BAD'"
    retry: {attempts: 10, delay: 300}
"""


@pytest.fixture
def routers(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    with Fleet(3) as fleet:
        yield lambda within, bad="": Scene.made_of(
            tmp_path / "project", fleet, {"ntp.yaml": ROUTERS.replace("WITHIN", within).replace("BAD", bad)}
        )


def saves(scene: Scene) -> list[str]:
    return [heard.line for router in scene.fleet for heard in router.log if heard.line.strip() == "write memory"]


def test_routers_are_saved_once_all_are_confirmed(routers: Callable[..., Scene]) -> None:
    scene = routers("5m")
    assert "  confirm within 5m: controller" in scene.site.run("plan", "ntp.yaml").ok().stdout
    scene.site.run("run", "ntp.yaml", "--yes").ok()
    assert all(running == startup for running, startup in configs(scene).values())
    assert all("ntp server 192.0.2.77" in running for running, _ in configs(scene).values())


def test_routers_that_are_not_verified_in_time_are_taken_back_and_were_never_saved(
    routers: Callable[..., Scene],
) -> None:
    scene = routers("5s", "r2")  # its check would be tried for an hour
    before = configs(scene)
    begun = time.monotonic()
    assert scene.site.run("run", "ntp.yaml", "--yes").exit_code == 1
    assert time.monotonic() - begun < 30
    assert configs(scene) == before
    assert saves(scene) == []
    assert of(scene.site.record(), "state") == ["rolled_back"] * 3


def test_routers_whose_controller_was_killed_are_taken_back_by_recover(routers: Callable[..., Scene]) -> None:
    scene = routers("5m", "r2")
    before = configs(scene)
    with scene.start("run", "ntp.yaml", "--yes") as process:
        end = time.monotonic() + 60
        while not all("192.0.2.77" in router.running_config for router in scene.fleet) and time.monotonic() < end:
            time.sleep(0.05)
        process.kill()
        process.communicate(timeout=10)
    changed = configs(scene)
    assert all("192.0.2.77" in running for running, _ in changed.values())  # nobody takes them back by himself
    assert {name: startup for name, (_, startup) in changed.items()} == {
        name: startup for name, (_, startup) in before.items()
    }
    (run,) = scene.ask("runs", "list", "--format", "json")
    assert "r1: controller, armed" in scene.site.run("recover", "--list").ok().stdout
    scene.site.run("recover", "--run", run["id"]).ok()
    assert configs(scene) == before
    record = scene.ask("runs", "show", run["id"])
    assert (record["state"], of(record, "state")) == ("rolled_back", ["rolled_back"] * 3)
    assert "nothing to recover" in scene.site.run("recover").ok().stdout
