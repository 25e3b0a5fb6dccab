"""A command that is also a group: `nornflow plan FILE` plans, `nornflow plan show FILE` is a word of its own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import click


class PlanCommand(click.Command):
    """Plans a workflow, unless the first word is one of `words`; those are imported when they are called."""

    words: ClassVar[Mapping[str, tuple[str, str]]]
    """By word: the name in `nornflow.cli.plan_words`, and the line of help."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Make the context of the command that the words mean."""
        if args and args[0] in self.words:
            return self.word(args[0]).make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def word(self, name: str) -> click.Command:
        """Import and return the command of a word."""
        command: click.Command = getattr(import_module("nornflow.cli.plan_words"), self.words[name][0])
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the words after the options."""
        with formatter.section("Commands for plan files (nornflow plan COMMAND -h)"):
            formatter.write_dl([(name, line) for name, (_, line) in self.words.items()])
