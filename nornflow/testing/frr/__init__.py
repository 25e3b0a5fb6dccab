"""A lab of real FRRouting routers in network namespaces, each with an SSH login into vtysh and eBGP to its neighbours."""

from nornflow.testing.frr.lab import FrrLab

__all__ = ["FrrLab"]
