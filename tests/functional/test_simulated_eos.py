"""NAPALM's real `eos` driver works on the simulated EOS devices as on real ones."""

from __future__ import annotations

import json
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napalm import get_network_driver
from napalm.base import NetworkDriver
from napalm.base.exceptions import (
    CommandErrorException,
    CommitError,
    MergeConfigException,
    ReplaceConfigException,
    SessionLockedException,
)

from nornflow.testing import EosFleet, ManualTimer, Switch
from nornflow.testing.eos.network import first_configuration
from nornflow.testing.routers.network import places

Start = Callable[..., EosFleet]
CHANGE = "ntp server 192.0.2.7\ninterface Ethernet2\n   description new words\n"


@pytest.fixture
def timer() -> ManualTimer:
    return ManualTimer()


@pytest.fixture
def fleet(eos_fleet: Start, timer: ManualTimer) -> EosFleet:
    return eos_fleet(count=2, timer=timer)


@pytest.fixture
def driver(fleet: EosFleet) -> Iterator[NetworkDriver]:
    driver = opened(fleet)
    yield driver
    driver.close()


def opened(fleet: EosFleet, name: str = "sw1") -> NetworkDriver:
    driver = get_network_driver("eos")(**fleet.login(name))
    driver.open()
    return driver


def test_a_merge_is_compared_and_nothing_changes_before_the_commit(fleet: EosFleet, driver: NetworkDriver) -> None:
    before = fleet["sw1"].running_config
    driver.load_merge_candidate(config=CHANGE)
    diff = driver.compare_config()
    assert "+ntp server 192.0.2.7" in diff
    assert "-   description spare" in diff
    assert "+   description new words" in diff
    assert fleet["sw1"].running_config == before
    driver.commit_config()
    assert "ntp server 192.0.2.7" in fleet["sw1"].running_config
    assert fleet["sw1"].startup_config == fleet["sw1"].running_config
    assert driver.compare_config() == ""


def test_a_discarded_candidate_leaves_nothing(fleet: EosFleet, driver: NetworkDriver) -> None:
    before = fleet["sw1"].running_config
    driver.load_merge_candidate(config=CHANGE)
    driver.discard_config()
    assert fleet["sw1"].running_config == before
    assert fleet["sw1"].sessions.by_name == {}


def test_a_replace_leaves_only_what_the_candidate_says(fleet: EosFleet, driver: NetworkDriver) -> None:
    driver.load_replace_candidate(config="hostname fresh\ninterface Ethernet1\n   description only this\n")
    assert "-router bgp 65001" in driver.compare_config()
    driver.commit_config()
    running = fleet["sw1"].running_config
    assert running.startswith("hostname fresh\n")
    assert "router bgp" not in running
    assert "interface Ethernet3\n" in running
    assert driver.get_facts()["hostname"] == "fresh"


def test_replacing_with_its_own_configuration_is_no_change(driver: NetworkDriver) -> None:
    driver.load_replace_candidate(config=driver.get_config(retrieve="running")["running"])
    assert driver.compare_config() == ""


def test_a_bad_line_is_named_and_the_candidate_is_gone(fleet: EosFleet, driver: NetworkDriver) -> None:
    with pytest.raises(MergeConfigException, match="Invalid input") as caught:
        driver.load_merge_candidate(config="interface Ethernet1\n   descrption oops\n")
    assert "descrption" in str(caught.value)
    assert fleet["sw1"].sessions.by_name == {}
    with pytest.raises(ReplaceConfigException, match="Incomplete"):
        driver.load_replace_candidate(config="hostname\n")


def test_an_unconfirmed_commit_is_taken_back_when_the_time_is_over(
    fleet: EosFleet, driver: NetworkDriver, timer: ManualTimer
) -> None:
    before = fleet["sw1"].running_config
    driver.load_merge_candidate(config=CHANGE)
    driver.commit_config(revert_in=120)
    assert driver.has_pending_commit()
    assert "192.0.2.7" in fleet["sw1"].running_config
    timer.advance(119)
    assert "192.0.2.7" in fleet["sw1"].running_config
    timer.advance(1)
    assert fleet["sw1"].running_config == before
    assert not driver.has_pending_commit()
    driver.config_session = None


