"""`nornflow profile`: which security profiles there are and what each of them holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to show it.")
_CONFIG = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file."
)


@click.group(name="profile")
def command() -> None:
    """List and show security profiles."""


@command.command("list")
@_FORMAT
@_CONFIG
def list_them(form: str, config_file: Path | None) -> None:
    """List every profile, the built-in ones and the project's own; the default is marked with a star."""
    from nornflow.app.build import load_project
    from nornflow.app.services.profiles import list_profiles
    from nornflow.cli.output import show, show_json

    rows = list_profiles(load_project(config_file=config_file))
    if form == "json":
        show_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        parent = f" (extends {row['extends']})" if row["extends"] else ""
        show(f"{'*' if row['default'] else ' '} {row['name']:<{width}}  {row['description']}{parent}")


@command.command("show")
@click.argument("name")
@_FORMAT
@_CONFIG
def show_one(name: str, form: str, config_file: Path | None) -> None:
    """Show what the profile NAME allows, refuses and limits, its parents merged in."""
    from nornflow.app.build import load_project
    from nornflow.app.services.profiles import describe_profile
    from nornflow.cli.output import show, show_json

    profile = describe_profile(load_project(config_file=config_file), name)
    if form == "json":
        show_json(profile)
        return
    for line in _as_text(profile):
        show(line)


def _as_text(profile: dict[str, Any]) -> list[str]:
    given = [name for name, allowed in profile["permissions"].items() if allowed]
    missing = [name for name, allowed in profile["permissions"].items() if not allowed]
    lines = [
        f"{profile['name']}{': ' if profile['description'] else ''}{profile['description']}",
        f"  stands in        {profile['where']}",
    ]
    if profile["extends"]:
        lines.append(f"  extends          {profile['extends']}")
    lines += [
        f"  allows           {', '.join(given)}",
        f"  does not allow   {', '.join(missing) or 'nothing'}",
        f"  programs         {_list(profile['commands'])}",
        f"  domains          {_list(profile['domains'])}",
        f"  Nornir tasks     {'any' if profile['tasks'] == 'any' else 'nornir_* packages and the tasks folder'}",
    ]
    lines += [f"  {'lockout':<26} {profile['lockout']}"]
    lines += [f"  {key:<26} {value}" for key, value in profile["limits"].items()]
    if profile["rollback"]:
        lines.append(f"  {'rollback':<26} at least {profile['rollback']}, else {profile['unproven']}")
    lines += [
        f"  {flag:<26} {'yes' if profile[flag] else 'no'}" for flag in ("sealed_only", "canary", "allow_destructive")
    ]
    if profile["approvals"]["count"]:
        wanted = profile["approvals"]
        names = ", ".join(wanted["from"]) or "anybody"
        lines.append(f"  approvals        {wanted['count']} of {names}, each for {wanted['valid_for']} s")
    for title, rules in (("reads only what matches", profile["read"]), ("refuses lines", profile["rules"])):
        if rules:
            lines.append(f"  {title}:")
            lines += [f"    {rule['on']:<6}  {rule['shown']}" + _why(rule) for rule in rules]
    return lines


def _list(names: list[str] | str) -> str:
    return names if isinstance(names, str) else ", ".join(names) or "none"


def _why(rule: dict[str, str]) -> str:
    return f"  ({rule['reason']})" if rule["reason"] else ""
