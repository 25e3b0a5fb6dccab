"""`nornir.task` under a real Nornir, and `test_connectivity` against real sockets."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from nornir.core import Nornir
from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
from nornir.core.task import Result, Task
from nornir.plugins.runners import SerialRunner

from nornflow import HostState, HostView, PolicyDenied, StepError, Unreachable
from nornflow_builtins.connectivity import ConnectivityStep
from nornflow_builtins.nornir_task import NornirTaskStep

TASK = NornirTaskStep()
CONNECTIVITY = ConnectivityStep()
HERE = HostView("r1", "127.0.0.1")


def greet(task: Task, greeting: str, times: int = 1) -> Result:
    return Result(host=task.host, result=" ".join([greeting] * times), changed=times > 1)


def nested(task: Task) -> Result:
    task.run(task=broken)
    return Result(host=task.host)


def broken(task: Task) -> Result:
    raise ValueError("no luck")


def refused(task: Task) -> Result:
    raise Unreachable("10.0.0.1 does not answer", hint="check the cable")


def run_in_nornir(run_bench: Any, params: dict[str, Any]) -> Any:
    """Run the step inside a Nornir task on one host, as the device runner does; return its result or what it raised."""
    run_bench.tasks = {f"tests.{task.__name__}": task for task in (greet, nested, broken, refused)}
    hosts = Hosts({"r1": Host(name="r1", hostname="127.0.0.1")})
    nornir = Nornir(inventory=Inventory(hosts, Groups(), Defaults()), runner=SerialRunner())
    found: list[Any] = []

    def outer(task: Task) -> None:
        try:
            found.append(run_bench.run(TASK, params, {"inputs": {"times": 2}}, task=task, host=HERE))
        except Exception as error:  # noqa: BLE001 - handed to the test
            found.append(error)

    nornir.run(task=outer)
    return found[0]


def test_a_task_gets_its_arguments_and_its_result_is_kept(run_bench: Any) -> None:
    result = run_in_nornir(
        run_bench, {"task": "tests.greet", "args": {"greeting": "hello", "times": "{{ inputs.times }}"}}
    )
    assert (result.state, result.outputs["result"]) == (HostState.CHANGED, "hello hello")


def test_wrong_arguments_are_told_with_the_right_ones(run_bench: Any) -> None:
    error = run_in_nornir(run_bench, {"task": "tests.greet", "args": {"greting": "hello"}})
    assert isinstance(error, StepError)
    assert "greeting, times" in error.hint


def test_what_ended_the_task_is_told_without_a_traceback(run_bench: Any) -> None:
    for path in ("tests.broken", "tests.nested"):
        error = run_in_nornir(run_bench, {"task": path})
        assert isinstance(error, StepError)
        assert error.message == f"{path}: ValueError: no luck"


def test_an_error_of_ours_keeps_its_kind(run_bench: Any) -> None:
    error = run_in_nornir(run_bench, {"task": "tests.refused"})
    assert isinstance(error, Unreachable)
    assert error.hint == "check the cable"


def test_the_permissions_follow_from_access() -> None:
    assert TASK.needs({"access": "read"}) == {"device.read"}
    assert TASK.needs({}) == {"device.read", "device.configure"}
    assert "device.command" in TASK.needs({"access": "{{ inputs.access }}"})


@pytest.mark.parametrize("path", ["os", "os.system;id", "a..b", "__import__('os').x", ""])
def test_a_task_is_named_by_a_dotted_path(run_bench: Any, path: str) -> None:
    with pytest.raises(StepError, match="task"):
        run_bench.run(TASK, {"task": path})


@pytest.fixture
def listener() -> Iterator[tuple[socket.socket, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, server.getsockname()[1]


def test_an_open_port_is_reachable(run_bench: Any, listener: tuple[socket.socket, int]) -> None:
    result = run_bench.run(CONNECTIVITY, {"port": listener[1]}, host=HERE)
    assert result.state is HostState.OK
    assert result.outputs["success"] is True
    assert result.outputs["response_time_ms"] >= 0


def test_ssh_wants_a_greeting(run_bench: Any, listener: tuple[socket.socket, int]) -> None:
    server, port = listener
    greetings = iter([b"220 smtp\r\n", b"SSH-2.0-Test\r\n"])

    def serve() -> None:
        for greeting in greetings:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)

    thread = threading.Thread(target=serve)
    thread.start()
    result = run_bench.run(CONNECTIVITY, {"method": "ssh", "port": port}, host=HERE)
    thread.join()
    assert (result.state, result.stdout) == (HostState.OK, "SSH-2.0-Test\n")


def test_a_closed_port_fails_after_all_attempts(run_bench: Any, listener: tuple[socket.socket, int]) -> None:
    server, port = listener
    server.close()
    result = run_bench.run(CONNECTIVITY, {"port": port, "count": 2, "wait": 1}, host=HERE)
    assert (result.state, result.reason, result.outputs["success"]) == (HostState.FAILED, "unreachable", False)
    assert "in 2 attempts" in result.error


def test_each_method_needs_what_it_uses(run_bench: Any) -> None:
    assert CONNECTIVITY.needs({}) == {"device.read"}
    assert CONNECTIVITY.needs({"method": "ping"}) == {"device.read", "shell.execute"}
    assert CONNECTIVITY.needs({"method": "api"}) == {"device.read", "http.request"}
    with pytest.raises(PolicyDenied):
        run_bench.run(CONNECTIVITY, {"method": "api"}, host=HERE, profile="restricted")
    with pytest.raises(PolicyDenied):
        run_bench.run(CONNECTIVITY, {"method": "ping"}, host=HERE, profile="plan_only")


def test_ping_reads_the_time_that_the_program_measured(run_bench: Any) -> None:
    fake = run_bench.project / "ping"
    fake.write_text('#!/bin/sh\necho "64 bytes from $7: icmp_seq=1 ttl=64 time=0.42 ms"\n')
    fake.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{run_bench.project}:/usr/bin:/bin")
        result = run_bench.run(CONNECTIVITY, {"method": "ping"}, host=HostView("r1", "192.0.2.1"))
    assert result.outputs["response_time_ms"] == 0.42
    assert "from 192.0.2.1" not in result.error
