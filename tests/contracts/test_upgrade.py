"""A store of the first schema, with runs in it, is refused, brought up to date and used, on SQLite and on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

import nornflow.store.migrations
from nornflow.errors import StoreError
from nornflow.model.history import Grouping, RunQuery
from nornflow.model.run import HostState, RunState
from nornflow.store.database import revision, upgrade
from nornflow.store.migrations import REVISIONS
from nornflow.store.opening import open_engine, open_store, store_url
from nornflow.testing.run_store import NOON, ended_run, event, new_run

MICROSECONDS = int(NOON.timestamp()) * 1_000_000
ROWS = (
    'INSERT INTO runs (id, workflow, version, file, state, "user", profile, hosts, started_at, completed_at, inputs,'
    " outputs, error, hint, reason, exit_code, security_events) VALUES ('run-0', 'ntp', '1.0', 'f', '{state}', 'ada',"
    " 'standard', 1, {start}, {end}, '{{\"n\":1}}', '{{}}', '', '', '', 0, '[]')",
    "INSERT INTO run_hosts (run, host, position, platform, state, batch) VALUES (1, 'r1', 0, 'cisco_ios', 'ok', 1)",
    "INSERT INTO run_steps (run, position, step, type, state) VALUES (1, 0, 'show', 'x', 'ok')",
    "INSERT INTO step_results (run, position, host, state, duration, detail) VALUES (1, 0, 'r1', 'ok', 1.5,"
    ' \'{{"stdout":"told"}}\')',
    "INSERT INTO events (run, number, time, kind, step, host, message) VALUES (1, 1, {start}, 'step.output', 'show', 'r1',"
    " 'told')",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_postgresql"))
    return store_url("", tmp_path).render_as_string(hide_password=False)


def of_the_first_schema(url: str, workspace: Path, state: str) -> Engine:
    """Make a store as the first NornFlow with a store did, with one run in it."""
    engine = open_engine(url, workspace)
    config = Config()
    config.set_main_option("script_location", str(Path(nornflow.store.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, REVISIONS[0])
    end = "NULL" if state == "running" else str(MICROSECONDS + 2_000_000)
    with engine.begin() as connection:
        for row in ROWS:
            connection.exec_driver_sql(row.format(state=state, start=MICROSECONDS, end=end))
    return engine


def test_it_is_refused_until_it_is_upgraded_and_keeps_what_it_has(url: str, tmp_path: Path) -> None:
    engine = of_the_first_schema(url, tmp_path, "succeeded")
    with pytest.raises(StoreError, match=f"older schema {REVISIONS[0]}") as refused:
        open_store(url, tmp_path)
    assert refused.value.hint == "nornflow db upgrade"
    assert upgrade(engine) == (REVISIONS[0], REVISIONS[-1])
    assert upgrade(engine) == (REVISIONS[-1], REVISIONS[-1])
    assert revision(engine) == REVISIONS[-1]
    engine.dispose()
    with closing(open_store(url, tmp_path)) as store:
        record = store.record("run-0")
        assert (record.inputs, record.steps[0].hosts["r1"].stdout) == ({"n": 1}, "told")
        assert record.hosts[0].state is HostState.OK
        assert [stored.event.message for stored in store.events("run-0")] == ["told"]
        store.begin(new_run())
        store.move("run-1", RunState.PENDING, RunState.RUNNING, NOON)
        store.append("run-1", 1, [event()], fence=1)
        store.finish(ended_run(), RunState.RUNNING, fence=1)
        assert [run.id for run in store.runs(RunQuery())] == ["run-1", "run-0"]
        assert store.statistics(Grouping.WORKFLOW, RunQuery())[0].count == 2


def test_a_run_that_had_not_ended_is_said_not_to_be_one_to_go_on_with(url: str, tmp_path: Path) -> None:
    engine = of_the_first_schema(url, tmp_path, "running")
    upgrade(engine)
    engine.dispose()
    with closing(open_store(url, tmp_path)) as store:
        (standing,) = store.unended()
        assert (standing.run, standing.worker, standing.fence) == ("run-0", "", 0)
        assert store.standing("run-0").spec == {}


def test_controllers_that_start_together_upgrade_it_once(url: str, tmp_path: Path) -> None:
    of_the_first_schema(url, tmp_path, "succeeded").dispose()
    script = (
        "import sys; from pathlib import Path; from nornflow.store.database import upgrade;"
        "from nornflow.store.opening import open_engine; engine = open_engine(sys.argv[1], Path(sys.argv[2]));"
        "print('ready', flush=True); sys.stdin.readline(); print(upgrade(engine)[1])"
    )
    command = [sys.executable, "-c", script, url, str(tmp_path)]
    pipe = subprocess.PIPE
    controllers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for controller in controllers:
        assert controller.stdout is not None
        assert controller.stdout.readline() == "ready\n"
    for controller in controllers:
        assert controller.stdin is not None
        controller.stdin.write("go\n")
        controller.stdin.flush()
    ended = [controller.communicate(timeout=60) for controller in controllers]
    assert ended == [(f"{REVISIONS[-1]}\n", "")] * 3
