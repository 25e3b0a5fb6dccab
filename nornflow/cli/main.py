"""The `nornflow` command: finds its commands by name and imports only the one that is called."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from nornflow.errors import NornFlowError

COMMANDS = {
    "apply": "apply a sealed plan, exactly as it was approved",
    "approve": "approve a sealed plan, or what a run waits for",
    "cache": "show and remove results that later runs may use",
    "config": "show, explain and check settings",
    "db": "look after the database that remembers runs",
    "demo": "watch a change being planned, run, verified and taken back on simulated routers",
    "graph": "draw a workflow's steps as text, Mermaid or dot",
    "init": "start a project in this folder",
    "lab": "start and stop simulated or real test routers",
    "locks": "show which runs hold devices and which wait for them",
    "pipeline": "run workflows after each other or at once, as a file says",
    "plan": "work out what a change would do to every device",
    "plugins": "list, show and check plugins",
    "policy": "explain what a profile allows a workflow",
    "pools": "show what runs share (cpu, memory ...), who holds it and who waits",
    "profile": "list and show security profiles",
    "recover": "take back what dead runs changed and nobody confirmed",
    "reject": "reject a sealed plan, or what a run waits for",
    "rollback": "take back what a run changed, any time later",
    "run": "plan, apply, verify and, when it must be, take back a change",
    "runs": "list, show, follow and compare runs",
    "schema": "print the JSON Schema of the workflow language",
    "validate": "check workflows and report every problem",
    "worker": "carry out runs that were left to workers",
    "workers": "list the workers of this store, and have one take no more",
}
"""Every command of the core with its one line of help; `nornflow.cli.<name>` has it as `command`."""


_LAST_WORDS = 5.0
"""Seconds that threads which steps left behind get to end before the process ends without them."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and plugins' commands only when none of ours has the name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, ours and the plugins'."""
        return sorted([*COMMANDS, *self._plugin_commands()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name in COMMANDS:
            command: click.Command = import_module(f"nornflow.cli.{cmd_name}").command
            return command
        record = self._plugin_commands().get(cmd_name)
        return record.load() if record else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that is not there is told with the names that are near."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.list_commands(ctx), 2)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {' or '.join(near)}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of ours."""
        rows = {**COMMANDS, **{name: record.help for name, record in self._plugin_commands().items()}}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))

    def _plugin_commands(self) -> Mapping[str, Any]:
        from nornflow.app.build import plugin_commands

        return plugin_commands()


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"nornflow {version('nornflow-netops')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.option("--debug", is_flag=True, help="Show tracebacks of unexpected errors.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Plan, run, verify and take back changes of network devices."""
    ctx.ensure_object(dict)["debug"] = debug


def run_command(words: Sequence[str]) -> int:
    """Run one command line and return its exit code (0, 1, 2, 3, 4, 5 or 10); errors are shown, not raised."""
    stdout = sys.stdout
    strange = next((word for word in words if not _is_text(word)), None)
    if strange is not None:
        click.echo(f"error: the command line holds bytes that are no UTF-8 text: {strange!r}", err=True)
        click.echo("hint: write it in UTF-8; names of files are kept as text, too", err=True)
        return 2
    try:
        code = cli.main(list(words), prog_name="nornflow", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("aborted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except NornFlowError as error:
        from nornflow.cli.output import show_error

        show_error(error)
        return error.exit_code
    except SystemExit as error:  # a plugin's code, which must not choose how we end
        if sys.stdout is not stdout:  # click put it aside: `nornflow plan ... | head`
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter flushes it at exit
            return 0  # whoever read us has enough
        click.echo(f"internal error: something ended the command by sys.exit({error.code!r})", err=True)
        click.echo("hint: a plugin did it; `nornflow plugins list` shows which there are", err=True)
        return 1
    except Exception as error:
        if "--debug" in words:
            raise
        click.echo(f"internal error: {type(error).__name__}: {error}", err=True)
        click.echo("hint: this is a bug in NornFlow or in a plugin; `nornflow --debug ...` shows where", err=True)
        return 1
    return code if isinstance(code, int) else 0


def _is_text(word: str) -> bool:
    """Tell whether a word is text: bytes that are none come from the system as half characters, which nothing can keep."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    # Python's default looks for cycles after every 700 objects; an inventory of thousands of devices is a million of
    # them, none in a cycle, and was read three times as slowly (docs/explanation/performance.md).
    gc.set_threshold(200_000, 10, 10)
    _end(run_command(sys.argv[1:]))


def _end(code: int) -> None:
    """End the process soon and well, whatever threads the steps of a run left behind: a pipeline waits for it."""
    import atexit
    import threading

    code = _flushed(code)
    left = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    if not left:
        # the interpreter's own end takes every module apart, for a tenth of a second, and aborts when a thread that a
        # step left behind holds a stream just then
        atexit._run_exitfuncs()
        os._exit(_flushed(code))
    last = threading.Timer(_LAST_WORDS, os._exit, (code,))
    last.daemon = True  # it holds up nothing itself
    last.start()
    sys.exit(code)


def _flushed(code: int) -> int:
    """Write what is still to be written, and return the exit code: what nobody can read is no success."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # `nornflow plan ... | head`: whoever read us has enough
    except OSError as error:
        os.write(2, f"error: the output could not be written: {error.strerror}\n".encode())
        return code or 1
    return code
