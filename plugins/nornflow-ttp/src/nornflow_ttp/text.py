"""A step that makes data of an output with a TTP template."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field

from nornflow import StepContext, StepError, Talk, Verbatim
from nornflow_ttp.show import ShowParams, ShowStep, platform


class TtpShowParams(ShowParams):
    """The keys of a `ttp.show` step."""

    template: Annotated[str | None, Verbatim] = Field(
        None,
        description="A TTP template: its text, a file of the project, `ttp://` with a path in ttp-templates, or the name"
        " of one that this plugin ships; without it ttp-templates has one for the platform and the command."
        " The text is not rendered: `{{ }}` is TTP's own.",
    )
    structure: Literal["flat_list", "list", "dictionary"] = Field(
        "flat_list", description="The form of `parsed`: one flat list of matches, or TTP's own list or dictionary."
    )


class TtpShowStep(ShowStep):
    """Run a command and parse its output with a TTP template.

    A template of yours is data: what runs code, reads files or goes to the network (macros, Python variables, includes,
    file returners, DNS) is refused. What TTP complains about is the step's warning.
    """

    name = "ttp.show"
    nothing = "the template found nothing in the output"
    Params = TtpShowParams

    def needs(self, params: Mapping[str, Any]) -> frozenset[str]:
        """Return `device.read`, and `file.read` when the template is a file."""
        return self.permissions | ({"file.read"} if _is_file(str(params.get("template") or "")) else frozenset())

    def parse(self, context: StepContext, params: TtpShowParams, output: str) -> tuple[Any, str]:
        """Return what the template finds; raises StepError for a template that is broken, missing or not allowed."""
        from nornflow_ttp.engine import parse

        template, installed = find_template(context, params)
        return parse(template, output, structure=params.structure, installed=installed)


def find_template(context: StepContext, params: TtpShowParams) -> tuple[str, bool]:
    """Return the text of the template that a step names, and whether it comes from the installed ttp-templates.

    Raises StepError, or PolicyDenied for a file.
    """
    given = params.template
    if given is None:
        return _collected(context, params), True
    if "\n" in given or "{{" in given:
        return given, False
    if given.startswith("ttp://"):
        return _packaged(given, f"ttp-templates has no {given}"), True
    if _is_file(given):
        return context.sandbox.read_text(given), False
    shipped = {path.name.removesuffix(".ttp"): path for path in files("nornflow_ttp").joinpath("templates").iterdir()}
    if given in shipped:
        return shipped[given].read_text("utf-8"), False
    near = get_close_matches(given, shipped, n=1)
    raise StepError(
        f"there is no TTP template named {given!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"shipped are {', '.join(sorted(shipped))}; a file of the project is named with its suffix",
    )


def _is_file(given: str) -> bool:
    inline = "\n" in given or "{{" in given
    return not inline and not given.startswith("ttp://") and ("/" in given or "." in given)


def _collected(context: StepContext, params: TtpShowParams) -> str:
    command = params.command.lower().replace("|", "pipe").replace('"', "").replace("'", "")
    name = f"{platform(context)} {command}".replace(" ", "_").replace("-", "_")
    return _packaged(
        f"ttp://platform/{name}.txt",
        f"ttp-templates has no template for `{params.command}` of {Talk(context).device} ({platform(context) or 'no platform'})",
    )


def _packaged(path: str, missing: str) -> str:
    from ttp_templates import get_template

    try:
        return str(get_template(path=path))
    except (OSError, ValueError) as error:
        raise StepError(missing, hint="give the step a `template`") from error
