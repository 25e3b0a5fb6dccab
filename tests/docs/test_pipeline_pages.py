"""The page of pipelines holds every key and state, in the words of the code; what the guide shows can be used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from nornflow.cli.main import cli
from nornflow.model.pipeline import EntryState, Mode, PipelineState
from nornflow.workflow.amounts import Resources
from nornflow.workflow.forms import Choice, Duration, Form, Number, OneOf, Text
from nornflow.workflow.pipeline_keys import ENTRY, PIPELINE
from nornflow.workflow.pipeline_names import PIPELINE_KEYS, RUN_KEYS
from nornflow.workflow.shapes import Key, ListOf, MapOf, Record

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "pipelines.md"
GUIDE = ROOT / "docs" / "how-to" / "chain-workflows.md"
AFTER = next(one for one in ENTRY.keys["after"].form.item.forms if isinstance(one, Record))


def row(name: str, key: Key) -> str:
    default = "" if key.default is None else f"`{json.dumps(key.default)}`"
    return f"| `{name}` | {kind(key.form)} | {'required' if key.required else default} | {key.doc} |"


def kind(form: Form) -> str:
    match form:
        case Number(least=least, most=most, whole=whole):
            return f"{'whole number' if whole else 'number'} {least:g} to {most:g}"
        case Duration(bounds=(least, most)):
            return f"length of time {least} to {most}"
        case Text(what=what):
            return what.removeprefix("a ").removeprefix("an ").removeprefix("the ")
        case Choice(words=words):
            return " ".join(f"`{word}`" for word in words)
        case OneOf(forms=forms):
            return ", ".join(kind(one) for one in forms)
        case ListOf(item=item, alone=alone):
            return f"list of {kind(item)}" + (" (or one)" if alone else "")
        case MapOf(value=value):
            return f"mapping of names to {kind(value)}"
        case Resources():
            return "mapping of names to amounts"
        case Record():
            return "mapping"
    return "anything"


@pytest.mark.parametrize("record", [PIPELINE, ENTRY, AFTER], ids=["top", "entry", "after"])
def test_every_key_stands_on_the_page_as_the_table_has_it(record: Record) -> None:
    rows = [row(name, key) for name, key in record.keys.items()]
    assert "\n".join(rows) in PAGE.read_text(), "the page wants:\n" + "\n".join(rows)


def test_every_state_mode_and_name_is_described() -> None:
    text = PAGE.read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", text.split("| state of an entry |")[1], re.MULTILINE)) == set(EntryState)
    assert set(re.findall(r"^\| `(\w+)` \|", text.split("## Modes")[1].split("\n\n")[1], re.MULTILINE)) == set(Mode)
    assert all(f"`{state}`" in text.split("A pipeline is ")[1] for state in PipelineState)
    names = text.split("## Names in templates")[1].split("## ")[0]
    assert all(f".{name}" in names for name in (*RUN_KEYS, *PIPELINE_KEYS))


def test_the_pipelines_of_the_guide_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text()
    files = dict(re.findall(r"^```yaml\n# (\S+\.yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for name, body in files.items():
        (tmp_path / name).write_text(body)
    pipelines = [name for name, body in files.items() if "\nentries:" in body]
    assert pipelines
    for name in pipelines:
        done = CliRunner().invoke(cli, ["pipeline", "validate", name], standalone_mode=False)
        assert done.return_value == 0, done.stdout
