"""`nornflow plugins`: what each plugin brings, where it comes from and what is wrong with it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nornflow.cli.output import show, show_json, tell

if TYPE_CHECKING:
    from nornflow.app.services.plugins import PluginView
    from nornflow.plugins.host import PluginHost
    from nornflow.plugins.registry import PluginInfo

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group()
@click.option("--config", type=click.Path(path_type=Path), help="A settings file that wins over the project's.")
@click.pass_context
def command(ctx: click.Context, config: Path | None) -> None:
    """List, show and check plugins."""
    ctx.ensure_object(dict)["config"] = config


def warn_of_plugins(host: PluginHost) -> None:
    """Tell beside the answer which plugins are not there although they should be: what they bring is missing."""
    for info in host.plugins:
        if info.state in ("broken", "refused"):
            tell(f"warning: plugin {info.name} is {info.state}: {info.error}", colour="yellow")


def _host(ctx: click.Context) -> PluginHost:
    from nornflow.app.services.plugins import open_plugins
    from nornflow.settings import load_settings

    settings = load_settings(Path.cwd(), environ=os.environ, config_file=ctx.obj["config"])
    return open_plugins(settings, demand=False)


@command.command("list")
@_FORMAT
@click.pass_context
def list_plugins(ctx: click.Context, form: str) -> None:
    """List every plugin with its state, version and what it brings."""
    host = _host(ctx)
    for note in host.notes:
        tell(f"note: {note}")
    plugins = host.plugins
    if form == "json":
        show_json([_as_json(info) for info in plugins])
        return
    if not plugins:
        show("no plugins are installed")
    width = max((len(info.name) for info in plugins), default=0)
    for info in plugins:
        brings = ", ".join(f"{len(names)} {kind.replace('_', ' ')}" for kind, names in info.brings.items())
        supplier = f"{info.distribution} {info.version}" if info.distribution else info.origin
        show(f"{info.name:<{width}}  {info.state:<8}  {supplier}" + (f": {brings}" if brings else ""))
        _show_problems(ctx, info)


@command.command("show")
@click.argument("name")
@_FORMAT
@click.pass_context
def show_plugin(ctx: click.Context, name: str, form: str) -> None:
    """Show one plugin: its step types with parameters, permissions and documentation, and all else it brings."""
    from nornflow.app.services.plugins import RUNS, describe_plugin

    view = describe_plugin(_host(ctx), name)
    if form == "json":
        show_json(_view_as_json(view))
        return
    info = view.info
    show(f"{info.name} ({info.state})" + (f": {info.description}" if info.description else ""))
    if info.distribution:
        show(f"  distribution  {info.distribution} {info.version}")
    show(f"  origin        {info.origin}")
    _show_problems(ctx, info)
    for step in view.step_types:
        show(f"\nstep type {step.name}")
        show("\n".join(f"  {line}".rstrip() for line in step.documentation.splitlines()))
        show(f"  runs          {RUNS[step.scope]}")
        show(f"  permissions   {', '.join(step.permissions) or 'none'}")
        if step.problem:
            show(f"  problem       {step.problem}")
        for each in step.parameters:
            default = "required" if each.required else f"default {json.dumps(each.default, default=str)}"
            show(f"  {each.name}: {each.type}, {default}" + (f": {each.description}" if each.description else ""))
    for noun, records in view.others.items():
        show("")
        for record, summary in records:
            show(f"{noun} {record}" + (f": {summary}" if summary else ""))


@command.command("check")
@click.argument("module")
@_FORMAT
@click.pass_context
def check(ctx: click.Context, module: str, form: str) -> None:
    """Load MODULE (a dotted name, a .py file or a package folder) as a plugin, alone, and report every problem.

    Exit code 0 when there is none, 2 otherwise.
    """
    from nornflow.app.services.plugins import check_module

    info = check_module(module, Path.cwd())
    if form == "json":
        show_json(_as_json(info))
    elif info.problems:
        show(f"{info.name} ({info.origin}) has {len(info.problems)} problem(s)")
        _show_problems(ctx, info)
    else:
        brings = "; ".join(f"{kind.replace('_', ' ')}: {', '.join(names)}" for kind, names in info.brings.items())
        show(f"{info.name} ({info.origin}) is in order and brings {brings or 'nothing'}")
    ctx.exit(2 if info.problems else 0)


def _show_problems(ctx: click.Context, info: PluginInfo) -> None:
    for problem in info.problems:
        show(f"  {problem}")
    if info.traceback and ctx.obj.get("debug"):
        show("\n".join(f"    {line}" for line in info.traceback.splitlines()))


def _as_json(info: PluginInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "state": info.state.value,
        "distribution": info.distribution,
        "version": info.version,
        "origin": info.origin,
        "description": info.description,
        "problems": list(info.problems),
        "brings": {kind: list(names) for kind, names in info.brings.items()},
    }


def _view_as_json(view: PluginView) -> dict[str, Any]:
    from dataclasses import asdict

    others = {noun: [{"name": name, "summary": text} for name, text in found] for noun, found in view.others.items()}
    return {**_as_json(view.info), "step_types": [asdict(step) for step in view.step_types], "others": others}
