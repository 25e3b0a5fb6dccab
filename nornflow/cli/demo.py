"""`nornflow demo`: watch a change being planned, run, verified and taken back."""

from __future__ import annotations

import click


@click.command(name="demo")
@click.option("--frr", is_flag=True, help="Real FRR routers in network namespaces (root) instead of simulated ones.")
def command(frr: bool) -> int:
    """Watch a change being planned, run, verified and taken back, on four routers over real SSH."""
    import subprocess
    import sys
    from importlib.util import find_spec

    from nornflow.errors import UsageError

    if find_spec("asyncssh") is None:
        raise UsageError(
            "the simulated routers are not installed", hint="pip install 'nornflow-netops[testing]' brings them"
        )
    # a process of its own: the command line does not import the test kit, which stands above it
    with subprocess.Popen([sys.executable, "-m", "nornflow.testing.demo", *(["--frr"] if frr else [])]) as story:
        while True:
            try:
                return story.wait()
            except KeyboardInterrupt:  # the story hears it too, and cleans up
                continue
