"""The facade and the vault, in front of a driver that speaks no lines at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from nornir.core.inventory import ConnectionOptions, Defaults, Group, Host, ParentGroups
from nornir.core.task import Task

from nornflow import ConnectionGuard, Surface, Target
from nornflow.devices.guard import guard_hosts, guarded_configure, guarded_read_config
from nornflow.devices.guard.lease import GuardDeniedAttribute
from nornflow.errors import GuardDenied
from nornflow.model.permission import LineRule, Mode
from nornflow.redaction import Redactor
from nornflow.testing.guarded import GuardedNetwork


class ApiDriver:
    """A driver as a third party would have it: methods, no terminal."""

    def __init__(self, target: Target) -> None:
        self.hostname = target.hostname
        self.password = target.password.reveal()
        self.target = target
        self.did: list[str] = []

    def run(self, commands: list[str]) -> list[str]:
        self.did += commands
        return [f"output of {command}" for command in commands]

    def parse(self, command: str, wait: int = 0, program: str = "") -> str:
        self.did.append(command)
        return "parsed"

    def old_parse(self, *arguments: Any, **options: Any) -> str:
        return self.parse(*arguments, **options)

    def configure(self, lines: Any, comment: str = "") -> str:
        self.did += list(lines)
        return "done"

    def configure_file(self, path: str) -> str:
        raise AssertionError("never called in these tests")

    def facts(self, of: str = "", template: str = "") -> str:
        self.did.append(f"facts {of}")
        return "facts"

    def get_interfaces(self) -> list[str]:
        return ["Ethernet1"]

    def reboot(self) -> None:
        self.did.append("reboot")


class ApiGuard(ConnectionGuard):
    connection = "api"
    surface = Surface(
        attributes=frozenset({"hostname"}),
        reads=frozenset({"facts"}),
        read_prefixes=("get_",),
        commands={"run": "commands", "parse": "command", "old_parse": "command"},
        configures={"configure": "lines"},
        configure_files={"configure_file": "path"},
        raw=frozenset({"reboot"}),
        multiline=frozenset({"template"}),
        closed=frozenset({"program"}),
    )

    def __init__(self) -> None:
        self.opened: list[ApiDriver] = []

    def open(self, target: Target, wrap: Callable[[Any], Any]) -> ApiDriver:
        self.opened.append(ApiDriver(target))
        return self.opened[-1]

    def close(self, driver: ApiDriver) -> None:
        driver.did.append("closed")

    def forget(self, driver: ApiDriver) -> None:
        driver.password = ""

    def read_config(self, driver: ApiDriver) -> str:
        return "hostname sw1\n"

    def configure(self, driver: ApiDriver, lines: Sequence[str]) -> None:
        driver.configure(lines)


INVENTORY = {
    "sw1": {"hostname": "192.0.2.1", "username": "netops", "password": "open-sesame", "platform": "arista_eos"}
}
PERMISSIONS = {"permissions": ("device.read", "device.configure")}


@pytest.fixture
def guard() -> ApiGuard:
    return ApiGuard()


@pytest.fixture
def network(guard: ApiGuard) -> Iterator[GuardedNetwork]:
    with GuardedNetwork(INVENTORY, [guard]) as network:
        yield network


def using(use: Callable[[Any], Any]) -> Callable[[Task], Any]:
    def task(task: Task) -> Any:
        return use(task.host.get_connection("api", task.nornir.config))

    return task


def test_reads_pass_and_commands_are_judged_before_the_driver_sees_them(
    network: GuardedNetwork, guard: ApiGuard
) -> None:
    outcome = network.plan(
        "sw1", using(lambda c: (c.run(["show version"]), c.facts("all"), c.get_interfaces(), c.hostname))
    )
    denied = network.plan("sw1", using(lambda c: c.run(["show version", "reload now"])))

    assert outcome.error is None
    assert outcome.result == (["output of show version"], "facts", ["Ethernet1"], "192.0.2.1")
    assert isinstance(denied.error, GuardDenied)
    assert guard.opened[0].did == ["show version", "facts all"]


def test_configuration_is_captured_while_planning_and_held_against_the_plan(
    network: GuardedNetwork, guard: ApiGuard
) -> None:
    lines = ["interface Ethernet1", "description x"]
    planned = network.plan("sw1", using(lambda c: c.configure(iter(lines), comment="why")))
    applied = network.apply("sw1", using(lambda c: c.configure(iter(lines))), grant={"sealed": tuple(lines)})
    other = network.apply("sw1", using(lambda c: c.configure([*lines, "hostname x"])), grant={"sealed": tuple(lines)})

    assert planned.report.captured == lines
    assert applied.report.sent == lines
    assert isinstance(other.error, GuardDenied)
    assert guard.opened[0].did == lines


@pytest.mark.parametrize("text", ["a\nreload", "a; reload", "a | tee", "a`b`", "a\x03", "\u202ea", "$(x)"])
def test_texts_given_to_reads_are_one_plain_line(text: str, network: GuardedNetwork, guard: ApiGuard) -> None:
    for use in (lambda c: c.facts(text), lambda c: c.facts(of=text), lambda c: c.facts([{"deep": [text]}])):
        assert isinstance(network.plan("sw1", using(use)).error, GuardDenied)
    assert guard.opened[0].did == []


class Chameleon:
    """Another text at every look."""

    def __str__(self) -> str:
        raise AssertionError("nobody asks it")


def test_an_object_that_is_no_plain_value_is_refused(network: GuardedNetwork) -> None:
    assert isinstance(network.plan("sw1", using(lambda c: c.facts(Chameleon()))).error, GuardDenied)


def test_an_iterator_is_judged_like_a_list(network: GuardedNetwork, guard: ApiGuard) -> None:
    assert isinstance(network.plan("sw1", using(lambda c: c.run(iter(["reload"])))).error, GuardDenied)
    assert network.plan("sw1", using(lambda c: c.run(x for x in ["show version"]))).error is None
    assert guard.opened[0].did == ["show version"]


@pytest.mark.parametrize(
    "command", [{"cmd": "reload"}, ["show version", "reload"], ("show version", "reload"), b"reload", 7], ids=repr
)
def test_an_object_that_an_api_would_take_for_other_commands_is_none(
    command: Any, network: GuardedNetwork, guard: ApiGuard
) -> None:
    everything = {"permissions": ("device.*",)}
    for way in (network.plan, network.apply):
        outcome = way("sw1", using(lambda driver: driver.run([command])), grant=everything)
        assert isinstance(outcome.error, GuardDenied), outcome
        assert "is no text but a" in str(outcome.error)
    assert guard.opened[0].did == []


@pytest.mark.parametrize(
    "call",
    [
        lambda driver: driver.parse("show version", program="<macro>"),
        lambda driver: driver.parse("show version", 5, "<macro>"),
        lambda driver: driver.old_parse("show version", 5, "<macro>"),
    ],
    ids=["by name", "by place", "behind *args"],
)
def test_an_argument_that_would_be_run_is_refused_wherever_it_stands(
    call: Callable[[Any], Any], network: GuardedNetwork, guard: ApiGuard
) -> None:
    outcome = network.plan("sw1", using(call))
    assert isinstance(outcome.error, GuardDenied), outcome
    assert "would run code" in str(outcome.error)
    assert network.plan("sw1", using(lambda driver: driver.parse("show version", 5, ""))).error is None
    assert guard.opened[0].did == ["show version"]


@pytest.mark.parametrize("command", ["write memory", "configure", "clear counters"])
def test_commands_that_do_more_than_read_are_not_played_without_a_wire(
    command: str, network: GuardedNetwork, guard: ApiGuard
) -> None:
    everything = {"permissions": ("device.*",)}
    outcome = network.plan("sw1", using(lambda c: c.run(["show version", command])), grant=everything)

    assert isinstance(outcome.error, GuardDenied)
    assert outcome.report.captured == []
    assert guard.opened[0].did == []


def test_a_template_may_have_lines(network: GuardedNetwork) -> None:
    assert network.plan("sw1", using(lambda c: c.facts(template="a\nb"))).error is None


def test_what_the_driver_has_and_the_guard_does_not_name_is_denied_and_recorded(network: GuardedNetwork) -> None:
    outcome = network.plan("sw1", using(lambda c: c.target))

    assert isinstance(outcome.error, GuardDeniedAttribute)
    assert isinstance(outcome.error, AttributeError)
    assert outcome.report.denials == [outcome.error.message]


def test_asking_for_what_no_driver_has_is_an_ordinary_attribute_error(network: GuardedNetwork) -> None:
    outcome = network.plan("sw1", using(lambda c: (hasattr(c, "nothing"), getattr(c, "nothing", 7))))

    assert outcome.result == (False, 7)
    assert outcome.report.denials == []


def test_it_looks_like_its_driver(network: GuardedNetwork) -> None:
    outcome = network.plan(
        "sw1", using(lambda c: (isinstance(c, ApiDriver), "run" in dir(c), "target" in dir(c), repr(c)))
    )

    assert outcome.result == (True, True, False, "<guarded api connection of sw1>")


def test_raw_methods_need_their_permission_and_are_never_planned(network: GuardedNetwork, guard: ApiGuard) -> None:
    for outcome in (
        network.plan("sw1", using(lambda c: c.reboot()), grant={"permissions": ("device.*",)}),
        network.apply("sw1", using(lambda c: c.reboot())),
    ):
        assert isinstance(outcome.error, GuardDenied)
    assert network.apply("sw1", using(lambda c: c.reboot()), grant={"permissions": ("device.*",)}).error is None
    assert guard.opened[0].did == ["reboot"]


def test_reads_need_device_read_without_a_wire_too(network: GuardedNetwork) -> None:
    for use in (lambda c: c.facts(), lambda c: c.run(["show version"])):
        assert isinstance(network.plan("sw1", using(use), grant={"permissions": ()}).error, GuardDenied)


def test_a_file_with_a_denied_line_is_denied(network: GuardedNetwork, tmp_path: Any) -> None:
    file = tmp_path / "x.cfg"
    file.write_text("interface Vlan10\n shutdown\n")
    deny = (LineRule("^interface Vlan10 / shutdown"),)
    outcome = network.plan("sw1", using(lambda c: c.configure_file(str(file))), grant={"deny": deny})

    assert isinstance(outcome.error, GuardDenied)


def test_the_engines_own_calls_are_judged_alike(network: GuardedNetwork, guard: ApiGuard) -> None:
    host = network.hosts["sw1"]
    with network.lease("sw1", Mode.APPLY, ["device.read", "device.configure"], sealed=("hostname a",)) as report:
        assert guarded_read_config(host, "api") == "hostname sw1\n"
        with pytest.raises(GuardDenied):
            guarded_configure(host, "api", ["hostname a", "hostname b"])
        guarded_configure(host, "api", ["hostname a"])
    assert report.sent == ["hostname a"]
    with network.lease("sw1", Mode.PLAN, ["device.configure"]), pytest.raises(GuardDenied):
        guarded_configure(host, "api", ["hostname a"])
    assert guard.opened[0].did == ["hostname a"]


def test_secrets_leave_every_object_of_the_inventory_and_reach_the_opener(guard: ApiGuard) -> None:
    defaults = Defaults(
        password="the-default", connection_options={"api": ConnectionOptions(extras={"secret": "of-defaults"})}
    )
    above = Group(
        "above", password="of-the-group", connection_options={"ssh": ConnectionOptions(password="of-the-option")}
    )
    group = Group("site", groups=ParentGroups([above]))
    options = {"api": ConnectionOptions(extras={"optional_args": {"enable_password": "deep-inside", "port": 1}})}
    hosts = {
        "a": Host("a", groups=ParentGroups([group]), defaults=defaults, connection_options=options),
        "b": Host("b", defaults=defaults),
        "c": Host("c", password="its-own", defaults=defaults),
    }
    redactor = Redactor()
    guard_hosts(hosts, {"api": guard}, redactor=redactor)

    seen = "".join(map(str, (host.dict() for host in hosts.values()))) + str(defaults.dict()) + str(above.dict())
    for secret in ("the-default", "of-the-group", "of-the-option", "of-defaults", "deep-inside", "its-own"):
        assert secret not in seen
        assert redactor.text(secret) == "********"
    assert [host.password for host in hosts.values()] == ["********"] * 3

    from nornflow.devices.guard import Lease, held
    from nornflow.model.device import LeaseReport
    from nornflow.model.permission import Grant
    from nornflow.platforms.load import platform_for

    for name, host in hosts.items():
        grant = Grant(name, "step", Mode.PLAN, frozenset({"device.read"}))
        with held(Lease(grant, platform_for("eos"), LeaseReport())):
            host.get_connection("api", None)  # type: ignore[arg-type]
    assert [driver.target.password.reveal() for driver in guard.opened] == ["of-the-group", "the-default", "its-own"]
    assert guard.opened[0].target.extras == {"optional_args": {"enable_password": "deep-inside", "port": 1}}
    assert guard.opened[1].target.extras == {"secret": "of-defaults"}
    assert [driver.password for driver in guard.opened] == ["", "", ""]


def test_two_inventories_share_nothing() -> None:
    first, second = ApiGuard(), ApiGuard()
    with GuardedNetwork(INVENTORY, [first]) as one, GuardedNetwork(INVENTORY, [second]) as two:
        assert one.plan("sw1", using(lambda c: c.facts())).error is None
        assert (len(first.opened), len(second.opened)) == (1, 0)
        assert type(one.hosts["sw1"]) is not type(two.hosts["sw1"])
    with GuardedNetwork(INVENTORY, []) as none:
        outcome = none.plan("sw1", using(lambda c: c.facts()))
        assert isinstance(outcome.error, GuardDenied)
        assert "no guard knows the connection 'api'" in outcome.error.message
