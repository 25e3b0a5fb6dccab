"""A bench for step types: runs one step on one device as the engine does, with the connection that the test brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from nornflow import HostView, Mode, RunInfo, Sandbox, StepContext, StepResult, StepType
from nornflow.model.profile import Profile
from nornflow.model.sandbox import HttpResult, ProgramResult
from nornflow.testing import Fleet


class FolderSandbox(Sandbox):
    """A sandbox that has one folder and neither programs nor a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def program(self, argv: Any, **options: Any) -> ProgramResult:
        raise AssertionError(f"a device step ran {argv}")

    def script(self, text: str, **options: Any) -> ProgramResult:
        raise AssertionError(f"a device step ran {text}")

    def read_text(self, path: str) -> str:
        return (self.folder / path).read_text("utf-8")

    def write_text(self, path: str, text: str, *, mode: int = 0o644) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        target.chmod(mode)
        return target

    def request(self, method: str, url: str, **options: Any) -> HttpResult:
        raise AssertionError(f"a device step asked {url}")


class StepBench:
    """Runs steps against connections given by name; `folder` is the workspace and the project at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connections: dict[str, Any] = {}
        self.host = HostView("r1", "127.0.0.1", "cisco_ios", data={"role": "access", "site": "ams"})

    def context(self, mode: Mode = Mode.APPLY, **names: Any) -> StepContext:
        """Return the context of a step on the bench's device."""
        device = SimpleNamespace(get_connection=lambda name, config: self.connections[name])
        everything: Mapping[str, Any] = {"inputs": {}, "host": self.host, **names}
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        profile = Profile("standard")
        return StepContext(
            mode=mode,
            step="it",
            run=RunInfo("run-1", "a-change", "1.0", "tester", profile, self.folder, self.folder),
            sandbox=FolderSandbox(self.folder),
            names=everything,
            render=lambda text, **more: environment.from_string(text).render({**everything, **more}),
            evaluate=lambda text, **more: (_ for _ in ()).throw(AssertionError(text)),
            emit=lambda line: None,
            nornir_task=lambda path: (_ for _ in ()).throw(AssertionError(path)),
            host=self.host,
            task=SimpleNamespace(host=device, nornir=SimpleNamespace(config=None)),
        )

    def apply(self, step: StepType, names: Mapping[str, Any] | None = None, /, **params: Any) -> StepResult:
        """Check the parameters as the engine does and apply the step."""
        return step.apply(self.context(**(names or {})), step.Params(**params))

    def plan(self, step: StepType, names: Mapping[str, Any] | None = None, /, **params: Any) -> StepResult | None:
        """Check the parameters as the engine does and plan the step."""
        return step.plan(self.context(Mode.PLAN, **(names or {})), step.Params(**params))


@pytest.fixture
def bench(tmp_path: Path) -> StepBench:
    return StepBench(tmp_path)


@pytest.fixture
def router(fleet: Callable[..., Fleet], bench: StepBench) -> Iterator[Any]:
    """One router whose netmiko connection lies on the bench."""
    from netmiko import ConnectHandler

    running = fleet(count=2)
    connection = ConnectHandler(**running.login("r1"))
    bench.connections["netmiko"] = connection
    yield running["r1"]
    connection.disconnect()