def test_the_device_takes_it_back_by_itself_when_the_controller_is_gone(fleet: EosFleet, timer: ManualTimer) -> None:
    before = fleet["sw1"].running_config
    controller = opened(fleet)
    controller.load_merge_candidate(config=CHANGE)
    controller.commit_config(revert_in=60)
    del controller
    timer.advance(60)
    assert fleet["sw1"].running_config == before


def test_a_confirmed_commit_stays(fleet: EosFleet, driver: NetworkDriver, timer: ManualTimer) -> None:
    driver.load_merge_candidate(config=CHANGE)
    driver.commit_config(revert_in=60)
    with pytest.raises(CommitError, match="already in process"):
        driver.commit_config(revert_in=60)
    timer.advance(30)
    driver.confirm_commit()
    timer.advance(3600)
    assert "192.0.2.7" in fleet["sw1"].running_config
    assert "192.0.2.7" in fleet["sw1"].startup_config
    assert not driver.has_pending_commit()


def test_confirming_from_a_new_process_needs_the_session_name(fleet: EosFleet, timer: ManualTimer) -> None:
    first = opened(fleet)
    first.load_merge_candidate(config=CHANGE)
    first.commit_config(revert_in=60)
    second = opened(fleet)
    with pytest.raises(CommitError, match="No pending"):
        second.confirm_commit()
    second.config_session = first.config_session
    second.confirm_commit()
    timer.advance(60)
    assert "192.0.2.7" in fleet["sw1"].running_config


def test_rollback_of_a_pending_commit_is_immediate(fleet: EosFleet, driver: NetworkDriver) -> None:
    before = fleet["sw1"].running_config
    driver.load_merge_candidate(config=CHANGE)
    driver.commit_config(revert_in=60)
    driver.rollback()
    assert fleet["sw1"].running_config == before


def test_rollback_after_a_commit_goes_to_the_startup_configuration(fleet: EosFleet, driver: NetworkDriver) -> None:
    before = fleet["sw1"].running_config
    driver.load_merge_candidate(config=CHANGE)
    driver.commit_config()
    driver.rollback()
    assert fleet["sw1"].running_config == before


def test_closing_while_a_commit_is_pending_takes_it_back(fleet: EosFleet) -> None:
    before = fleet["sw1"].running_config
    driver = opened(fleet)
    driver.load_merge_candidate(config=CHANGE)
    driver.commit_config(revert_in=60)
    driver.close()
    assert fleet["sw1"].running_config == before


def test_somebody_elses_session_locks_the_device(fleet: EosFleet, driver: NetworkDriver) -> None:
    fleet["sw1"].sessions.enter("theirs")
    with pytest.raises(SessionLockedException):
        driver._lock()


def test_getters_see_what_is_configured(fleet: EosFleet, driver: NetworkDriver, timer: ManualTimer) -> None:
    fleet["sw1"].configure("interface Ethernet1", "shutdown", "mtu 9214")
    facts = driver.get_facts()
    assert (facts["hostname"], facts["fqdn"], facts["vendor"]) == ("sw1", "sw1.lab.example", "Arista")
    assert facts["interface_list"][0] == "Ethernet1"
    ports = driver.get_interfaces()
    assert (ports["Ethernet1"]["is_enabled"], ports["Ethernet1"]["mtu"]) == (False, 9214)
    assert (ports["Ethernet2"]["is_up"], ports["Management1"]["is_up"]) == (False, True)
    assert ports["Management1"]["description"] == "management"
    assert driver.get_interfaces_counters()["Ethernet1"]["rx_octets"] == 0


def test_commands_answer_in_text_and_refuse_what_they_do_not_know(driver: NetworkDriver) -> None:
    output = driver.cli(["show ntp associations", "show running-config | section router bgp"])
    assert "*192.0.2.1" in output["show ntp associations"]
    assert output["show running-config | section router bgp"].startswith("router bgp 65001\n   router-id")
    with pytest.raises(CommandErrorException):
        driver.cli(["show nonsense"])


def test_a_reload_forgets_what_was_not_saved(fleet: EosFleet) -> None:
    fleet["sw1"].configure("hostname other")
    fleet.reload("sw1")
    assert fleet["sw1"].hostname == "sw1"


