"""Simulated Cisco-IOS-like routers: stateful SSH servers on loopback, with faults on demand."""
