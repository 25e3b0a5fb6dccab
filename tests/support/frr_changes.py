"""Changes of every kind for a router of the FRR lab, and what is configured on it before them.

The router is one of the lab's with some more configuration (`MORE`); every change begins from the same.
"""

from __future__ import annotations

MORE = """
ip route 10.98.0.0/16 10.0.1.2
ip route 10.97.0.0/16 10.0.1.2 200
ip route 10.96.0.0/16 Null0
ip prefix-list PL seq 5 permit 10.0.0.0/8 le 24
ip prefix-list PL seq 10 deny any
access-list AL seq 5 permit 10.0.0.0/8
access-list AL seq 10 deny any
bgp community-list standard CL seq 5 permit 65001:1
bgp as-path access-list AP seq 5 permit ^65002_
route-map OUT permit 10
 match ip address prefix-list PL
 set local-preference 200
exit
route-map OUT deny 20
exit
interface eth1
 ip address 10.77.0.1/24
exit
router bgp 65001
 neighbor PG peer-group
 neighbor PG remote-as 65009
 neighbor 10.77.0.9 peer-group PG
 address-family ipv4 unicast
  network 10.1.0.0/16
  network 10.2.0.0/16
  neighbor 10.0.1.2 prefix-list PL in
  neighbor 10.0.1.2 route-map OUT out
"""

