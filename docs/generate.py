"""Writes the reference pages that are made of the code: `make docs` runs it, tests/docs hold the pages against it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click

import nornflow
from nornflow import hookspecs
from nornflow.cli.main import COMMANDS, cli
from nornflow.cli.plan_group import PlanCommand
from nornflow.plugins.registry import KINDS
from nornflow.settings.layers import PROJECT_FILES, SYSTEM
from nornflow.settings.model import ALIASES, PRESETS
from nornflow.settings.template import plain_text, setting_rows

REFERENCE = Path(__file__).parent / "reference"
_NOTE = "<!-- made of the code by `make docs`; do not edit -->\n"


def cli_page() -> str:
    """Return the page with the help of every command of the core."""
    parts = [f"# Command line\n\n{_NOTE}"]
    parts.append(
        "\nExit codes: 0 done; 1 the run failed; 2 wrong command line or file; 3 denied by policy; 4 waits for approval;"
        " 5 the plan is stale; `plan --detailed-exitcode` answers 10 when there are changes.\n"
    )
    context = click.Context(
        cli, info_name="nornflow", terminal_width=100, max_content_width=100, **cli.context_settings
    )
    for name in sorted(COMMANDS):
        command = import_module(f"nornflow.cli.{name}").command
        parts += _help(command, click.Context(command, parent=context, info_name=name))
    return "".join(parts)


def _help(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"\n## {context.command_path}\n\n```text\n{_plain_help(command, context)}\n```\n"
    if isinstance(command, PlanCommand):
        for name in command.words:
            yield from _help(command.word(name), click.Context(command.word(name), parent=context, info_name=name))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _help(inner, click.Context(inner, parent=context, info_name=name))


def _plain_help(command: click.Command, context: click.Context) -> str:
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines()).strip()


def settings_page() -> str:
    """Return the page with every setting."""
    lines = [
        f"# Settings\n\n{_NOTE}",
        "Settings are merged from layers; a later one wins:\n",
        "1. the defaults below",
        "2. the preset of `environment`, when it is set",
        f"3. system: `{SYSTEM}/config.yaml`",
        "4. user: `~/.config/nornflow/config.yaml` (below `XDG_CONFIG_HOME` when that is set)",
        f"5. project: {' or '.join(f'`{name}`' for name in PROJECT_FILES)}, looked for in this folder and upwards",
        "6. the file that `--config` or `NORNFLOW_CONFIG_FILE` names",
        "7. environment: `NORNFLOW_` and the key, `__` between its parts",
        "8. the command line\n",
        "A later layer replaces a key; within `plugins`, `credentials`, `store`, `locks`, `pools` and"
        " `profiles` it replaces the entries that it"
        " names. Lists are replaced, not joined. Files are YAML or JSON. A relative path is relative to the file that holds it;"
        " one from a variable or an option to the current folder. Lists in variables are JSON or words with commas between,"
        " mappings are JSON. Unknown keys, wrong types and broken files are errors, all told at once with file, line and"
        " column. `nornflow config explain` shows where each value came from.\n",
        "| key | type | default | variable | what it does |",
        "|---|---|---|---|---|",
    ]
    for key, field in setting_rows():
        variable = "NORNFLOW_" + key.upper().replace(".", "__")
        default = f"`{plain_text(field.default)}`" if field.default is not None else "none"
        lines.append(
            f"| `{key}` | {_type(field.annotation, field.metadata)} | {default} | `{variable}` | {field.description} |"
        )
    lines += ["\n## Presets\n", "| value of `environment` | sets, unless it is set elsewhere |", "|---|---|"]
    lines += [
        f"| `{name}` | {', '.join(f'`{k}: {v}`' for k, v in values.items())} |" for name, values in PRESETS.items()
    ]
    lines += [
        "\n## Other spellings\n",
        "Understood in files: " + ", ".join(f"`{a}` for `{k}`" for a, k in ALIASES.items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def _type(annotation: Any, metadata: list[Any]) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(annotation))
    arguments = [each for each in get_args(annotation) if each not in (type(None), Ellipsis)]
    if annotation is int or int in arguments:
        bounds = {name: getattr(each, name) for each in metadata for name in ("ge", "le") if hasattr(each, name)}
        return f"whole number, {bounds['ge']:,} to {bounds['le']:,}" if len(bounds) == 2 else "whole number"
    if get_origin(annotation) is tuple:
        return "list of strings"
    if get_origin(annotation) is dict:
        return "mapping"
    names = [getattr(each, "__name__", str(each)) for each in arguments]
    if "InventoryPlugin" in names:
        return "path or mapping"
    if len(arguments) == 1:
        return _type(arguments[0], metadata)
    return {"str": "string", "Path": "path"}.get(getattr(annotation, "__name__", ""), str(annotation))


def hooks_page() -> str:
    """Return the page with every hook and its example."""
    parts = [f"# Hooks\n\n{_NOTE}"]
    introduction = inspect.cleandoc(hookspecs.__doc__ or "").replace("\n", " ")
    parts.append(f"\n{introduction}\n")
    for kind in KINDS:
        text = inspect.cleandoc(getattr(hookspecs, kind.hook).__doc__)
        prose, _, example = text.partition("Example::")
        code = inspect.cleandoc("\n" + example.strip("\n")).replace("'''", '"""')
        code = re.sub(r"\n\n(?=[@cd])", "\n\n\n", code)  # as the formatter wants it in a file of its own
        parts.append(f"\n## {kind.hook}\n\n{prose.strip()}\n\n")
        parts.append(f"Brings `{kind.record.__name__}` records, named by `{kind.key}`.\n\n```python\n{code}\n```\n")
    return "".join(parts)


def public_face_page() -> str:
    """Return the page with every public name."""
    lines = [
        f"# Public face\n\n{_NOTE}",
        "What `import nornflow` gives, and all that a plugin needs. Everything else may change without notice.\n",
        "| name | what it is |",
        "|---|---|",
    ]
    for name in nornflow.__all__:
        text = inspect.getdoc(getattr(nornflow, name)) or ""
        first = re.sub(r"\s+", " ", text.split("\n\n")[0]).replace("|", "\\|")
        lines.append(
            f"| `{name}` | {'' if name == 'hookimpl' else first} |".replace("|  |", "| Marks a hook of a plugin. |")
        )
    return "\n".join(lines) + "\n"


PAGES = {"cli.md": cli_page, "settings.md": settings_page, "hooks.md": hooks_page, "public-face.md": public_face_page}
"""Every page that is made of the code, by its file name in docs/reference."""


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
