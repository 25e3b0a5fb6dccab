"""A store with pipelines, and a worker whose processes are played."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nornflow.app.build import Project, load_project
from nornflow.app.services.pipelines.leaving import LeavingStarter
from nornflow.app.services.pipelines.spec import PipelineSpec
from nornflow.app.services.pipelines.worker import Pipelines
from nornflow.app.services.workers.carrier import Errand
from nornflow.engine.herald import Herald
from nornflow.model.pipeline import Entry, Pipeline, kept_pipeline
from nornflow.model.submission import RUNS, Submission, Submitted
from nornflow.redaction import Redactor
from nornflow.store.pipelines import SqlPipelines
from nornflow.store.runs import SqlRunStore
from nornflow.store.workers import Workers
from nornflow.testing.pipeline_store import NOON, new_pipeline
from nornflow.testing.run_store import new_run

WINDOW = Pipeline("window", (Entry("a", "a.yaml"), Entry("b", "b.yaml")), max_parallel=1)


@dataclass
class Process:
    """A process that begins runs, as far as it is told to."""

    errands: list[Errand] = field(default_factory=list)
    over: bool = False

    def take(self, errand: Errand) -> None:
        self.errands.append(errand)

    def ended(self, seconds: float) -> bool:
        return self.over

    def kill(self) -> None:
        self.over = True


class Site:
    """A store with pipelines, and a worker."""

    def __init__(self, project: Project, store: SqlRunStore) -> None:
        self.project, self.store, self.desk = project, store, SqlPipelines(store)
        self.workers = Workers(store.engine)
        self.workers.register()
        self.said: list[str] = []
        self.processes: list[Process] = []
        self.submitted: dict[str, Submitted] = {}
        self.starter = LeavingStarter(self._process, self.submitted.__contains__, 2)
        herald = Herald((), Redactor(), self.said.append)
        self.here = Pipelines(project, store, self.workers, self.starter, herald, self.said.append)

    def _process(self) -> Any:
        self.processes.append(Process())
        return self.processes[-1]

    def begin(self, name: str, **more: Any) -> None:
        spec = {**PipelineSpec(kept_pipeline(WINDOW), "", ".").kept(), **more}
        self.desk.begin(replace(new_pipeline(name), worker=""), spec)

    def leave(self, name: str) -> str:
        """Let the process of the run that is at work leave it to workers, and return its id."""
        run = next(one.run for one in self.desk.record(name).entries if one.at_work)
        submission = Submission(RUNS, {}, NOON)
        self.desk.claim(name, self.desk.record(name).entries[0].id, run, "w")
        self.store.begin(replace(new_run(run), worker="", submission=submission))
        self.submitted[run] = Submitted(run, submission)
        next(one for one in self.processes if one.errands[0].run == run).over = True
        return run

    def look(self, *due: str) -> None:
        self.here.look(due, self.submitted)


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    """Yield the worker of a new project in the folder that this process is in."""
    (folder / "nornflow.yaml").write_text("profile: standard\n")
    project = load_project()
    with closing(project.store()) as store:
        assert isinstance(store, SqlRunStore)
        yield Site(project, store)
