"""Running a change so that it is remembered: begun in the store before anything is done, ended in it with its results."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from nornflow.engine.run import Run
from nornflow.engine.tools import Tools
from nornflow.errors import RunLost, StoreError
from nornflow.model.approval import Approval
from nornflow.model.run import RunRecord, RunState
from nornflow.store.recorder import RunRecorder
from nornflow.store.records import RunRecords


def remembered(
    recorder: RunRecorder, records: RunRecords, run: Run, tools: Tools, said: Callable[[], tuple[Approval, ...]]
) -> RunRecord:
    """Execute a run that has begun in the store and return its record; what could not be kept of it is the record's error.

    `said` gives what was answered about its plan.

    A run that waits, or that another process carries on, or may, is not ended here: nor is one whose program failed on the
    way, or one that could not be gone on with and so stays as it was (what kept it is raised).
    """
    try:
        record = run.execute()
    except BaseException as error:
        if run.left_open:
            tools.emitter.close()
            recorder.leave()
            raise
        tools.emitter.close(0)
        with suppress(StoreError):  # the error that ended the program is the one to tell
            recorder.give_up(
                tools.clock(),
                f"the program failed: {type(error).__name__}: {error}",
                open=run.state in (RunState.RUNNING, RunState.WAITING),
            )
        raise
    tools.emitter.close()
    if record.state is RunState.WAITING:
        recorder.rest(record)
        return record
    if isinstance(tools.emitter.failure, RunLost):
        recorder.leave()
        return replace(record, exit_code=max(record.exit_code, RunLost.exit_code))
    with suppress(StoreError):  # a store that is away now is an error of the record below
        record = replace(record, approvals=said())
    return _kept(record, recorder, records)


def _kept(record: RunRecord, recorder: RunRecorder, records: RunRecords) -> RunRecord:
    """Keep the record in the store and as a file; trouble with one does not keep it from the other."""
    troubles: list[tuple[str, str]] = []
    try:
        recorder.finish(record)
    except RunLost as error:  # how it ends is for another process to say, in the file too
        return replace(record, error=error.message, hint=error.hint, exit_code=max(record.exit_code, error.exit_code))
    except StoreError as error:
        troubles.append((error.message, error.hint))
    try:
        records.write(record)
    except OSError as error:
        troubles.append(
            (f"the record could not be written: {error}", "make room on the disk, or see who may write there")
        )
    if not troubles:
        return record
    texts = [text for text, _ in troubles if text not in record.error]
    return replace(
        record,
        error="\n".join(filter(None, (record.error, *texts))),
        hint=record.hint or troubles[0][1],
        reason=record.reason or StoreError.reason,
        exit_code=max(record.exit_code, StoreError.exit_code),
    )
