"""`nornflow lab`: devices to try things on, simulated ones or real FRR routers."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import click


def _lab() -> Any:
    """Return the test kit's module of labs.

    The test kit stands above the command line in the order of imports, because it tests it; so it is looked up by name,
    as any plugin's command is.
    """
    return import_module("nornflow.testing.lab")


@click.group()
def command() -> None:
    """Start and stop simulated or real test routers."""


@command.command()
@click.option("--kind", type=click.Choice(["ios", "eos", "frr"]), default="ios", show_default=True, help="What to run.")
@click.option("--count", type=click.IntRange(1, 5000), default=4, show_default=True, help="How many devices.")
@click.option(
    "--topology", type=click.Choice(["ring", "chain"]), default="ring", show_default=True, help="Their links."
)
@click.option("--latency", type=click.FloatRange(0, 60000), default=0, metavar="MS", help="Milliseconds per answer.")
@click.option(
    "--fault", "faults", multiple=True, metavar="KIND:WHICH[:OPTION]", help="For example drop:r3:4. Repeatable."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The first port; 0 takes free ones.")
@click.option("--inventory", type=click.Path(path_type=Path, dir_okay=False), help="Where the hosts file goes.")
def up(
    kind: str, count: int, topology: str, latency: float, faults: tuple[str, ...], port: int, inventory: Path | None
) -> None:
    """Start devices in the background and write a Nornir inventory of them."""
    lab = _lab()
    spec = lab.LabSpec(kind=kind, count=count, topology=topology, latency=latency / 1000, faults=faults, port=port)
    state = lab.LabFolder(Path.cwd()).up(spec, inventory)
    click.echo(f"{len(state.hosts)} devices are up: {lab.KINDS[state.kind]}")
    _devices(state.to_json())
    first = next(iter(state.hosts.values()))
    reach = f"ssh -p {first['port']} {first['username']}@{first['hostname']}"
    if state.kind == "eos":
        reach = f"http://{first['hostname']}:{first['port']}/command-api as {first['username']}"
    click.echo(f"\nlog in:    {reach} (password: {first['password']})")
    click.echo(f"inventory: {state.inventory}")
    click.echo("stop:      nornflow lab down")


@command.command()
@click.option("--kind", type=click.Choice(["frr"]), help="Take down the machine's FRR lab, wherever it was started.")
def down(kind: str | None) -> None:
    """Stop the devices and take away everything that belongs to them."""
    lab = _lab()
    state = lab.LabFolder(Path.cwd()).down()
    if kind == "frr":
        lab.down_frr()
        click.echo("no FRR lab is on this machine now")
        return
    click.echo("no lab was up here" if state is None else f"the {state.kind} lab is down")


@command.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def status(form: str) -> None:
    """Show the lab of this folder; exits with 1 when none is running."""
    folder = _lab().LabFolder(Path.cwd())
    state = folder.read()
    found = {"running": False} if state is None else {"running": folder.running(state), **state.to_json()}
    if form == "json":
        click.echo(json.dumps(found, indent=1))
    elif state is None:
        click.echo("no lab was brought up here")
    else:
        click.echo(f"{state.kind} lab: {'running' if found['running'] else 'not running any more'}")
        _devices(found)
        click.echo(f"inventory: {state.inventory}")
    if not found["running"]:
        click.get_current_context().exit(1)


def _devices(found: dict[str, Any]) -> None:
    """Print a row for each device, but not hundreds of them."""
    rows = list(found["devices"].items())
    for name, device in rows[:20]:
        click.echo(f"  {name:<8} {device['address']}:{device['port']:<6} {device['role']:<7} {device['site']}")
    if len(rows) > 20:
        click.echo(f"  ... and {len(rows) - 20} more")
