"""`nornflow schema`: print the JSON Schema of the workflow language."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("schema")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
def command(output: Path | None, config_file: Path | None) -> int:
    """Print the JSON Schema (draft-07) of workflows, with the step types that are installed here.

    Editors complete and check workflows with it.
    """
    import json

    from nornflow.app.build import load_project
    from nornflow.cli.output import show
    from nornflow.errors import UsageError
    from nornflow.workflow.schema import language_schema

    schema = language_schema(load_project(config_file=config_file).step_types)
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    if output is None:
        show(text)
        return 0
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {str(output)!r}: {error.strerror}") from None
    return 0
