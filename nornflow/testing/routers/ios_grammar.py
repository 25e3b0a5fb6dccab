"""The configuration grammar of the simulated Cisco-IOS-like routers: one table of patterns per mode.

The order of the patterns is the order in which the device lists its configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from nornflow.record import record
from nornflow.testing.routers.grammar import Grammar

_GLOBAL = """
version ; LINE
~service pad
service timestamps (debug|log) ; [LINE]
service (password-encryption|tcp-keepalives-in|tcp-keepalives-out|call-home|sequence-numbers)
platform LINE
hostname ; HOSTNAME
boot-start-marker
boot system LINE
boot-end-marker
vrf definition WORD > vrf
logging buffered ; [LINE]
~logging console
logging console ; WORD
enable (secret|password) ; LINE
aaa new-model
aaa (authentication|authorization|accounting|group|session-id|server) LINE
clock timezone ; LINE
clock summer-time ; LINE
~ip source-route
~ip domain lookup
~ip domain-lookup=domain_lookup
ip domain name ; WORD
ip domain-name=domain_name ; WORD
ip name-server HOST [HOST] [HOST]
ip dhcp excluded-address IP [IP]
ip dhcp pool WORD > dhcp
ip multicast-routing [LINE]
~ip cef
ipv6 unicast-routing
login (block-for|on-failure|on-success|delay) LINE
vtp (mode|domain|version) ; WORD
spanning-tree mode ; WORD
spanning-tree (extend|portfast|vlan|loopguard|pathcost) LINE
license LINE
memory LINE
username WORD ; [LINE]
redundancy
vlan INT > vlan
lldp run
cdp (timer|holdtime) ; INT
~cdp run
track INT LINE
class-map [match-all|match-any] WORD > class-map
policy-map WORD > policy-map
crypto LINE
interface IFACE > interface
router bgp INT > router-bgp
router ospf INT [vrf WORD] > router-ospf
router (eigrp|isis|rip) [WORD] > router-other
ip forward-protocol WORD
~ip http server
~ip http secure-server
ip http (client|authentication) LINE
ip ftp LINE
ip tftp LINE
ip nat LINE
ip route IP MASK (IP|IFACE) [IP] [INT] [name WORD] [tag INT]
ip route vrf WORD IP MASK (IP|IFACE) [IP] [INT] [name WORD]
-ip route IP MASK
-ip route vrf WORD IP MASK
ip ssh version ; INT
ip ssh (time-out|authentication-retries) ; INT
ip ssh (server|client|source-interface|rsa|dh) LINE
ip scp server enable
ip access-list standard WORD > acl-standard
ip access-list extended WORD > acl-extended
ip prefix-list WORD seq INT ; (permit|deny) PREFIX [ge INT] [le INT]
ip prefix-list WORD (permit|deny) PREFIX [ge INT] [le INT] @numbered
ip prefix-list WORD description ; LINE
-ip prefix-list WORD
ip community-list LINE
ip as-path access-list INT LINE
ip sla INT > sla
ip sla (schedule|responder) [LINE]
ip tacacs source-interface ; IFACE
ip radius source-interface ; IFACE
ipv6 route LINE
logging trap ; [WORD]
logging facility ; WORD
logging source-interface ; IFACE
logging origin-id ; LINE
~logging on
~logging monitor
logging host HOST ; [LINE]
logging HOST
access-list INT LINE @typed
-access-list INT
route-map WORD (permit|deny) INT > route-map
route-map WORD > route-map @numbered
-route-map WORD
snmp-server community WORD ; [LINE]
snmp-server location ; LINE
snmp-server contact ; LINE
snmp-server chassis-id ; LINE
snmp-server enable traps [LINE]
snmp-server host HOST ; LINE
snmp-server (group|user|view|ifindex|source-interface|trap-source|packetsize|queue-length|engineID) LINE
-snmp-server
tacacs server WORD > aaa-server
radius server WORD > aaa-server
tacacs-server LINE
radius-server LINE
privilege LINE
control-plane
banner (motd|login|exec) ; LINE
alias exec WORD LINE
line (con|console=con|aux|vty) INT [INT] > line
call-home
event manager applet WORD > applet
archive > archive
ntp authenticate
ntp authentication-key INT ; md5 LINE
ntp trusted-key INT
ntp source ; IFACE
ntp access-group ; LINE
ntp update-calendar
ntp logging
ntp server [vrf WORD] HOST ; [key INT] [prefer]
ntp server HOST ; prefer source IFACE
ntp server HOST ; source IFACE
ntp peer HOST ; [prefer]
-ntp
end
"""

_INTERFACE = """
description ; LINE
~switchport
switchport access vlan ; INT
switchport voice vlan ; INT
switchport trunk (native vlan|allowed vlan|encapsulation) ; LINE
-switchport trunk
switchport mode ; (access|trunk|dynamic auto|dynamic desirable)
switchport (nonegotiate|port-security|protected)
switchport port-security LINE
encapsulation dot1Q INT ; [native]
vrf forwarding ; WORD
bandwidth ; INT
ip address ; IP MASK @exact @shown
ip address ; dhcp
ip address IP MASK secondary
~ip redirects
~ip unreachables
~ip proxy-arp
ip unnumbered ; IFACE
ip helper-address HOST
ip access-group (in|out) ; LINE
ip access-group WORD (in|out)
ip nat (inside|outside)
ip mtu ; INT
ip tcp adjust-mss ; INT
ip ospf cost ; INT
ip ospf priority ; INT
ip ospf (network|authentication|dead-interval|hello-interval|message-digest-key|mtu-ignore) ; [LINE]
ip ospf INT area WORD
ip pim ; WORD
ip (policy|verify|flow|igmp|vrf|nbar|summary-address) LINE
ipv6 address IFPREFIX
ipv6 enable
ipv6 (nd|ospf|dhcp|mtu|traffic-filter) LINE
mtu ; INT
load-interval ; INT
carrier-delay ; LINE
delay ; INT
shutdown
standby LINE
vrrp LINE
speed ; (10|100|1000|10000|auto)
duplex ; (auto|full|half)
~negotiation auto
~keepalive
keepalive ; INT
media-type ; WORD
tunnel (source|destination|mode|key|protection) ; LINE
channel-group INT ; mode (active|passive|on|auto|desirable)
~cdp enable
~lldp transmit
~lldp receive
spanning-tree (portfast|bpduguard|bpdufilter|guard|cost|link-type) ; [LINE]
storm-control LINE
service-policy (input|output) ; WORD
authentication LINE
dot1x LINE
mab
source template WORD
access-session LINE
hold-queue INT (in|out)
"""

_NEIGHBOR = """
neighbor HOST remote-as ; INT @peer
neighbor HOST peer-group ; [WORD] @peer
neighbor HOST description ; LINE @peer
neighbor HOST shutdown @peer
neighbor HOST password ; LINE @peer
neighbor HOST update-source ; IFACE @peer
neighbor HOST ebgp-multihop ; [INT] @peer
neighbor HOST timers ; LINE @peer
neighbor HOST fall-over ; [LINE] @peer
neighbor HOST activate @peer
neighbor HOST send-community ; [both|extended|standard] @peer
neighbor HOST next-hop-self ; [all] @peer
neighbor HOST route-reflector-client @peer
neighbor HOST soft-reconfiguration inbound @peer
neighbor HOST default-originate ; [LINE] @peer
neighbor HOST (prefix-list|route-map|filter-list|distribute-list) WORD (in|out) @peer
neighbor HOST (maximum-prefix|weight|local-as|allowas-in|advertisement-interval|ttl-security) ; [LINE] @peer
-neighbor HOST
"""

_FAMILY = """
network IP [mask MASK] [route-map WORD]
aggregate-address IP MASK [summary-only]
redistribute (connected|static) ; [LINE]
redistribute (ospf|eigrp|rip|isis|bgp) WORD ; [LINE]
maximum-paths ; INT
maximum-paths ibgp ; INT
distance bgp ; INT INT INT
~auto-summary
~synchronization
import LINE
export LINE
"""

_ROUTER_BGP = f"""
bgp router-id ; IP
bgp log-neighbor-changes
~bgp default ipv4-unicast
~bgp enforce-first-as
bgp (graceful-restart|bestpath|deterministic-med|always-compare-med|cluster-id|confederation|dampening) ; [LINE]
timers bgp ; INT INT [INT]
{_FAMILY}
{_NEIGHBOR}
address-family (ipv4|ipv6|vpnv4|vpnv6|l2vpn) [unicast|multicast|evpn] [vrf WORD] > address-family
"""

_ROUTER_OSPF = """
router-id ; IP
~log-adjacency-changes
log-adjacency-changes ; detail
auto-cost reference-bandwidth ; INT
area WORD (stub|nssa|range|authentication|virtual-link|filter-list|default-cost) ; [LINE]
redistribute (connected|static) ; [LINE]
redistribute (bgp|eigrp|rip|isis|ospf) WORD ; [LINE]
passive-interface default
passive-interface IFACE
network IP WILDCARD area WORD
default-information originate ; [LINE]
max-metric LINE
maximum-paths ; INT
distance ; INT
timers LINE
distribute-list LINE
bfd LINE
"""

_ACL = """
INT ; (permit|deny|remark) LINE
(permit|deny|remark) LINE @numbered
"""

_TABLES: Mapping[str, tuple[str, str]] = {
    "global": ("config", _GLOBAL),
    "interface": ("config-if", _INTERFACE),
    "router-bgp": ("config-router", _ROUTER_BGP),
    "address-family": ("config-router-af", _FAMILY + _NEIGHBOR),
    "router-ospf": ("config-router", _ROUTER_OSPF),
    "router-other": (
        "config-router",
        "network LINE\npassive-interface WORD\nversion ; INT\n~auto-summary\nnet WORD\n"
        "redistribute LINE\ndistance LINE\nis-type ; WORD\nmetric-style ; WORD\neigrp LINE\n",
    ),
    "line": (
        "config-line",
        "session-timeout ; LINE\naccess-class WORD in ; [vrf-also]\nexec-timeout ; INT [INT]\nprivilege level ; INT\n"
        "password ; LINE\nlogging synchronous ; [LINE]\nlogin ; [local|authentication WORD]\nauthorization LINE\n"
        "length ; INT\nwidth ; INT\nhistory size ; INT\nstopbits ; INT\nspeed ; INT\n~exec\n"
        "transport (input|output|preferred) ; (none|all|ssh|telnet|ssh telnet|telnet ssh)\n",
    ),
    "vlan": ("config-vlan", "name ; WORD\nstate ; (active|suspend)\nmtu ; INT\nshutdown\nremote-span\n"),
    "acl-standard": ("config-std-nacl", _ACL),
    "acl-extended": ("config-ext-nacl", _ACL),
    "route-map": ("config-route-map", "description ; LINE\nmatch LINE @typed\nset LINE @typed\ncontinue ; INT\n"),
    "vrf": (
        "config-vrf",
        "description ; LINE\nrd ; WORD\nroute-target (import|export|both) WORD\n"
        "address-family (ipv4|ipv6) [unicast] > vrf-family\n",
    ),
    "vrf-family": ("config-vrf-af", "route-target (import|export|both) WORD\nimport LINE\nexport LINE\n"),
    "class-map": ("config-cmap", "description ; LINE\nmatch LINE @typed\n"),
    "policy-map": ("config-pmap", "description ; LINE\nclass WORD > policy-class @typed\n"),
    "policy-class": (
        "config-pmap-c",
        "priority ; [LINE]\nbandwidth ; LINE\npolice ; LINE\nshape ; LINE\nset LINE @typed\nqueue-limit ; LINE\n"
        "fair-queue\nrandom-detect ; [LINE]\nservice-policy ; WORD\n",
    ),
    "dhcp": (
        "dhcp-config",
        "network ; IP [MASK]\ndefault-router ; LINE\ndns-server ; LINE\ndomain-name ; WORD\nlease ; LINE\n"
        "option LINE\n",
    ),
    "sla": ("config-ip-sla", "icmp-echo ; LINE\nudp-jitter ; LINE\nfrequency ; INT\ntimeout ; INT\ntag ; LINE\n"),
    "aaa-server": ("config-server", "address ; LINE\nkey ; LINE\ntimeout ; INT\n"),
    "applet": ("config-applet", "event LINE\naction LINE\ndescription ; LINE\n"),
    "archive": (
        "config-archive",
        "path ; WORD\nmaximum ; INT\nwrite-memory\ntime-period ; INT\nlog config > archive-log\n",
    ),
    "archive-log": ("config-archive-log-cfg", "logging enable\nlogging size ; INT\nnotify syslog ; [LINE]\nhidekeys\n"),
}


@record
class Mode:
    """One configuration mode: its name in the tables, what the prompt shows for it, and its commands."""

    name: str
    prompt: str
    grammar: Grammar


@cache
def ios_modes() -> Mapping[str, Mode]:
    """Return the modes by name; the trees are built at the first call, because most programs need none of them."""
    return {
        name: Mode(name, prompt, Grammar(line for line in table.splitlines() if line.strip()))
        for name, (prompt, table) in _TABLES.items()
    }
