"""Simulated routers fail on demand, and real clients see what they would see on a failing network."""

from __future__ import annotations

import socket
from collections.abc import Callable

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netmiko import BaseConnection, ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, ReadTimeout

from nornflow.errors import UsageError
from nornflow.testing import Fleet
from nornflow.testing.routers.faults import KINDS, Fault, parse_fault, parse_faults
from patience import soon

Start = Callable[..., Fleet]
NAMES = [f"r{number}" for number in range(1, 21)]


def login(fleet: Fleet, name: str = "r1") -> BaseConnection:
    return ConnectHandler(**fleet.login(name), conn_timeout=5)


def show(session: BaseConnection, command: str) -> str:
    return str(session.send_command(command, read_timeout=5))


def test_auth_refuses_the_right_password_until_it_is_healed(fleet: Start) -> None:
    routers = fleet(count=1, faults=["auth:r1"])
    with pytest.raises(NetmikoAuthenticationException):
        login(routers)
    routers.heal("r1", "auth")
    login(routers).disconnect()
    assert routers["r1"].counters.refused_logins >= 1


def test_flap_lets_the_third_connection_in(fleet: Start) -> None:
    routers = fleet(count=1, faults=["flap:all:2"])
    for _ in range(2):
        with pytest.raises(NetmikoAuthenticationException):
            login(routers)
    login(routers).disconnect()


