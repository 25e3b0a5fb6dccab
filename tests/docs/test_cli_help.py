"""The page of the command line is what `--help` says, for every command."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
import pytest

from nornflow.cli.main import COMMANDS
from nornflow.cli.plan_group import PlanCommand


def test_the_page_is_the_help_of_every_command(reference: Path, generate: ModuleType) -> None:
    assert (reference / "cli.md").read_text() == generate.cli_page(), "run: make docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_what_each_option_means(name: str, reference: Path) -> None:
    command: click.Command = import_module(f"nornflow.cli.{name}").command
    assert f"\n## nornflow {name}\n" in (reference / "cli.md").read_text()
    for each in _all(command):
        assert inspect.getdoc(each.callback) or each.help
        silent = [option.name for option in each.params if isinstance(option, click.Option) and not option.help]
        assert [option for option in silent if option != "form"] == []


def _all(command: click.Command) -> list[click.Command]:
    inner = list(command.commands.values()) if isinstance(command, click.Group) else []
    if isinstance(command, PlanCommand):
        inner += [command.word(name) for name in command.words]
    return [command, *(each for group in inner for each in _all(group))]
