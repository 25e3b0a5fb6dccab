"""Changes of all shapes, for properties that hold whatever the run: steps, batches, refusals, failures and checks."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from engine_stage import Stage
from mortal import SAVE, Death, Mortal, Script, network
from nornflow.model.rollout import Amount, Matching, Rollout
from nornflow.model.step import OnFailure


@dataclass(frozen=True)
class Shape:
    """A workflow, a number of devices, and which of them refuse a line."""

    script: Script
    count: int
    refusing: tuple[str, ...]


def devices_of(shape: Shape) -> dict[str, Mortal]:
    """Return the devices, as nobody has touched them."""
    return {
        name: Mortal(device.config, rejects=("192.0.2.10",) if name in shape.refusing else ())
        for name, device in network(shape.count).items()
    }


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Return a change on a few devices."""
    count = draw(st.integers(1, 5))
    hosts = [f"r{n}" for n in range(1, count + 1)]
    bad = draw(st.sets(st.sampled_from(hosts), max_size=2))
    refusing = tuple(sorted(draw(st.sets(st.sampled_from(hosts), max_size=1))))
    on_failure = draw(st.sampled_from(list(OnFailure)[:3]))
    rollout = Rollout(
        batches=tuple(draw(st.lists(st.sampled_from(_BATCHES), min_size=1, max_size=3))),
        max_failures=Amount(draw(st.integers(0, 2))),
        soak=draw(st.sampled_from([0, 7])),
    )
    lines = draw(st.lists(st.sampled_from(_LINES), min_size=1, max_size=4, unique=True))
    more = draw(st.lists(st.sampled_from(_LINES), max_size=2, unique=True))
    save, middle, first, last, looked, asked = (draw(st.booleans()) for _ in range(6))
    unwell = draw(st.sampled_from(["nobody", *hosts]))
    well = draw(st.booleans())
    rollback = draw(st.sampled_from([None, False]))

    def script(stage: Stage) -> Stage:
        stage.workflow |= {"on_failure": on_failure, "rollout": rollout}
        before: list[str] = []
        if first:
            stage.step("tell", "fake.say", text="begin")
            before = ["tell"]
        stage.step("configure", "fake.configure", *before, lines=[*lines, *([SAVE] if save else [])], rollback=rollback)
        after = "configure"
        if middle:
            stage.step("between", "fake.say", after, text="between")
            after = "between"
        if more:
            stage.step("more", "fake.configure", after, lines=more)
            after = "more"
        stage.step("verify", "fake.check", after, condition=f"host.name not in {sorted(bad)}")
        if last:
            stage.step("end", "fake.say", "verify", text="end")
        if looked:
            stage.step("look", "fake.check", condition=f"host.name != '{unwell}'", check=True)
        if asked:
            stage.step("ask", "fake.say", *(["look"] if looked else []), fail=0 if well else 999, check=True)
        return stage

    return Shape(script, count, refusing)


_BATCHES = (
    Amount(1),
    Amount(2),
    Amount(3),
    Amount(40, percent=True),
    Matching("name == 'r2'"),
    Matching("name > 'r8'"),
)
_LINES = (
    "ntp server 192.0.2.9",
    "no ntp server 192.0.2.1",
    "interface Loopback0",
    " description changed",
    "hostname changed",
    "snmp-server contact me",
    "ntp server 192.0.2.10",
)
DEATHS = st.one_of(
    st.builds(Death, entry=st.integers(1, 60), after=st.booleans(), notes=st.booleans()),
    st.builds(Death, line=st.integers(1, 6)),
)
