"""The two stories: an NTP roll-out on simulated routers, a BGP change on FRR routers."""

from __future__ import annotations

import sys

from nornflow.testing.demo.stage import demo_project
from nornflow.testing.routers.fleet import Fleet

GOOD, BAD = "192.0.2.10", "203.0.113.99"


def simulated_story() -> int:
    """Plan, run, repeat, and take back a change on four simulated routers."""
    with demo_project() as stage, Fleet(count=4, latency=0.01, ntp_reachable=(GOOD,)) as fleet:
        fleet.write_inventory(stage.folder / "inventory" / "hosts.yaml")
        change = f"workflows/ntp-rollout.yaml -i servers='[\"{GOOD}\"]'"
        stage.say(f"Four routers answer on SSH: {', '.join(fleet.devices)}. What would the change do to them?")
        well = stage.nornflow(f"plan {change}")
        stage.say("No router was written to. The same into a file: one hash stands for every line of it.")
        well &= stage.nornflow(f"plan {change} -o ntp.plan", quiet=True)
        stage.say("Somebody approves exactly that, and exactly that is applied: one router first, each verified.")
        well &= stage.nornflow("approve ntp.plan --comment 'as discussed'")
        well &= stage.nornflow("apply ntp.plan")
        stage.say("Once more: nothing is left to change.")
        well &= stage.nornflow(f"run {change} --yes")
        stage.say(f"A change that cannot work: {BAD} does not answer. The first router finds out, and goes back.")
        before = {router.name: router.running_config for router in fleet}
        bad_change = f"{change.replace(GOOD, BAD)} -i remove='[\"{GOOD}\"]'"
        well &= stage.nornflow(f"run {bad_change} --yes", expect=1)
        same = before == {router.name: router.running_config for router in fleet}
        stage.say(f"All four configurations are {'exactly as before' if same else 'NOT as before'}.")
        return _end(well and same)


def frr_story() -> int:
    """Announce a network over BGP on four FRR routers, see it at the neighbours, and take a bad filter back."""
    from nornflow.testing.frr import FrrLab

    with demo_project() as stage, FrrLab(count=4) as lab:
        lab.write_inventory(stage.folder / "inventory" / "hosts.yaml")
        announce = "run workflows/bgp-network.yaml -i router=r1 -i network=203.0.113.0/24 --yes"
        stage.say("Four FRR routers in a ring speak eBGP. r1 shall announce a network; the others must hear it.")
        well = stage.nornflow(announce)
        stage.say("Once more: nothing is left to change.")
        well &= stage.nornflow(announce)
        stage.say("A filter that hides too much: the others lose the route, and r1 goes back.")
        before = {name: lab[name].running_config for name in lab.routers}
        words = "run workflows/bgp-filter.yaml -i router=r1 -i hidden={0} -i network={0} --yes"
        well &= stage.nornflow(words.format("203.0.113.0/24"), expect=1)
        same = before == {name: lab[name].running_config for name in lab.routers}
        stage.say(f"All four configurations are {'exactly as before' if same else 'NOT as before'}.")
        return _end(well and same)


def _end(well: bool) -> int:
    sys.stdout.write("\nThat was NornFlow.\n" if well else "\nThe demo did not go as it should.\n")
    return 0 if well else 1