def test_refuse_closes_the_port_and_heal_opens_the_same_one(fleet: Start) -> None:
    routers = fleet(count=2, faults=["refuse:r1"])
    address = (routers.address, routers.port("r1"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
    with socket.create_connection((routers.address, routers.port("r2")), timeout=5) as other:
        assert other.recv(10).startswith(b"SSH-2.0")
    routers.heal("r1")
    with socket.create_connection(address, timeout=5) as healed:
        assert healed.recv(10).startswith(b"SSH-2.0")
    routers["r1"].fault("refuse")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)


def test_noanswer_takes_the_connection_and_stays_silent(fleet: Start) -> None:
    routers = fleet(count=1, faults=["noanswer:r1"])
    with socket.create_connection((routers.address, routers.port("r1")), timeout=5) as silent:
        silent.settimeout(0.2)
        with pytest.raises(TimeoutError):
            silent.recv(1)


def test_drop_cuts_the_session_at_the_line_that_matches(fleet: Start) -> None:
    routers = fleet(count=1)
    session = login(routers)
    routers.fault("r1", "drop", at="description last")
    with pytest.raises((OSError, EOFError, ReadTimeout)):
        session.send_config_set(["interface gi1", "description first", "description last"], read_timeout=1)
    assert " description first\n" in routers["r1"].running_config
    assert routers["r1"].counters.drops == 1
    session.disconnect()


def test_drop_counts_the_commands_of_a_session(fleet: Start) -> None:
    routers = fleet(count=1, faults=["drop:r1:1"])
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    access = routers.login("r1")
    client.connect(access["host"], access["port"], access["username"], access["password"], look_for_keys=False)
    channel = client.invoke_shell()
    channel.settimeout(5)
    channel.send(b"show clock\nshow version\n")
    seen = b""
    while received := channel.recv(65536):
        seen += received
    assert b"UTC" in seen
    assert b"Cisco IOS" not in seen
    client.close()


def test_hang_never_answers(fleet: Start) -> None:
    routers = fleet(count=1)
    session = login(routers)
    routers.fault("r1", "hang", at="^show version")
    assert "UTC" in show(session, "show clock")
    with pytest.raises(ReadTimeout):
        session.send_command("show version", read_timeout=0.3)
    assert soon(lambda: routers["r1"].counters.hangs == 1)


def test_reject_marks_the_lines_that_match_and_takes_the_others(fleet: Start) -> None:
    routers = fleet(count=1, faults=["reject:all:at=ntp server 192.0.2.66"])
    with login(routers) as session:
        output = session.send_config_set(["ntp server 192.0.2.66", "ntp server 192.0.2.67"])
    assert output.count("% Invalid input") == 1
    assert "192.0.2.66" not in routers["r1"].running_config
    assert "192.0.2.67" in routers["r1"].running_config


def test_reject_can_answer_in_other_words(fleet: Start) -> None:
    routers = fleet(count=1)
    routers.fault("r1", "reject", at="^vlan", text="% VLAN table is full")
    with login(routers) as session:
        assert "% VLAN table is full" in session.send_config_set(["vlan 10"])


def test_readonly_keeps_the_configuration_closed(fleet: Start) -> None:
    routers = fleet(count=1, faults=["readonly:r1"])
    with login(routers) as session:
        assert "% Authorization failed" in str(session.send_command("configure terminal"))
        assert "% Authorization failed" in str(session.send_command("write memory"))
    assert routers["r1"].counters.saves == 0


def test_a_wrong_prompt_stands_where_the_name_should(fleet: Start) -> None:
    routers = fleet(count=1, faults=["prompt:r1:text=switch: > "])
    with login(routers) as session:
        assert session.find_prompt() == "switch: >"
    routers.heal("r1")
    with login(routers) as session:
        assert session.find_prompt() == "r1#"


def test_a_reload_in_mid_session_happens_once(fleet: Start) -> None:
    routers = fleet(count=1)
    session = login(routers)
    session.send_config_set(["ntp server 192.0.2.9"])
    routers.fault("r1", "reload", at="show version")
    with pytest.raises((OSError, EOFError, ReadTimeout)):
        session.send_command("show version", read_timeout=1)
    assert "192.0.2.9" not in routers["r1"].running_config
    with login(routers) as again:
        assert "Cisco IOS" in show(again, "show version")


def test_pulling_the_plug_keeps_what_was_saved(fleet: Start) -> None:
    routers = fleet(count=1)
    with login(routers) as session:
        session.send_config_set(["ntp server 192.0.2.9"])
        session.save_config()
        session.send_config_set(["ntp server 192.0.2.10"])
    routers.reload("r1")
    assert "192.0.2.9" in routers["r1"].running_config
    assert "192.0.2.10" not in routers["r1"].running_config


def test_slow_multiplies_the_latency(fleet: Start) -> None:
    routers = fleet(count=2, latency=0.004, faults=["slow:r2:50"])
    quick, slow = routers["r1"].faults.get("slow"), routers["r2"].faults.get("slow")
    assert routers.timing.delay(quick) == 0.004
    assert routers.timing.delay(slow) == pytest.approx(0.2)


def test_faults_are_written_in_one_line() -> None:
    faults = parse_faults(["drop:r3:4", "reject:1-2:at=ntp server 10:text=% No: never", "slow:r20"], NAMES)
    assert faults["r3"] == [Fault("drop", after=4)]
    assert faults["r1"] == faults["r2"] == [Fault("reject", at="ntp server 10", text="% No: never")]
    assert faults["r20"] == [Fault("slow")]
    assert set(faults) == {"r1", "r2", "r3", "r20"}


@given(share=st.integers(0, 100))
def test_a_percentage_names_that_many_different_devices(share: int) -> None:
    assert len(parse_fault(f"hang:{share}%", NAMES)) == round(20 * share / 100)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("melt:r1", "there is no fault 'melt'"),
        ("drop", "does not say which devices"),
        ("drop:r99", "there is no simulated device 'r99'"),
        ("drop:0-3", "there is no simulated device '0-3'"),
        ("drop:r1:after=soon", "'soon' is not a number"),
        ("drop:r1:soon", "'soon' is not a number"),
        ("auth:r1:3", "'auth' takes no number"),
        ("auth:r1:at=x", "'auth' takes no `at`"),
        ("hang:r1:text=x", "'hang' takes no `text`"),
        ("drop:r1:at=(", "not a regular expression"),
        ("drop:r1:when=now", "no option 'when'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("`", ".").replace("'", ".")):
        parse_fault(spec, NAMES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_survives_its_json(kind: str) -> None:
    fault = Fault(kind)
    assert Fault(**fault.to_json()) == fault
