"""scrapli's sessions in trouble: dropped, silent, hanging, cut from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from nornir_scrapli.tasks import (
    send_command,
    send_configs,
)

from nornflow.devices.guard import Lease, abort_host, guarded_read_config, held, revoke
from nornflow.errors import ConnectionLost, NornFlowError
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, Mode
from nornflow.platforms.load import platform_for
from nornflow.testing import Fleet
from nornflow.testing.guarded import GuardedNetwork
from patience import soon
from scrapli_network import TRANSPORTS, behind


class TestTrouble:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_a_dropped_session_is_noticed_at_once_and_opened_anew(
        self, transport: str, fleet: Callable[..., Fleet]
    ) -> None:
        routers = fleet(1)
        with behind(routers, transport) as network:
            assert network.plan("r1", send_command, command="show clock").error is None
            routers.fault("r1", "drop", after=0)
            began = time.monotonic()
            outcome = network.plan("r1", send_command, command="show version")
            assert isinstance(outcome.error, ConnectionLost)
            assert time.monotonic() - began < 20  # it would have been waited for for 30
            routers.heal("r1")
            assert network.plan("r1", send_command, command="show clock").error is None

    @pytest.mark.parametrize("transport", TRANSPORTS)
    @pytest.mark.parametrize("timeout_ops", [None, 60])
    def test_a_hanging_session_ends_when_it_is_cut_from_another_thread(
        self, timeout_ops: int | None, transport: str, fleet: Callable[..., Fleet]
    ) -> None:
        routers = fleet(1)
        with behind(routers, transport) as network:
            assert network.plan("r1", send_command, command="show clock").error is None
            routers.fault("r1", "hang", after=0)
            lease = Lease(
                Grant("r1", "step", Mode.APPLY, frozenset(["device.read"])), platform_for("cisco_ios"), LeaseReport()
            )
            ended: list[BaseException | None] = []

            def work() -> None:
                try:
                    with held(lease):
                        connection = network.hosts["r1"].get_connection("scrapli", None)
                        connection.send_command("show version", timeout_ops=timeout_ops)
                except NornFlowError as error:
                    ended.append(error)

            worker = threading.Thread(target=work)
            worker.start()
            assert soon(lambda: routers["r1"].counters.hangs == 1)
            revoke(lease)
            abort_host(network.hosts["r1"])
            worker.join(20)
            assert not worker.is_alive()
            assert ended

    def test_an_operation_ends_at_its_own_time_and_the_next_step_has_a_new_session(
        self, own: tuple[Fleet, GuardedNetwork]
    ) -> None:
        routers, network = own
        routers.fault("r1", "hang", at="show version")
        outcomes: list[Any] = []
        worker = threading.Thread(
            target=lambda: outcomes.append(network.plan("r1", send_command, command="show version", timeout_ops=0.5))
        )
        worker.start()
        worker.join(20)
        assert "timed out" in str(outcomes[0].error)
        routers.heal("r1")
        assert network.plan("r1", send_command, command="show clock").error is None

    def test_silence_ends_a_read_that_has_no_time_of_its_own(self, fleet: Callable[..., Fleet]) -> None:
        routers = fleet(1)
        with behind(routers, timeout_transport=1) as network:
            assert network.plan("r1", send_command, command="show clock").error is None
            routers.fault("r1", "hang", after=0)
            outcome = network.plan("r1", send_command, command="show version")
            assert "silent" in str(outcome.error)

    def test_a_login_that_hangs_can_be_cut(self, fleet: Callable[..., Fleet]) -> None:
        routers = fleet(1)
        routers.fault("r1", "noanswer")
        with behind(routers) as network:
            lease = Lease(
                Grant("r1", "step", Mode.APPLY, frozenset(["device.read"])), platform_for("cisco_ios"), LeaseReport()
            )
            host = network.hosts["r1"]

            def cut() -> None:
                revoke(lease)
                abort_host(host)

            threading.Timer(0.3, cut).start()
            began = time.monotonic()
            with pytest.raises(NornFlowError), held(lease):
                guarded_read_config(host, "scrapli")
            assert time.monotonic() - began < 10

    def test_an_enable_secret_of_its_own_is_used_and_forgotten(self) -> None:
        with (
            Fleet(1, prefix="r", enable_secret="of-its-own") as routers,
            behind(routers, auth_secondary="of-its-own") as network,
        ):
            outcome = network.plan("r1", send_configs, configs=["ntp server 192.0.2.9"])
            assert outcome.error is None
            assert outcome.report.captured == ["ntp server 192.0.2.9"]
