"""A record is what a frozen dataclass with slots is, in everything that can be seen of it but the time that it takes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.record import record

Maker = Callable[[type[Any]], type[Any]]


def declared(maker: Maker) -> dict[str, type[Any]]:
    """Declare the same classes by one of the two decorators."""

    @maker
    class Interface:
        """Has every kind of field."""

        name: str
        mtu: int = 1500
        lines: tuple[str, ...] = ()
        tags: dict[str, Any] = field(default_factory=dict)
        seen: float = field(default=0.0, compare=False)
        secret: str = field(default="s3cret", repr=False)
        kind: str = field(default="port", init=False)
        history: list[str] = field(default_factory=list, init=False, compare=False)

    @maker
    class Nothing:
        """Has no field."""

    @maker
    class Checked:
        """Looks at what it is given, and is equal in its own way."""

        number: int

        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError("negative")

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Checked) and self.number % 10 == other.number % 10

    return {one.__name__: one for one in (Interface, Nothing, Checked)}


RECORDS, DATACLASSES = declared(record), declared(dataclass(frozen=True, slots=True))

given_values = st.fixed_dictionaries(
    {"name": st.text(max_size=3)},
    optional={
        "mtu": st.integers(),
        "lines": st.lists(st.text(max_size=2), max_size=2).map(tuple),
        "tags": st.dictionaries(st.text(max_size=1), st.integers(), max_size=2),
        "seen": st.floats(allow_nan=False),
        "secret": st.text(max_size=2),
    },
)


@given(given_values, given_values)
def test_the_values_of_a_record_are_those_of_a_dataclass(one: dict[str, Any], other: dict[str, Any]) -> None:
    ours, theirs = (RECORDS["Interface"](**values) for values in (one, other))
    peer, peers = (DATACLASSES["Interface"](**values) for values in (one, other))

    assert (asdict(ours), repr(ours), ours == theirs) == (asdict(peer), repr(peer), peer == peers)
    assert asdict(replace(ours, mtu=9000)) == asdict(replace(peer, mtu=9000))
    assert copy.deepcopy(ours) == copy.copy(ours) == ours
    assert ours.history is not theirs.history


@given(st.integers(0, 50), st.integers(0, 50))
def test_hashes_go_with_equality(one: int, other: int) -> None:
    for made in (RECORDS, DATACLASSES):
        same = made["Checked"](one) == made["Checked"](other)
        assert same is (one % 10 == other % 10)
        assert hash(made["Checked"](one)) == hash((one,) if made is DATACLASSES else one)
    assert hash(RECORDS["Nothing"]()) == hash(RECORDS["Nothing"]())
    assert RECORDS["Nothing"]() != DATACLASSES["Nothing"]()


@pytest.mark.parametrize("made", [RECORDS, DATACLASSES], ids=["record", "dataclass"])
def test_both_refuse_the_same(made: dict[str, type[Any]]) -> None:
    interface = made["Interface"]("Gi1")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'mtu'"):
        interface.mtu = 9000
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'mtu'"):
        del interface.mtu
    with pytest.raises(TypeError, match=r"Interface.*missing 1 required positional argument: 'name'"):
        made["Interface"]()
    with pytest.raises(TypeError, match="unexpected keyword argument 'kind'"):
        made["Interface"]("Gi1", kind="other")
    with pytest.raises(ValueError, match="negative"):
        made["Checked"](-1)
    assert not hasattr(interface, "__dict__")


@pytest.mark.parametrize("made", [RECORDS, DATACLASSES], ids=["record", "dataclass"])
def test_a_record_is_a_dataclass_to_everybody(made: dict[str, type[Any]]) -> None:
    assert is_dataclass(made["Interface"])
    assert [one.name for one in fields(made["Checked"])] == ["number"]
    assert made["Interface"].__match_args__ == ("name", "mtu", "lines", "tags", "seen", "secret")


@record
class Plain:
    """Can be found by pickle."""

    name: str
    lines: tuple[str, ...] = ()


def test_a_record_goes_through_pickle() -> None:
    assert pickle.loads(pickle.dumps(Plain("r1", ("ntp server 192.0.2.1",)))) == Plain("r1", ("ntp server 192.0.2.1",))
    assert {Plain("r1"): 1}[Plain("r1")] == 1
