"""Real SSH clients drive the simulated routers as they would drive IOS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
import yaml
from napalm import get_network_driver
from netmiko import BaseConnection, ConnectHandler
from netmiko.exceptions import ConfigInvalidException, NetmikoAuthenticationException
from ntc_templates.parse import parse_output

from nornflow.errors import UsageError
from nornflow.testing import Credentials, Fleet, FleetError


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(count=2) as fleet:
        yield fleet


@pytest.fixture
def session(fleet: Fleet) -> Iterator[BaseConnection]:
    with ConnectHandler(**fleet.login("r1")) as connection:
        yield connection


def send(session: BaseConnection, command: str) -> str:
    return str(session.send_command(command))


def test_configuration_is_entered_abbreviated_and_listed_in_full(session: BaseConnection) -> None:
    session.send_config_set(["int gi3", "desc to the lab", "ip addr 10.9.9.1 255.255.255.0", "no shut"])
    assert [line for line in send(session, "show run int gi3").splitlines() if line.startswith((" ", "interface"))] == [
        "interface GigabitEthernet3",
        " description to the lab",
        " ip address 10.9.9.1 255.255.255.0",
    ]


def test_what_one_session_configures_the_next_one_sees(fleet: Fleet, session: BaseConnection) -> None:
    session.send_config_set(["ntp server 192.0.2.77"])
    session.disconnect()
    with ConnectHandler(**fleet.login("r1")) as later:
        assert "ntp server 192.0.2.77" in send(later, "show running-config | include ntp")
    assert "192.0.2.77" not in fleet["r2"].running_config


def test_no_takes_a_line_away_and_single_values_replace(fleet: Fleet, session: BaseConnection) -> None:
    session.send_config_set(["no ntp server 192.0.2.1", "interface gi1", "description one", "description two"])
    running = fleet["r1"].running_config
    assert "ntp server" not in running
    assert " description two\n" in running
    assert "description one" not in running
    assert "description to r2" not in running


def test_a_line_that_ios_does_not_know_gets_the_marker_below_the_bad_word(session: BaseConnection) -> None:
    output = session.send_config_set(["ntp serfer 192.0.2.1"]).splitlines()
    typed = next(number for number, line in enumerate(output) if "serfer" in line)
    assert output[typed + 1].index("^") == output[typed].index("serfer")
    assert output[typed + 2] == "% Invalid input detected at '^' marker."


def test_short_and_ambiguous_commands_are_answered_as_ios_does(session: BaseConnection) -> None:
    assert "% Incomplete command." in send(session, "show ip")
    assert '% Ambiguous command:  "sh i"' in send(session, "sh i")
    assert "Cisco IOS XE Software" in send(session, "sh ver")


def test_a_rejected_line_raises_in_netmiko_when_asked_to(session: BaseConnection) -> None:
    with pytest.raises(ConfigInvalidException, match="nonsense"):
        session.send_config_set(["nonsense"], error_pattern=r"% Invalid")


def test_saving_writes_the_startup_configuration(fleet: Fleet, session: BaseConnection) -> None:
    session.send_config_set(["ntp server 192.0.2.9"])
    assert "192.0.2.9" not in send(session, "show startup-config")
    assert "[OK]" in session.save_config()
    assert "ntp server 192.0.2.9" in send(session, "show startup-config")
    assert not fleet["r1"].unsaved


def test_copy_asks_for_the_file_name(fleet: Fleet, session: BaseConnection) -> None:
    session.send_config_set(["ntp server 192.0.2.9"])
    session.send_command("copy run start", expect_string=r"\[startup-config\]\?")
    assert "[OK]" in session.send_command("\n", expect_string=r"r1#", cmd_verify=False)
    assert not fleet["r1"].unsaved


def test_a_reload_drops_the_session_and_forgets_what_was_not_saved(fleet: Fleet, session: BaseConnection) -> None:
    session.send_config_set(["ntp server 192.0.2.9"])
    session.send_command("reload", expect_string=r"Save\? \[yes/no\]")
    session.send_command("no", expect_string=r"\[confirm\]")
    session.write_channel("\n")
    with pytest.raises(EOFError):
        wait_for_the_end(session)
    with ConnectHandler(**fleet.login("r1")) as later:
        assert "192.0.2.9" not in send(later, "show running-config")
    assert fleet["r1"].counters.reloads == 1


def test_hostname_changes_the_prompt_at_once(fleet: Fleet, session: BaseConnection) -> None:
    session.send_config_set(["hostname edge1"])
    assert session.find_prompt() == "edge1#"
    assert fleet["r1"].hostname == "edge1"


def test_a_banner_spans_lines_and_comes_back_in_the_listing(fleet: Fleet, session: BaseConnection) -> None:
    session.send_config_set(["banner motd #", "Authorised only", "Go away #"], cmd_verify=False)
    assert "banner motd ^C\nAuthorised only\nGo away ^C\n" in fleet["r1"].running_config
    assert "Authorised only" in send(session, "show running-config | begin banner")


def test_ntp_follows_the_configuration_and_the_reachable_servers(fleet: Fleet, session: BaseConnection) -> None:
    fleet.ntp_reachable({"192.0.2.20"})
    session.send_config_set(["ntp server 192.0.2.20"])
    rows = [line for line in send(session, "show ntp associations").splitlines() if "~192" in line]
    assert [row.split()[0] for row in rows] == ["~192.0.2.1", "*~192.0.2.20"]
    fleet.ntp_reachable(())
    assert "*~" not in send(session, "show ntp associations")


def test_ntc_templates_read_the_views(session: BaseConnection) -> None:
    def parsed(command: str) -> list[dict[str, str]]:
        return parse_output(platform="cisco_ios", command=command, data=send(session, command))

    first = {"interface": "Loopback0", "ip_address": "10.255.0.2", "status": "up", "proto": "up"}
    assert parsed("show ip interface brief")[0] == first
    assert parsed("show version")[0]["hostname"] == "r1"
    assert parsed("show interfaces description")[1]["description"] == "to r2"
    assert {route["protocol"] for route in parsed("show ip route")} == {"C", "L"}
    assert [(entry["neighbor_name"], entry["local_interface"]) for entry in parsed("show cdp neighbors")] == [
        ("r2", "Gig 1")
    ]
    assert parsed("show interfaces")[1]["ip_address"] == "10.0.0.1"
    assert [peer["state_or_prefixes_received"] for peer in parsed("show ip bgp summary")] == ["1"]


def test_a_bgp_session_falls_when_the_other_end_goes(fleet: Fleet, session: BaseConnection) -> None:
    fleet["r2"].configure("interface gi1", "shutdown")
    assert "Active" in send(session, "show ip bgp summary")
    assert "Success rate is 0 percent" in send(session, "ping 10.0.0.2")
    fleet["r2"].configure("interface gi1", "no shutdown")
    assert "Success rate is 100 percent" in send(session, "ping 10.0.0.2")


def test_output_pages_until_paging_is_off(fleet: Fleet) -> None:
    with raw_shell(fleet, "r1") as channel:
        read_until(channel, "#")
        channel.send(b"show running-config\n")
        page = read_until(channel, "--More--")
        assert page.count("\n") <= 25
        assert "end" not in page.split()
        channel.send(b"\n")
        assert read_until(channel, "--More--").count("\n") == 1
        channel.send(b"q")
        assert read_until(channel, "r1#").endswith("r1#")
        channel.send(b"terminal length 0\nshow running-config\n")
        assert "--More--" not in read_until(channel, "end\r\n\r\nr1#")


def test_editing_keys_work_as_on_a_terminal(fleet: Fleet) -> None:
    with raw_shell(fleet, "r1") as channel:
        read_until(channel, "#")
        channel.send(b"shoq\x7fw clock\n")
        assert "UTC" in read_until(channel, "r1#")
        channel.send(b"configure terminal\ninterface gi1\nnot this\x15description typed\n\x1a")
        assert read_until(channel, "^Z\r\nr1#")
    assert " description typed\n" in fleet["r1"].running_config


def test_a_question_mark_shows_what_may_come_next(fleet: Fleet) -> None:
    with raw_shell(fleet, "r1") as channel:
        read_until(channel, "#")
        channel.send(b"show ntp ?")
        assert read_until(channel, "r1#show ntp").split()[3:5] == ["associations", "status"]
        channel.send(b"status\nbogus ?")
        assert "% Unrecognized command" in read_until(channel, "r1#bogus")


def test_a_range_of_interfaces_is_configured_at_once(fleet: Fleet, session: BaseConnection) -> None:
    output = session.send_config_set(["interface range gi1 - 2 , gi4", "ip ospf cost 7", "ntp server 192.0.2.3"])
    assert "(config-if-range)#" in output
    sections = dict(fleet["r1"].config.root.sections("interface"))
    costed = [name for (name,), section in sections.items() if section.first("ip", "ospf", "cost", "7")]
    assert costed == ["GigabitEthernet1", "GigabitEthernet2", "GigabitEthernet4"]
    assert fleet["r1"].running_config.count("ntp server 192.0.2.3") == 1
    assert "% Invalid input" in session.send_config_set(["interface range gi1 - 2 , nonsense"])


def test_napalm_reads_the_routers_as_ios(fleet: Fleet) -> None:
    login = fleet.login("r1")
    access = (login["host"], login["username"], login["password"])
    driver = get_network_driver("ios")(*access, optional_args={"port": login["port"]})
    driver.open()
    try:
        facts = driver.get_facts()
        assert (facts["hostname"], facts["fqdn"]) == ("r1", "r1.lab.example")
        assert facts["interface_list"][0] == "Loopback0"
        ports = driver.get_interfaces()
        assert ports["GigabitEthernet1"]["description"] == "to r2"
        assert (ports["GigabitEthernet1"]["is_up"], ports["GigabitEthernet3"]["is_enabled"]) == (True, False)
        assert driver.get_interfaces_ip()["GigabitEthernet1"] == {"ipv4": {"10.0.0.1": {"prefix_length": 30}}}
        assert "hostname r1" in driver.get_config(retrieve="running")["running"]
    finally:
        driver.close()


def test_an_exec_request_answers_one_command(fleet: Fleet) -> None:
    with ssh(fleet, "r1") as client:
        _, output, _ = client.exec_command("show ip interface brief")
        assert "GigabitEthernet1" in output.read().decode()


def test_enable_asks_for_the_secret() -> None:
    with Fleet(count=1, enable_secret="let-me-in") as fleet, ConnectHandler(**fleet.login("r1")) as session:
        assert session.find_prompt() == "r1>"
        assert "% Invalid input" in send(session, "configure terminal")
        session.enable()
        assert session.find_prompt() == "r1#"
        assert "Building configuration" in send(session, "show running-config")


def test_only_the_right_credentials_get_in() -> None:
    with Fleet(count=1, credentials=Credentials("kim", "right-one")) as fleet:
        with pytest.raises(NetmikoAuthenticationException):
            ConnectHandler(**{**fleet.login("r1"), "password": "wrong"})
        ConnectHandler(**fleet.login("r1")).disconnect()
        assert fleet["r1"].counters.refused_logins >= 1
        assert fleet["r1"].counters.logins == 1


def test_hundreds_of_routers_stand_in_one_process_and_build_nothing_before_they_are_used() -> None:
    with Fleet(count=300, prefix="sim") as fleet:
        assert len({fleet.port(router.name) for router in fleet}) == 300
        with ConnectHandler(**fleet.login("sim0300")) as session:
            assert session.find_prompt() == "sim0300#"
        assert fleet.counters()["connections"] == 1


def test_the_inventory_is_one_that_nornir_reads(fleet: Fleet, tmp_path: Path) -> None:
    from nornir.plugins.inventory import SimpleInventory

    path = fleet.write_inventory(tmp_path / "inventory" / "hosts.yaml")
    assert yaml.safe_load(path.read_text())["r1"]["port"] == fleet.port("r1")
    hosts = SimpleInventory(host_file=str(path)).load().hosts
    assert (hosts["r1"].platform, hosts["r1"]["role"], hosts["r2"]["site"]) == ("cisco_ios", "core", "ams")


def test_names_data_and_groups_can_be_given() -> None:
    fleet = Fleet(names=["edge", "spine"], data={"edge": {"role": "edge"}}, groups={"spine": ["dc"]})
    with fleet:
        hosts = fleet.inventory()
    assert hosts["edge"]["data"]["role"] == "edge"
    assert hosts["spine"]["groups"] == ["dc"]


def test_a_taken_port_is_refused_with_a_way_out(fleet: Fleet) -> None:
    with pytest.raises(FleetError, match="cannot listen") as caught:
        Fleet(count=1, port=fleet.port("r1")).start()
    assert "nornflow lab down" in caught.value.hint


@pytest.mark.parametrize("wrong", [{"count": 0}, {"names": ["r1", "r1"]}])
def test_a_fleet_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Fleet(**wrong)


def wait_for_the_end(session: BaseConnection) -> None:
    """Read until the device closes the session; paramiko's channel then gives nothing any more."""
    channel = session.remote_conn
    channel.settimeout(5)
    while channel.recv(65536):
        pass
    raise EOFError


def ssh(fleet: Fleet, name: str) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    login = fleet.login(name)
    client.connect(
        login["host"], login["port"], login["username"], login["password"], look_for_keys=False, allow_agent=False
    )
    return client


class raw_shell:
    def __init__(self, fleet: Fleet, name: str) -> None:
        self._client = ssh(fleet, name)

    def __enter__(self) -> paramiko.Channel:
        channel = self._client.invoke_shell(width=200)
        channel.settimeout(5)
        return channel

    def __exit__(self, *exc: object) -> None:
        self._client.close()


def read_until(channel: paramiko.Channel, ending: str) -> str:
    text = ""
    while not text.rstrip(" ").endswith(ending):
        received = channel.recv(65536)
        assert received, f"the session ended after {text!r}"
        text += received.decode()
    return text
