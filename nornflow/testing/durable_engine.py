"""What every durable engine must do: subclass `DurableEngineContract`, give it the fixture `site`, and pytest asks the rest."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from nornflow.abc.durable import Duty
from nornflow.errors import UsageError
from nornflow.model.job import Job, JobState, JobStatus
from nornflow.testing.durable_stage import (
    PATIENCE,
    Paper,
    Site,
    Workers,
    ended,
    segment,
    state,
    told_error,
    until,
    works_of,
)


class DurableEngineContract:
    """Tests of any `DurableEngine`; the fixture `site` gives a database of its own."""

    @pytest.fixture
    def site(self) -> Site:
        """Give a site; a subclass must."""
        raise NotImplementedError("a subclass gives the fixture `site`")

    @pytest.fixture
    def workers(self, site: Site) -> Any:
        """Give processes that serve, killed when the test is over."""
        found = Workers(site)
        yield found
        found.end()

    def test_a_job_is_done_once_however_often_it_is_submitted(self, site: Site) -> None:
        """And on the queue that it was put into, by whoever serves that, and by nobody else."""
        engine, paper = site.engine(), Paper(site.folder / "paper")
        (site.folder / "go-a").touch()
        assert engine.status("j1") is None
        assert engine.submit(Job("j1", "ams", "count", {"gate": "a"}))
        assert not engine.submit(Job("j1", "ams", "count", {"gate": "a"}))
        assert engine.submit(Job("j2", "fra", "count", {"gate": "a"}))
        assert engine.submit(Job("j3", "ams", "broken"))
        assert engine.submit(Job("j4", "ams", "unheard-of"))
        assert state(engine, "j1") is JobState.QUEUED
        with engine.serve(Duty("w1", ["ams"], 2), works_of(site.folder, "w1")) as serving:
            until(lambda: ended(engine, "j1", "j3", "j4"))
            until(lambda: not serving.at_work)
            assert engine.status("j1") == JobStatus("j1", "ams", JobState.DONE, 1, 1, "w1", {"sum": 6})
            failed = engine.status("j3")
            assert failed is not None
            assert (failed.state, failed.error) == (JobState.FAILED, "ValueError: out of order")
            assert "unheard-of" in told_error(engine, "j4")
            assert state(engine, "j2") is JobState.QUEUED, "another site's"
            with pytest.raises(UsageError, match="no job"):
                engine.retry_from("j9")
            with pytest.raises(UsageError, match="not ended"):
                engine.retry_from("j2")
            (site.folder / "mended").touch()
            engine.retry_from("j3", "after")
            until(lambda: state(engine, "j3") is JobState.DONE)
            assert [line for line in paper.lines if " j3 " in line] == ["w1 j3 before", "w1 j3 after"]
            engine.retry_from("j3")
            until(lambda: paper.lines[-2:] == ["w1 j3 before", "w1 j3 after"] and len(paper.lines) == 7)
            until(lambda: state(engine, "j3") is JobState.DONE)
            assert not engine.submit(Job("j1", "ams", "count", {"gate": "a"})), "an id is used once"
            engine.submit(Job("j1.2", "nowhere", "count", {"gate": "a"}))
            engine.submit(Job("j11", "nowhere", "count", {"gate": "a"}))
            engine.forget(["j1", "unheard-of"])
            assert [state(engine, job) for job in ("j1", "j1.2", "j11")] == [None, None, JobState.QUEUED]
        assert [line for line in paper.lines if " j1 " in line] == ["w1 j1 one", "w1 j1 two", "w1 j1 three"]

    def test_a_job_that_waits_holds_nothing_and_goes_on_when_it_is_told(self, site: Site) -> None:
        """Signals that come early are not lost, those that come twice count once; a cancelled one hears none."""
        engine = site.engine()
        for name, waits in (("once", 1), ("early", 1), ("twice", 2), ("never", 1)):
            assert engine.submit(Job(name, "ams", "wait", {"waits": waits}))
        assert engine.signal("early", "bell"), "before anybody has looked at it"
        assert not engine.signal("unknown", "bell")
        with engine.serve(Duty("w1", ["ams"], 2), works_of(site.folder, "w1")) as serving:
            until(lambda: all(state(engine, each) is JobState.WAITING for each in ("once", "twice", "never")))
            until(lambda: state(engine, "early") is JobState.DONE)
            until(lambda: not serving.at_work)
            waiting = engine.status("never")
            assert waiting is not None
            assert (waiting.waits, waiting.segment) == ("bell", 1)
            assert engine.cancel("never")
            assert not engine.cancel("never")
            assert state(engine, "never") is JobState.CANCELLED
            assert not engine.signal("never", "bell")
            assert engine.signal("once", "knock"), "kept for when it waits for that"
            assert engine.signal("twice", "bell")
            assert engine.signal("once", "bell")
            until(lambda: state(engine, "once") is JobState.DONE)
            until(lambda: segment(engine, "twice") == 2 and state(engine, "twice") is JobState.WAITING)
            assert engine.signal("twice", "bell")
            until(lambda: state(engine, "twice") is JobState.DONE)
        assert not engine.signal("once", "bell")
        lines = Paper(site.folder / "paper").lines
        assert len([line for line in lines if "never" in line]) == 1
        assert [line for line in lines if "twice" in line] == [f"w1 twice segment {n}" for n in (1, 2, 3)]

    def test_jobs_are_cancelled_fanned_out_and_drained(self, site: Site) -> None:
        """A queued one never begins, one at work sees it, and who drains takes nothing more.

        One that was left is in its queue again, however often; of a queue that is said so all are taken at once.
        """
        engine, paper = site.engine(), Paper(site.folder / "paper")
        engine.submit(Job("queued", "ams", "count", {"gate": "a"}))
        assert engine.cancel("queued")
        engine.submit(Job("busy", "ams", "count", {"gate": "never"}))
        engine.submit(Job("fan", "runs", "fan", {"queue": "ams"}))
        engine.submit(Job("knot", "runs", "fan", {"queue": "runs"}))
        engine.submit(Job("left", "fra", "leave"))
        parts = [f"part{number}" for number in range(5)]
        for part in parts:
            engine.submit(Job(part, "ams/part", "count", {"gate": "parts"}))
        duty = Duty("w1", ["ams", "fra", "runs"], 2, ["ams/part"])
        with engine.serve(duty, works_of(site.folder, "w1")) as serving:
            until(lambda: "w1 busy two" in paper.lines)
            until(lambda: all(f"w1 {part} two" in paper.lines for part in parts))
            (site.folder / "go-parts").touch()
            until(lambda: ended(engine, "fan", "knot", "left", *parts))
            found = engine.status("fan")
            assert found is not None
            assert found.result == [[f"fan.{n}", "done"] for n in range(3)]
            assert "same queue" in told_error(engine, "knot")
            assert list(serving.at_work) == ["busy"]
            serving.drain()
            engine.submit(Job("late", "ams", "wait", {"waits": 0}))
            assert engine.cancel("busy")
            until(lambda: not serving.at_work)
            time.sleep(0.6)  # longer than two looks into the queue
            assert state(engine, "late") is JobState.QUEUED
        assert (state(engine, "left"), state(engine, "busy")) == (JobState.DONE, JobState.CANCELLED)
        assert not any("queued" in line or "busy three" in line for line in paper.lines)

    def test_a_job_outlives_its_worker_and_is_done_by_another_one(self, site: Site, workers: Workers) -> None:
        """By kill -9; what had ended is not done again, and whoever puts it back at the same time puts it back once."""
        engine, paper = site.engine(), Paper(site.folder / "paper")
        dying = workers.start("dying", "ams")
        engine.submit(Job("j1", "ams", "count", {"gate": "a"}))
        until(lambda: "dying j1 two" in paper.lines)
        dying.kill()
        dying.wait()
        assert not engine.recover(["unheard-of"])
        assert state(engine, "j1") is JobState.RUNNING, "nobody has said that its worker is dead"
        with engine.serve(Duty("heir", ["ams"], 2), works_of(site.folder, "heir")):
            reapers = [threading.Thread(target=engine.recover, args=(["dying"],)) for _ in range(4)]
            for reaper in reapers:
                reaper.start()
            until(lambda: "heir j1 two" in paper.lines)
            for reaper in reapers:
                reaper.join()
            engine.recover(["dying"])
            (site.folder / "go-a").touch()
            until(lambda: state(engine, "j1") is JobState.DONE)
        assert paper.lines == ["dying j1 one", "dying j1 two", "heir j1 two", "heir j1 three"]
        found = engine.status("j1")
        assert found is not None
        assert (found.result, found.attempts, found.worker) == ({"sum": 6}, 2, "heir")

    def test_what_a_zombie_brings_is_refused(self, site: Site, workers: Workers) -> None:
        """A worker that was stopped, taken for dead and goes on does not go beyond the step that it was at."""
        engine, paper = site.engine(), Paper(site.folder / "paper")
        zombie = workers.start("zombie", "ams")
        engine.submit(Job("j1", "ams", "count", {"gate": "a"}))
        until(lambda: "zombie j1 two" in paper.lines)
        site.freeze(zombie)
        with engine.serve(Duty("heir", ["ams"], 2), works_of(site.folder, "heir")):
            engine.recover(["zombie"])
            until(lambda: "heir j1 two" in paper.lines)
            zombie.send_signal(signal.SIGCONT)
            (site.folder / "go-a").touch()  # both may go on
            until(lambda: state(engine, "j1") is JobState.DONE)
            engine.submit(Job("j2", "ams", "wait", {"waits": 0}))
            until(lambda: state(engine, "j2") is JobState.DONE)
        assert [line for line in paper.lines if " j1 " in line] == [
            "zombie j1 one", "zombie j1 two", "heir j1 two", "heir j1 three",
        ]  # fmt: skip
        found = engine.status("j1")
        assert found is not None
        assert (found.worker, found.result) == ("heir", {"sum": 6})

    def test_a_job_that_kills_its_worker_each_time_is_parked(self, site: Site, workers: Workers) -> None:
        """After three attempts; the rest goes on, and whoever mends it has it begin again."""
        engine, paper = site.engine(), Paper(site.folder / "paper")
        engine.submit(Job("bad", "ams", "poison"))
        for number in range(3):
            worker = workers.start(f"w{number}", "ams", concurrency=1)
            assert worker.wait(PATIENCE) == -signal.SIGKILL
            engine.recover([f"w{number}"])
        engine.submit(Job("good", "ams", "wait", {"waits": 0}))
        with engine.serve(Duty("w3", ["ams"], 1), works_of(site.folder, "w3")):
            until(lambda: ended(engine, "bad", "good"))
        assert (state(engine, "bad"), state(engine, "good")) == (JobState.PARKED, JobState.DONE)
        assert [line for line in paper.lines if " bad " in line] == [f"w{n} bad poison" for n in range(3)]
        engine.retry_from("bad")
        assert state(engine, "bad") is JobState.QUEUED
