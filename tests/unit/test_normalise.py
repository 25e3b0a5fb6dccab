from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.planning.normalise import config_hash, normalise
from nornflow.platforms.load import platform_for

NAMES = ("cisco_ios", "cisco_nxos", "frr", "arista_eos", "juniper_junos")

VOLATILE = {
    "cisco_ios": """\
Building configuration...
Current configuration : 4096 bytes
Using 4096 out of 33554432 bytes
Load for five secs: 1%/0%; one minute: 2%; five minutes: 2%
Time source is NTP, 10:00:00.000 UTC Sat Nov 21 2026
! Last configuration change at 10:00:00 UTC Sat Nov 21 2026 by admin
! NVRAM config last updated at 10:00:01 UTC Sat Nov 21 2026
! No configuration change since last restart
version 17.9
ntp clock-period 17179869
!
 !
end
: Saved
: Written by admin at 10:00:00
*Nov 21 10:00:00.000: %SYS-5-CONFIG_I: Configured from console
00:00:10: %LINK-3-UPDOWN: Interface up
%SYS-5-CONFIG_I: Configured from console by vty0
router1#show running-config
router1#
 --More--
Uncompressed configuration from 1024 bytes to 4096 bytes
 exit-address-family
""",
    "cisco_nxos": """\
!Command: show running-config
!Running configuration last done at: Sat Nov 21 10:00:00 2026
!Startup config saved at: Sat Nov 21 10:00:00 2026
!No configuration change since last restart
!Time: Sat Nov 21 10:00:00 2026
version 9.3(8) Bios:version 07.69
Building configuration...
2026 Nov 21 10:00:00 leaf1 %ETHPORT-5-IF_UP: up
%VSHD-5-VSHD_SYSLOG_CONFIG_I: Configured from vty
leaf1# show running-config
--More--
Copy complete.
""",
    "frr": """\
Building configuration...
Current configuration:
frr version 8.4.4
frr defaults traditional
!
end
exit
quit
 exit-address-family
exit-vrf
Hello, this is FRRouting (version 8.4.4).
Copyright 1996-2005 Kunihiro Ishiguro, et al.
r1# show running-config
r1#
Note: this version of vtysh never writes vtysh.conf
% Can't open configuration file /etc/frr/vtysh.conf due to 'No such file or directory'.
[4242|zebra] sending configuration
Waiting for children to finish applying config...
[OK]
""",
    "arista_eos": """\
! Command: show running-config
! device: sw1 (vEOS-lab, EOS-4.31.2F)
! boot system flash:/EOS.swi
! Startup-config last modified at Sat Nov 21 10:00:00 2026 by admin
! Running-config last modified at Sat Nov 21 10:00:00 2026 by admin
!
end
%SYS-5-CONFIG_I: Configured from console
sw1# show running-config
Last login: Sat Nov 21 10:00:00 2026
Copy completed successfully.
""",
    "juniper_junos": """\
## Last commit: 2026-11-21 10:00:00 UTC by admin
## Last changed: 2026-11-21 10:00:00 UTC
# a remark
set version 21.4R3.15
{master:0}
{primary:node0}
[edit]
[edit interfaces ge-0/0/0]
Entering configuration mode
Users currently editing the configuration:
  admin terminal p0 (pid 4242) on since 2026-11-21 10:00:00 UTC
The configuration has been changed but not committed
commit complete
warning: statement has no contents; ignored
""",
}


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, text in VOLATILE.items() for line in text.splitlines()]
)
def test_what_changes_by_itself_is_left_out(name: str, line: str) -> None:
    platform = platform_for(name)
    lasting = "set system host-name r1\n" if name == "juniper_junos" else "hostname r1\n"

    assert normalise(f"{line}\n{lasting}", platform) == lasting
    assert config_hash(f"{line}\n{lasting}\n{line}\n", platform) == config_hash(lasting, platform)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("cisco_ios", "license boot level network-advantage"),
        ("cisco_ios", "description version 17"),
        ("cisco_ios", "ntp server 192.0.2.1"),
        ("cisco_nxos", "boot nxos bootflash:/nxos.9.3.8.bin"),
        ("frr", "service integrated-vtysh-config"),
        ("arista_eos", "logging format timestamp high-resolution"),
        ("juniper_junos", "set system services ssh root-login deny"),
    ],
)
def test_what_somebody_configured_is_never_left_out(name: str, line: str) -> None:
    assert normalise(f"{line}\n", platform_for(name)) == f"{line}\n"


def test_a_banner_keeps_the_lines_that_look_volatile() -> None:
    text = "banner motd ^C\nversion 17.9\n!\nend\n^C\nhostname r1\n"

    assert normalise(text, platform_for("ios")) == text


def test_carriage_returns_blanks_and_odd_indentation_do_not_count() -> None:
    one = "interface Vlan10\r\n   description x  \r\n   no shutdown\r\n\r\n"
    other = "interface Vlan10\n description x\n no shutdown\n"

    assert config_hash(one, platform_for("ios")) == config_hash(other, platform_for("ios"))


def test_the_order_of_lines_and_the_section_of_a_line_count() -> None:
    ios = platform_for("ios")

    assert config_hash("a 1\nb 2\n", ios) != config_hash("b 2\na 1\n", ios)
    assert config_hash("interface A1\n shutdown\n", ios) != config_hash("interface A1\nshutdown\n", ios)


lines = st.one_of(
    st.sampled_from([line for text in VOLATILE.values() for line in text.splitlines()]),
    st.sampled_from(
        ["interface Vlan10", " no shutdown", "  deep", "banner motd ^C", "^C", "hostname r1", "banner login"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)


@given(st.lists(lines, max_size=15), st.sampled_from(NAMES))
def test_what_is_normalised_is_normal(text: list[str], name: str) -> None:
    platform = platform_for(name)
    once = normalise("\n".join(text), platform)

    assert normalise(once, platform) == once
