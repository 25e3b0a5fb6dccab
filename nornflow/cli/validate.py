"""`nornflow validate`: check workflows and report every problem."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "junit", "github"]),
    default="text",
    help="How to report.",
)
@click.option(
    "--export", "target", type=click.Path(path_type=Path), help="Write the workflow in canonical form (- is stdout)."
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), default=None, help="Another settings file.")
def command(files: tuple[Path, ...], form: str, target: Path | None, config_file: Path | None) -> int:
    """Check workflow FILES, or folders of them, and report every problem at once.

    Ends with 0 when every file can be used and with 2 when one cannot.
    """
    from nornflow.app.build import load_project
    from nornflow.app.services.validate import validate_run, workflow_files
    from nornflow.cli.output import show, tell
    from nornflow.cli.plugins import warn_of_plugins
    from nornflow.errors import UsageError
    from nornflow.workflow.export import export_workflow
    from nornflow.workflow.reports import each_once, report

    project = load_project(config_file=config_file)
    warn_of_plugins(project.plugin_host)
    paths = workflow_files(files)
    if target is not None and len(paths) != 1:
        raise UsageError(f"--export writes one workflow, and {len(paths)} were named")
    checked = [validate_run(path, project) for path in paths]
    results = each_once([result for result, _ in checked])
    said = report(results, form).removesuffix("\n")
    document = checked[0][1]
    if target is not None and results[0].ok and document is not None:
        text = export_workflow(document)
        if str(target) == "-":
            show(text.removesuffix("\n"))
            tell(said)
            return 0
        _write(target, text)
    if said:
        show(said)
    return 0 if all(result.ok for result in results) else 2


def _write(target: Path, text: str) -> None:
    from nornflow.errors import UsageError

    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {str(target)!r}: {error.strerror}") from None
