"""The configuration grammar of the simulated EOS-like devices: one table of patterns per mode."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from nornflow.testing.routers.grammar import Grammar
from nornflow.testing.routers.ios_grammar import Mode

_GLOBAL = """
transceiver qsfp default-mode 4x100G
service routing protocols model ; (multi-agent|ribd)
alias WORD LINE
logging buffered ; [LINE]
logging (console|monitor|trap|facility|format) ; LINE
logging source-interface ; EOSIFACE
logging host HOST ; [LINE]
logging vrf WORD host HOST ; [LINE]
hostname ; HOSTNAME
ip name-server [vrf WORD] HOST
dns domain ; WORD
ip domain-name ; WORD
ntp local-interface ; EOSIFACE
ntp authenticate
ntp authentication-key INT ; LINE
ntp trusted-key ; LINE
ntp server [vrf WORD] HOST ; [prefer] [iburst]
-ntp
sflow LINE
snmp-server community WORD ; [LINE]
snmp-server (contact|location|chassis-id|engineID) ; LINE
snmp-server host HOST ; LINE
snmp-server (group|user|view|enable|local-interface|vrf) LINE
-snmp-server
spanning-tree mode ; WORD
spanning-tree (mst|vlan-id|priority|edge-port|portchannel) LINE
~aaa root
aaa (authentication|authorization|accounting|group|root) LINE
enable (secret|password) ; LINE
username WORD ; LINE
tacacs-server LINE
radius-server LINE
role WORD > role
clock timezone ; WORD
vlan INT > vlan
vrf instance WORD > vrf
interface EOSIFACE > interface
ip access-list [standard] WORD > acl
ip prefix-list WORD > prefix-list
ip prefix-list WORD seq INT ; (permit|deny) PREFIX [ge INT] [le INT]
ip community-list LINE
ip as-path access-list LINE
ip routing
ip routing vrf WORD
ipv6 unicast-routing
ip virtual-router mac-address ; WORD
ip route PREFIX (HOST|EOSIFACE) [INT] [name WORD] [tag INT]
ip route vrf WORD PREFIX (HOST|EOSIFACE) [INT]
-ip route PREFIX
mlag configuration > mlag
policy-map type (qos|pbr|control-plane) WORD > policy
class-map type (qos|pbr|control-plane) match-any WORD > class
peer-filter WORD > peer-filter
route-map WORD (permit|deny) INT > route-map
route-map WORD > route-map @numbered
-route-map WORD
router bgp INT > router-bgp
router ospf INT [vrf WORD] > router-ospf
router (multicast|pim|isis|general) [WORD] > router-other
daemon WORD > daemon
event-handler WORD > daemon
banner (login|motd) ; LINE
management api http-commands > management
management ssh > management
management (console|telnet|security|ssl) [LINE] > management
management api (gnmi|netconf|restconf) > management
end
"""

_INTERFACE = """
description ; LINE
load-interval ; INT
mtu ; INT
logging event LINE
shutdown
speed ; LINE
bandwidth ; INT
~switchport
switchport access vlan ; INT
switchport trunk (native vlan|allowed vlan|group) ; LINE
switchport mode ; (access|trunk|dot1q-tunnel)
switchport LINE
encapsulation dot1q vlan ; INT
vrf ; WORD
ip address ; IFPREFIX
ip address ; dhcp
ip address IFPREFIX secondary
ip address virtual ; IFPREFIX
ip virtual-router address HOST
ip helper-address HOST
ip access-group WORD (in|out)
ip ospf (cost|priority|hello-interval|dead-interval|network|area) ; LINE
ip ospf area ; WORD
ip (proxy-arp|verify|igmp|local-proxy-arp) [LINE]
ipv6 LINE
pim LINE
channel-group INT ; mode (active|passive|on)
lacp LINE
mlag ; INT
~lldp transmit
~lldp receive
spanning-tree LINE
storm-control LINE
service-policy LINE
vxlan LINE
flowcontrol LINE
"""

_FAMILY = """
network PREFIX [route-map WORD]
redistribute (connected|static|ospf|isis|attached-host) ; [LINE]
aggregate-address PREFIX [LINE]
neighbor HOST activate @peer
neighbor HOST (route-map|prefix-list) WORD (in|out) @peer
neighbor HOST (default-originate|weight|maximum-routes|next-hop|graceful-restart) ; [LINE] @peer
-neighbor HOST
"""

_ROUTER_BGP = """
router-id ; IP
~bgp default ipv4-unicast
bgp (log-neighbor-changes|asn|listen|bestpath|convergence|confederation|cluster-id|default|always-compare-med) [LINE]
timers bgp ; LINE
distance bgp ; LINE
maximum-paths ; INT [ecmp INT]
graceful-restart [LINE]
neighbor HOST peer group ; [WORD] @peer
neighbor HOST remote-as ; INT @peer
neighbor HOST description ; LINE @peer
neighbor HOST shutdown @peer
neighbor HOST password ; LINE @peer
neighbor HOST update-source ; EOSIFACE @peer
neighbor HOST ebgp-multihop ; [INT] @peer
neighbor HOST timers ; LINE @peer
neighbor HOST next-hop-self @peer
neighbor HOST send-community ; [LINE] @peer
neighbor HOST route-reflector-client @peer
neighbor HOST bfd ; [LINE] @peer
neighbor HOST (route-map|prefix-list) WORD (in|out) @peer
neighbor HOST (maximum-routes|local-as|allowas-in|weight|default-originate|rib-in|fall-over) ; [LINE] @peer
-neighbor HOST
network PREFIX [route-map WORD]
aggregate-address PREFIX [LINE]
redistribute (connected|static|ospf|isis|attached-host) ; [LINE]
address-family (ipv4|ipv6|evpn|vpn-ipv4|flow-spec) [unicast|multicast|labeled-unicast] > family
vlan INT > bgp-vlan
vrf WORD > router-bgp
rd ; WORD
route-target (import|export) LINE
"""

_ROUTER_OSPF = """
router-id ; IP
auto-cost reference-bandwidth ; INT
passive-interface default
passive-interface EOSIFACE
bfd default
redistribute (connected|static|bgp|isis) ; [LINE]
area WORD (stub|nssa|range|default-cost|filter) ; [LINE]
network PREFIX area WORD
max-lsa ; INT
max-metric LINE
maximum-paths ; INT
log-adjacency-changes ; [LINE]
default-information originate ; [LINE]
distance ospf LINE
timers LINE
"""

_TABLES: Mapping[str, tuple[str, str]] = {
    "global": ("config", _GLOBAL),
    "interface": ("config-if", _INTERFACE),
    "router-bgp": ("config-router-bgp", _ROUTER_BGP),
    "bgp-vlan": ("config-macvrf", "rd ; WORD\nroute-target both ; WORD\nredistribute WORD\n"),
    "family": ("config-router-bgp-af", _FAMILY),
    "router-ospf": ("config-router-ospf", _ROUTER_OSPF),
    "router-other": ("config-router", "LINE @typed\n"),
    "vlan": ("config-vlan", "name ; WORD\nstate ; (active|suspend)\ntrunk group WORD\n"),
    "vrf": ("config-vrf", "description ; LINE\nrd ; WORD\n"),
    "acl": ("config-acl", "counters per-entry\nINT ; (permit|deny|remark) LINE\n(permit|deny|remark) LINE @numbered\n"),
    "prefix-list": ("config-ip-pfx", "seq INT ; (permit|deny) PREFIX [ge INT] [le INT]\n"),
    "route-map": (
        "config-route-map",
        "description ; LINE\nmatch LINE\nset LINE\ncontinue ; INT\nsub-route-map ; WORD\n",
    ),
    "peer-filter": ("config-peer-filter", "INT ; match LINE\n"),
    "role": ("config-role", "INT ; (permit|deny) LINE\n"),
    "mlag": (
        "config-mlag",
        "domain-id ; WORD\nlocal-interface ; EOSIFACE\npeer-address ; HOST\npeer-link ; EOSIFACE\nreload-delay LINE\n",
    ),
    "policy": ("config-pmap", "class WORD > policy-class\n"),
    "policy-class": ("config-pmap-c", "set LINE\npolice ; LINE\nbandwidth ; LINE\n"),
    "class": ("config-cmap", "INT ; match LINE\nmatch LINE\n"),
    "daemon": ("config-daemon", "exec ; LINE\nshutdown\ntrigger ; LINE\naction ; LINE\ndelay ; INT\noption LINE\n"),
    "management": (
        "config-mgmt",
        "protocol (http|https) ; [LINE]\n~protocol https\nidle-timeout ; INT\nauthentication LINE\n~shutdown\n"
        "vrf WORD > management-vrf\ntransport LINE\nsession LINE\n",
    ),
    "management-vrf": ("config-mgmt-vrf", "~shutdown\nip access-group ; LINE\n"),
}


@cache
def eos_modes() -> Mapping[str, Mode]:
    """Return the modes by name; the trees are built at the first call."""
    return {
        name: Mode(name, prompt, Grammar(line for line in table.splitlines() if line.strip()))
        for name, (prompt, table) in _TABLES.items()
    }
