"""Whom to call about a device, and no ticketed change without its ticket: the plugin that the tutorial builds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from nornir.core.task import Result, Task
from pydantic import Field

from nornflow import Decision, Gate, GateRequest, StepType, Verdict, device_step, hookimpl


@device_step("example.set_contact", permissions={"device.configure"})
def set_contact(
    task: Task, contact: Annotated[str, Field(min_length=1, max_length=200, description="name, phone or address")]
) -> Result:
    """Write on a device whom to call about it (`snmp-server contact`)."""
    connection = task.host.get_connection("netmiko", task.nornir.config)
    output = connection.send_config_set([f"snmp-server contact {contact}"])
    return Result(host=task.host, result=output, changed=True)


class TicketGate(Gate):
    """Stops a workflow that is tagged `ticketed` when it is run without the input `ticket`."""

    name = "example.ticket"

    def check(self, request: GateRequest) -> Sequence[Decision]:
        """Deny without a ticket; no decision at all means allow."""
        if "ticketed" not in request.workflow.tags or request.inputs.get("ticket"):
            return []
        return [
            Decision(
                Verdict.DENY,
                f"{request.workflow.name} is tagged ticketed and has no ticket",
                gate=self.name,
                rule="ticketed",
                hint="give the change number with: -i ticket=CHG0012345",
            )
        ]


@hookimpl
def nornflow_step_types() -> Iterator[StepType]:
    """Bring the contact step."""
    yield set_contact


@hookimpl
def nornflow_gates() -> Iterator[Gate]:
    """Bring the ticket gate."""
    yield TicketGate()