def test_nornir_reaches_the_devices_through_the_inventory(fleet: EosFleet, tmp_path: Path) -> None:
    from nornir import InitNornir
    from nornir_napalm.plugins.tasks import napalm_configure

    hosts = fleet.write_inventory(tmp_path / "hosts.yaml")
    nornir = InitNornir(
        logging={"enabled": False}, inventory={"plugin": "SimpleInventory", "options": {"host_file": str(hosts)}}
    )
    try:
        planned = nornir.run(napalm_configure, configuration="ntp server 192.0.2.9\n", dry_run=True)
        assert {name: result[0].changed for name, result in planned.items()} == {"sw1": True, "sw2": True}
        assert "+ntp server 192.0.2.9" in planned["sw1"][0].diff
        assert "192.0.2.9" not in fleet["sw1"].running_config
        nornir.run(napalm_configure, configuration="ntp server 192.0.2.9\n")
        assert "192.0.2.9" in fleet["sw2"].running_config
    finally:
        nornir.close_connections()


def test_wrong_credentials_are_refused(fleet: EosFleet) -> None:
    login = {**fleet.login("sw1"), "password": "wrong"}
    driver = get_network_driver("eos")(**login)
    with pytest.raises(Exception, match=r"authenticate|Unauthorized|401"):
        driver.open()
    assert fleet["sw1"].counters.refused_logins == 1


def test_faults_reach_the_client(fleet: EosFleet, driver: NetworkDriver) -> None:
    fleet.fault("sw1", "reject", at="description", text="% hardware limit")
    with pytest.raises(MergeConfigException, match="hardware limit"):
        driver.load_merge_candidate(config=CHANGE)
    fleet.heal("sw1")
    fleet.fault("sw1", "drop", at="show hostname")
    with pytest.raises(Exception, match=r"(?i)connection|socket|remote"):
        driver.get_facts()
    assert fleet["sw1"].counters.drops == 1


def test_errors_have_the_shape_of_eapi(fleet: EosFleet) -> None:
    answer = rpc(fleet, ["show version", "sho hostnam", "show nonsense", "show version"])
    assert answer["error"]["code"] == 1002
    assert answer["error"]["message"] == "CLI command 3 of 4 'show nonsense' failed: invalid command"
    assert answer["error"]["data"][1] == {"hostname": "sw1", "fqdn": "sw1.lab.example"}
    assert answer["error"]["data"][2] == {"errors": ["Invalid input (at token 1: 'nonsense')"]}
    assert rpc(fleet, ["show ntp associations"])["error"]["code"] == 1003
    structured = rpc(fleet, ["show running-config"])["result"][0]
    assert structured["cmds"]["interface Ethernet1"]["cmds"]["description to sw2"] is None


def test_lines_outside_a_session_change_the_device_at_once(fleet: EosFleet) -> None:
    rpc(fleet, ["enable", "configure", "interface Ethernet1", "description direct", "end"])
    assert "   description direct\n" in fleet["sw1"].running_config


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_listing_read_back_gives_the_same_listing(data: st.DataObject) -> None:
    [place, _] = places(["sw1", "sw2"])
    switch = Switch("sw1", lambda: first_configuration(place))
    octet = st.integers(1, 254)
    line = st.one_of(
        st.builds("ntp server 192.0.2.{}".format, octet),
        st.builds("vlan {}\nname v{}".format, octet, octet),
        st.builds("ip route 10.{}.0.0/16 192.0.2.{}".format, octet, octet),
        st.builds("router bgp 65001\nneighbor 192.0.2.{0} remote-as {0}\nvrf V{0}\nrd 1:{0}".format, octet),
        st.builds("router bgp 65001\naddress-family ipv4\nnetwork 10.{}.0.0/16".format, octet),
        st.builds("ip access-list A{}\npermit ip any host 192.0.2.{}".format, octet, octet),
    )
    for block in data.draw(st.lists(line, max_size=8)):
        switch.configure(*block.splitlines())
    listing = switch.running_config
    assert Switch("sw1", listing.splitlines).running_config == listing


def rpc(fleet: EosFleet, commands: list[str]) -> dict[str, Any]:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "runCmds",
        "params": {"version": 1, "cmds": commands, "format": "json"},
    }
    token = b64encode(f"{fleet.credentials.username}:{fleet.credentials.password}".encode()).decode()
    request = urllib.request.Request(
        f"http://{fleet.address}:{fleet.port('sw1')}/command-api",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Basic {token}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found
