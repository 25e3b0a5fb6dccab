"""Showing the record of a run that has ended, in the form that was asked for."""

from __future__ import annotations

from nornflow.cli.output import printable, reader_may_leave, show, show_json
from nornflow.cli.run_view import record_junit, record_markdown, record_text
from nornflow.model.run import RunRecord
from nornflow.redaction import Redactor
from nornflow.store.records import record_json


def show_record(record: RunRecord, form: str, masked: Redactor) -> None:
    """Print a record as `text`, `json`, `junit` or `markdown`, masked, and nothing else."""
    with reader_may_leave():
        if form == "json":
            show_json(masked.value(record_json(record)))
        elif form == "junit":
            show(masked.text(record_junit(record)))
        else:
            for line in (record_markdown if form == "markdown" else record_text)(record):
                show(printable(masked.text(line)))
