"""The wire without a device: whatever is written, in whatever pieces, only what was granted goes out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.devices.guard.lease import Lease, held
from nornflow.devices.guard.wire import Phase, Wire
from nornflow.errors import GuardDenied, LineRejected, NornFlowError, StepCancelled
from nornflow.model.device import LeaseReport
from nornflow.model.permission import Grant, LineRule, Mode
from nornflow.platforms.exec import Kind, classify
from nornflow.platforms.load import platform_for

PROMPT = b"r1#"


class Bench:
    """A wire whose other end is a list of bytes and a device that only shows its prompt."""

    def __init__(self, mode: Mode, *permissions: str, platform: str = "cisco_ios", **grant: object) -> None:
        self.report = LeaseReport()
        grant_ = Grant("r1", "step", mode, frozenset(permissions), **grant)  # type: ignore[arg-type]
        self.lease = Lease(grant_, platform_for(platform), self.report)
        self.wire = Wire(platform_for(platform))
        self.wire.read(b"\r\n" + PROMPT)
        self.wire.phase = Phase.GUARDED
        self.out = b""

    def write(self, data: bytes) -> None:
        self.out += self.wire.write(data)

    def lines(self, *lines: str) -> None:
        for line in lines:
            self.write(line.encode() + b"\n")

    @property
    def answers(self) -> str:
        return b"".join(self.wire.answers).decode()

    def __enter__(self) -> Bench:
        self.held = held(self.lease)
        self.held.__enter__()
        self.wire.take(self.lease)
        return self

    def __exit__(self, *error: object) -> None:
        self.held.__exit__(None, None, None)


def test_planning_plays_configuration_mode_and_sends_nothing_of_it() -> None:
    with Bench(Mode.PLAN, "device.read") as bench:
        bench.lines(
            "configure terminal", "interface Vlan10", " shutdown", "exit", "do show clock", "!", "end", "write memory"
        )

    assert bench.out == b""
    assert bench.report.captured == ["interface Vlan10", " shutdown", "exit", "exec:write memory"]
    assert "r1(config)#" in bench.answers
    assert bench.answers.endswith("[OK]\r\nr1#")


def test_a_banner_keeps_its_lines_and_shows_no_prompt_until_it_is_closed() -> None:
    with Bench(Mode.PLAN) as bench:
        bench.lines("configure terminal", "banner motd ^", "reload is forbidden", "  no prompt here#", "^", "end")

    assert bench.report.captured == ["banner motd ^", "reload is forbidden", "  no prompt here#", "^"]
    assert bench.answers.count("(config)#") == 2


def test_applying_takes_the_sealed_lines_in_their_order_and_no_other() -> None:
    sealed = ("interface Vlan10", " description a", "exec:write memory")
    with Bench(Mode.APPLY, "device.configure", sealed=sealed) as bench:
        bench.lines("conf t", "interface Vlan10", "!", " description a", "end", "wr")

    assert bench.out.decode().splitlines() == ["conf t", "interface Vlan10", "!", " description a", "end", "wr"]
    assert bench.report.sent == list(sealed)


@pytest.mark.parametrize(
    "lines",
    [
        ["interface Vlan11"],
        ["interface Vlan10", " description b"],
        ["interface Vlan10", "description a"],
        [" description a"],
        ["interface Vlan10", " description a", " description a"],
        ["interface Vlan10", "interface Vlan10"],
    ],
    ids=" / ".join,
)
def test_a_line_that_is_not_the_next_sealed_one_is_denied(lines: list[str]) -> None:
    with Bench(Mode.APPLY, "device.configure", sealed=("interface Vlan10", " description a")) as bench:
        with pytest.raises(GuardDenied, match="is not what the plan has next"):
            bench.lines("configure terminal", *lines)
        assert bench.wire.dead
        with pytest.raises(GuardDenied, match="closed after a denial"):
            bench.lines("show clock")


def test_saving_is_a_sealed_line_too() -> None:
    with Bench(Mode.APPLY, "device.configure", sealed=()) as bench, pytest.raises(GuardDenied):
        bench.lines("write memory")


def test_without_a_plan_only_rules_bind_and_the_permission_is_needed() -> None:
    deny = (LineRule("^interface Vlan10 / shutdown", where="p.yaml:3"),)
    with Bench(Mode.APPLY, "device.configure", deny=deny) as bench:
        bench.lines("configure terminal", "int vl11", "shut", "int vl10")
        with pytest.raises(GuardDenied, match=r"p\.yaml:3"):
            bench.lines("shut")
    with Bench(Mode.APPLY, "device.read") as bench, pytest.raises(GuardDenied, match=r"device\.configure"):
        bench.lines("configure terminal")


def test_a_denied_line_is_denied_while_planning() -> None:
    deny = (LineRule("^aaa"), LineRule("^reload", on="exec"))
    for line in ("aaa new-model", "do reload", "do-exec rel", "alias exec sh reload", "kron policy-list x"):
        with Bench(Mode.PLAN, "device.command", deny=deny) as bench, pytest.raises(GuardDenied):
            bench.lines("configure terminal", line)


@pytest.mark.parametrize("platform", ["arista_eos", "nobody-knows-it"])
def test_sections_that_no_grammar_knows_still_count(platform: str) -> None:
    deny = (LineRule("^interface Vlan10 / shutdown"),)
    with Bench(Mode.PLAN, platform=platform, deny=deny) as bench:
        bench.lines("configure terminal", "interface Vlan10", "description x", "exit", "interface Vlan11", "shutdown")
        with pytest.raises(GuardDenied):
            bench.lines("interface Vlan10", "description y", "shutdown")


def test_reads_need_the_permission_and_the_allow_list() -> None:
    with Bench(Mode.PLAN) as bench, pytest.raises(GuardDenied, match=r"device\.read"):
        bench.lines("show version")
    allow = (LineRule("^show version", on="exec"),)
    with Bench(Mode.PLAN, "device.read", allow_exec=allow) as bench:
        bench.lines("sh version", "terminal length 0")
        with pytest.raises(GuardDenied, match="not among the reads"):
            bench.lines("show running-config")
    assert bench.out == b"sh version\nterminal length 0\n"


def test_other_commands_need_their_permission_and_stand_in_the_plan() -> None:
    with Bench(Mode.PLAN, "device.command") as bench:
        bench.lines("clear ip bgp *")
    assert bench.report.captured == ["exec:clear ip bgp *"]
    with Bench(Mode.APPLY, "device.command", sealed=("exec:clear ip bgp *",)) as bench:
        bench.lines("clear ip bgp *")
        bench.wire.read(b"clear ip bgp *\r\nReally? [y/n] ")
        bench.lines("y")
        bench.wire.read(b"\r\nr1#")
        with pytest.raises(GuardDenied):
            bench.lines("y")


def test_a_half_typed_read_may_go_out_but_its_end_is_judged_and_the_session_dies() -> None:
    with Bench(Mode.PLAN, "device.read") as bench:
        bench.write(b"show version")
        assert bench.out == b"show version"
        with pytest.raises(GuardDenied):
            bench.write(b" | redirect flash:x\n")
        assert bench.wire.dead
    with Bench(Mode.PLAN, "device.read") as bench:
        bench.write(b"relo")
        assert bench.out == b""
        assert bench.answers == "relo"


def test_several_lines_in_one_write_go_out_all_or_none() -> None:
    with Bench(Mode.APPLY, "device.configure", sealed=("hostname a",)) as bench:
        with pytest.raises(GuardDenied):
            bench.wire.rehearse(b"configure terminal\nhostname a\nhostname b\n")
        assert bench.report.sent == []
        assert bench.lease.cursor == 0


def test_after_a_refused_line_nothing_more_is_sent() -> None:
    bench = Bench(Mode.APPLY, "device.configure")
    bench.held = held(bench.lease)
    bench.held.__enter__()
    bench.wire.take(bench.lease)
    bench.lines("configure terminal")
    bench.wire.read(b"configure terminal\r\nr1(config)#")
    bench.lines("bogus")
    bench.wire.read(b"bogus\r\n       ^\r\n% Invalid input detected at '^' marker.\r\n\r\nr1(config)#")
    with pytest.raises(LineRejected) as caught:
        bench.lines("hostname x")
    assert (caught.value.line, caught.value.marker) == ("bogus", "% Invalid input detected at '^' marker.")
    bench.lines("end")
    assert bench.out.endswith(b"bogus\nend\n")
    with pytest.raises(LineRejected):
        bench.held.__exit__(None, None, None)


def test_a_revoked_lease_ends_at_once() -> None:
    with Bench(Mode.PLAN, "device.read") as bench:
        bench.lease.active = False
        with pytest.raises(GuardDenied, match="the step is over"):
            bench.lines("show version")


def test_a_lease_that_was_taken_away_before_it_was_held_never_comes_into_force() -> None:
    lease = Lease(Grant("r1", "step", Mode.APPLY), platform_for("cisco_ios"), LeaseReport())
    lease.revoke()
    with pytest.raises(StepCancelled, match="the work was ended"), held(lease):
        pytest.fail("it was held")
    assert not lease.active


def test_junos_has_its_own_prompts_and_a_commit_that_stays_here() -> None:
    with Bench(Mode.PLAN, "device.read", platform="juniper_junos") as bench:
        bench.wire.read(b"\r\nnetops@r1> ")
        bench.lines(
            "configure", "set system host-name x", "show | compare", "commit and-quit", "exit configuration-mode"
        )
    assert bench.out == b""
    assert bench.report.captured == ["set system host-name x", "commit and-quit"]
    assert "[edit]" in bench.answers
    assert "commit complete" in bench.answers


_TEXT = """show sh version running-config | redirect include flash:x reload relo wr er write memory erase conf t configure
terminal replace end exit do do-exec no shutdown interface Vlan10 hostname x banner motd ^ copy run start tftp://h/f ! enable
disable alias exec ; ` ? é clear ip bgp * y length 0 ping 192.0.2.1 abort"""
_WORDS = st.sampled_from([*_TEXT.split(), "\t", "\x03", "\x1a", "\x08", "\x7f", "\x00"])
_LINES = st.lists(st.lists(_WORDS, max_size=4).map(" ".join), max_size=8)
_ENDS = st.sampled_from(["\n", "\r", "\r\n", "", "\n\n"])


READS = {Kind.READ, Kind.SESSION, Kind.ENABLE}


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(marks)]


def _drive(bench: Bench, pieces: list[bytes]) -> None:
    for piece in pieces:
        try:
            if len(piece.splitlines()) > 1:
                bench.wire.rehearse(piece)
                for line in piece.splitlines(keepends=True):
                    bench.write(line)
            else:
                bench.write(piece)
        except NornFlowError:
            if bench.wire.dead:
                return


@settings(max_examples=400, deadline=None)
@given(lines=_LINES, ends=st.lists(_ENDS, min_size=8, max_size=8), places=st.lists(st.integers(0, 400), max_size=12))
def test_planning_lets_nothing_out_but_reads(lines: list[str], ends: list[str], places: list[int]) -> None:
    data = "".join(line + end for line, end in zip(lines, ends, strict=False)).encode("utf-8", "surrogateescape")
    bench = Bench(Mode.PLAN, "device.read")
    with bench:
        _drive(bench, _cut(data, places))

    assert _kinds(bench.out) <= READS


@settings(max_examples=400, deadline=None)
@given(data=st.binary(max_size=120), places=st.lists(st.integers(0, 120), max_size=12))
def test_planning_lets_nothing_out_but_reads_whatever_the_bytes(data: bytes, places: list[int]) -> None:
    bench = Bench(Mode.PLAN, "device.read")
    with bench:
        _drive(bench, _cut(data, places))

    assert _kinds(bench.out) <= READS


def _kinds(out: bytes) -> set[Kind]:
    """Return of what kinds the lines are that went out."""
    grammar = platform_for("cisco_ios").exec
    return {classify(line, grammar).kind for line in out.replace(b"\r", b"\n").split(b"\n")}


@settings(max_examples=400, deadline=None)
@given(
    lines=_LINES,
    sealed=st.lists(
        st.sampled_from(["interface Vlan10", "no shutdown", "hostname x", "exec:write memory"]), max_size=4
    ),
    follows=st.booleans(),
    places=st.lists(st.integers(0, 400), max_size=8),
)
def test_applying_lets_nothing_out_but_reads_and_the_sealed_lines_in_order(
    lines: list[str], sealed: list[str], follows: bool, places: list[int]
) -> None:
    wanted = ["configure terminal", *(line for line in sealed if not line.startswith("exec:"))] if follows else []
    data = "".join(f"{line}\n" for line in [*wanted, *lines]).encode("utf-8", "surrogateescape")
    bench = Bench(Mode.APPLY, "device.configure", sealed=tuple(sealed))
    with bench:
        _drive(bench, _cut(data, places))

    assert bench.report.sent == sealed[: len(bench.report.sent)]
    allowed = [line.removeprefix("exec:") for line in sealed]
    grammar = platform_for("cisco_ios").exec
    for raw in bench.out.replace(b"\r", b"\n").split(b"\n"):
        line = raw.decode().rstrip()
        verdict = classify(line, grammar)
        command = grammar.behind_do(line)
        harmless = verdict.kind in (Kind.READ, Kind.SESSION, Kind.ENABLE, Kind.ENTER)
        harmless = harmless or line.strip() in ("end", "exit") or line.strip()[:1] == "!"
        harmless = harmless or (command is not None and classify(command, grammar).kind in (Kind.READ, Kind.SESSION))
        if harmless and verdict.canonical not in allowed:
            continue
        assert line == allowed[0] or verdict.canonical == allowed[0], line
        allowed.pop(0)
