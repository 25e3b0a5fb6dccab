"""The pages of the workflow language hold every key, function and filter, in the words of the code, and true examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nornflow.cli.main import cli
from nornflow.workflow.amounts import Resources
from nornflow.workflow.expressions import NAMES, Evaluator
from nornflow.workflow.filters import FILTERS
from nornflow.workflow.forms import Duration, Form, Number, OneOf, Text
from nornflow.workflow.functions import FUNCTIONS
from nornflow.workflow.keys import STEP, WORKFLOW
from nornflow.workflow.shapes import Key, ListOf, MapOf, Record
from nornflow.workflow.templating import Renderer

ROOT = Path(__file__).parents[2]
LANGUAGE = ROOT / "docs" / "reference" / "workflow-language.md"
EXPRESSIONS = ROOT / "docs" / "reference" / "expressions.md"


def records(prefix: str, form: Form) -> Iterator[tuple[str, Record]]:
    """Yield every record of the language with the path of its keys."""
    match form:
        case Record(keys=keys):
            yield prefix, form
            for name, key in keys.items():
                yield from records(f"{prefix}.{name}".lstrip("."), key.form)
        case MapOf(value=value):
            yield from records(f"{prefix}.<name>", value)
        case ListOf(item=item):
            yield from records(prefix, item)
        case OneOf(forms=forms):
            for one in forms:
                yield from records(prefix, one)


def row(name: str, key: Key) -> str:
    default = "" if key.default is None else f"`{json.dumps(key.default)}`"
    return f"| `{name}` | {kind(key.form)} | {'required' if key.required else default} | {key.doc} |"


def kind(form: Form) -> str:
    match form:
        case Number(least=least, most=most, whole=whole, unit=unit):
            return f"{'whole number' if whole else 'number'} {least:g} to {most:g}{' ' + unit if unit else ''}"
        case Duration(bounds=(least, most)):
            return f"length of time {least} to {most}"
        case Text(what=what):
            return what.removeprefix("a ").removeprefix("an ")
        case OneOf(forms=forms):
            return ", ".join(dict.fromkeys(kind(one) for one in forms))
        case ListOf(item=item, alone=alone):
            return f"list of {kind(item)}" + (" (or one)" if alone else "")
        case MapOf(value=value):
            return f"mapping of names to {kind(value)}"
        case Resources():
            return "mapping of names to amounts"
        case Record():
            return "mapping"
        case _:
            words = getattr(form, "words", ())
            return " ".join(f"`{word}`" for word in words) or {"Boolean": "boolean"}.get(
                type(form).__name__, "anything"
            )


TABLES = [("", WORKFLOW), *[one for one in records("", WORKFLOW) if one[0]], ("steps[]", STEP)]


@pytest.mark.parametrize(("path", "record"), TABLES, ids=[path or "top" for path, _ in TABLES])
def test_every_key_stands_on_the_page_as_the_table_has_it(path: str, record: Record) -> None:
    text = LANGUAGE.read_text()
    rows = [row(name, key) for name, key in record.keys.items()]
    assert "\n".join(rows) in text, "the page wants:\n" + "\n".join(rows)


@pytest.mark.parametrize("page", [LANGUAGE, EXPRESSIONS], ids=lambda page: page.stem)
def test_the_workflows_on_the_page_compile(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```yaml\n(name: .*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert examples
    for number, example in enumerate(examples):
        (tmp_path / f"{number}.yaml").write_text(example)
        done = CliRunner().invoke(cli, ["validate", f"{number}.yaml"], standalone_mode=False)
        assert done.return_value == 0, done.stdout


def test_every_function_filter_and_name_is_explained() -> None:
    text = EXPRESSIONS.read_text()
    explained = set(re.findall(r"^\| `(\w+)[(`]", text, re.MULTILINE))
    assert explained >= {"default", *FUNCTIONS, *NAMES}
    filters = re.search(r"^Filters: (.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert filters is not None
    assert set(re.findall(r"`(\w+)`", filters[1])) == {*FILTERS.kept, *FILTERS.made}


DATA: dict[str, Any] = {
    "inputs": {"name": "Ann", "vlan": 10, "note": None, "servers": ["10.0.0.1", "10.0.0.2"]},
    "steps": {"run-tests": {"exit_code": 0}, "before": {"parsed": [{"synced": True}, {"synced": False}]}},
    "host": {"name": "ams-r1", "groups": ["access"]},
}


def examples(heading: str) -> list[tuple[str, str]]:
    section = EXPRESSIONS.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(.+?)` \| `(.+?)` \|", section.replace("\\|", "\0"), re.MULTILINE)
    return [(one.replace("\0", "|"), value) for one, value in found]


@pytest.mark.parametrize(("expression", "value"), examples("Examples"))
def test_an_expression_on_the_page_has_the_value_that_it_says(expression: str, value: str) -> None:
    assert Evaluator(step_ids=tuple(DATA["steps"])).evaluate(expression, DATA) == json.loads(value)


@pytest.mark.parametrize(("template", "value"), examples("Templates"))
def test_a_template_on_the_page_gives_what_it_says(template: str, value: str) -> None:
    assert Renderer(step_ids=tuple(DATA["steps"])).render(template, DATA) == json.loads(value)