CHANGES = {
    "addresses": """
        interface eth0 | ip address 10.50.0.1/24
        interface eth1 | no ip address 10.77.0.1/24 | ip address 10.78.0.1/24
        interface eth1 | ip address 10.77.0.1/24
        interface lo | ip address 10.255.9.1/32 | ip address 10.255.9.2/32
        interface lo | no ip address 10.255.0.1/32 | ip address 10.255.0.1/32
        interface eth1 | no ip address 10.77.0.1/24 | interface lo | ip address 10.77.0.1/24
        interface eth0 | ip address 10.51.0.1 255.255.255.0
        interface eth0 | ipv6 address 2001:db8:5::1/64
        interface eth0 | description a line to the second router, with a comma
        interface eth0 | no description
        interface eth0 | description first | description second
        interface eth1 | shutdown
        interface eth1 | no shutdown
        interface eth1 | shutdown | no shutdown
        interface eth0 | bandwidth 1000 | no link-detect
        interface eth0 | description to r2
        interface eth7 | description a port that nothing is known of
        int lo | desc looped
    """,
    "static routes, lists and filters": """
        ip route 203.0.113.0/24 10.0.1.2
        ip route 203.0.113.0/24 10.0.1.2 | ip route 203.0.113.0/24 10.0.1.2
        ip route 203.0.113.77/24 blackhole
        ip route 198.51.100.0 255.255.255.0 Null0 200
        ip route 10.98.0.0/16 10.0.1.2 150
        ip route 10.97.0.0/16 10.0.1.2
        ip route 10.98.0.0/16 10.0.1.6
        no ip route 10.96.0.0/16 Null0
        no ip route 10.98.0.0/16 10.0.1.2 | ip route 10.98.0.0/16 10.0.1.2
        ip route 10.95.0.0/16 eth0 | ip route 10.95.0.0/16 10.0.1.2 tag 7
        ipv6 route 2001:db8:9::/48 2001:db8::1
        ip prefix-list PL seq 7 permit 172.16.0.0/12
        ip prefix-list PL permit 192.168.0.0/16 le 32
        ip prefix-list PL seq 5 permit 10.0.0.0/8 le 28
        no ip prefix-list PL seq 10
        no ip prefix-list PL
        ip prefix-list NEW deny any | ip prefix-list NEW permit 10.0.0.0/8
        ip prefix-list PL description what comes from the second router
        ipv6 prefix-list SIX seq 5 permit 2001:db8::/32 ge 48
        access-list AL permit 172.16.0.0/12
        access-list AL seq 5 deny 10.0.0.0/8
        no access-list AL seq 10
        access-list 10 permit host 10.0.0.1 | access-list 10 deny any
        access-list AL remark who may speak to us
        no access-list AL
        bgp community-list standard CL permit 65001:2
        no bgp community-list standard CL seq 5 permit 65001:1
        bgp as-path access-list AP permit ^65003_
        bgp community-list expanded EX seq 5 permit 65001:.*
    """,
    "route maps": """
        route-map NEW permit 10 | match ip address prefix-list PL | set metric 50
        route-map OUT permit 10 | set local-preference 300
        route-map OUT permit 10 | no set local-preference
        route-map OUT permit 10 | no match ip address prefix-list PL
        route-map OUT permit 10 | match community CL | set community 65001:9 additive
        route-map OUT deny 10
        route-map OUT permit 15 | set as-path prepend 65001 65001
        no route-map OUT deny 20
        no route-map OUT permit 10
        no route-map OUT
        route-map OUT permit 10 | description the way out | on-match next
        route-map OUT permit 10 | set local-preference 200
        route-map OUT permit 10 | match as-path AP | set weight 10 | exit | route-map OUT deny 20 | match ip address AL
        route-map OUT permit 10 | set ip next-hop 10.0.1.9 | call NEW
    """,
    "BGP": """
        router bgp 65001 | network 203.0.113.0/24
        router bgp 65001 | address-family ipv4 unicast | no network 10.1.0.0/16
        router bgp 65001 | address-family ipv4 unicast | network 10.1.0.0/16
        router bgp 65001 | neighbor 10.0.1.2 description the second one
        router bgp 65001 | no neighbor 10.0.1.2 description
        router bgp 65001 | neighbor 10.0.1.2 shutdown
        router bgp 65001 | no neighbor 10.0.1.2 shutdown
        router bgp 65001 | neighbor 10.0.1.2 remote-as 65077
        router bgp 65001 | no neighbor 10.0.1.2
        router bgp 65001 | no neighbor 10.0.1.2 | neighbor 10.0.1.2 remote-as 65002
        router bgp 65001 | no neighbor PG peer-group
        router bgp 65001 | neighbor 10.99.0.1 peer-group PG
        router bgp 65001 | neighbor 10.0.1.2 timers 10 30 | no timers bgp
        router bgp 65001 | timers bgp 60 180
        router bgp 65001 | no bgp router-id | bgp router-id 10.255.0.99
        router bgp 65001 | bgp log-neighbor-changes | bgp bestpath as-path multipath-relax
        router bgp 65001 | address-family ipv4 unicast | redistribute connected route-map OUT | maximum-paths 4
        router bgp 65001 | address-family ipv4 unicast | aggregate-address 10.0.0.0/8 summary-only
        router bgp 65001 | address-family ipv4 unicast | no neighbor 10.0.1.2 route-map OUT out
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 route-map OUT in
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 prefix-list OTHER in
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 next-hop-self | neighbor 10.0.1.2 send-community
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 maximum-prefix 100 80 warning-only
        router bgp 65001 | address-family ipv4 unicast | no neighbor 10.0.1.2 activate
        router bgp 65001 | address-family ipv4 unicast | neighbor 10.0.1.2 soft-reconfiguration inbound
        router bgp 65001 | address-family ipv6 unicast | network 2001:db8:1::/48 | neighbor 10.0.1.2 activate
        router bgp 65001 | neighbor 10.0.1.2 ebgp-multihop 3 | neighbor 10.0.1.2 update-source lo
        router bgp 65001 | neighbor 10.0.1.2 password s3cr3t-of-two
        router bgp 65001 | bgp ebgp-requires-policy
        no router bgp 65001
        ip forwarding
        no ip forwarding
        no ipv6 forwarding
        log syslog informational
    """,
}

PROVEN = {"addresses": 17, "static routes, lists and filters": 28, "route maps": 14, "BGP": 34}
"""How many of each kind are proven: all but two of the 95, which FRR 8.4 refuses on the router as well."""
