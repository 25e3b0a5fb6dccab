"""How many devices may fail: of all, of a group, of those with one value of a key; a share of few is none of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.engine.rollouts.thresholds import Thresholds
from nornflow.errors import UsageError
from nornflow.model.device import HostView
from nornflow.model.diagnostic import Location
from nornflow.model.rollout import Amount, Rollout

PLACE = Location("w.yaml", 4, 9)
HOSTS = {
    **{f"c{n}": HostView(f"c{n}", groups=("core",), data={"site": "ams"}) for n in range(2)},
    **{f"a{n}": HostView(f"a{n}", groups=("access",), data={"site": "ams" if n < 20 else "fra"}) for n in range(40)},
    "x": HostView("x"),
}


def exceeded(rollout: Rollout, *failed: str) -> str:
    return Thresholds(rollout, tuple(HOSTS), HOSTS).exceeded(set(failed))


def share(value: float) -> Amount:
    return Amount(value, percent=True)


@given(st.integers(1, 300), st.integers(0, 300), st.decimals(0, 100, places=3).map(float))
def test_a_share_is_exact(total: int, failed: int, percent: float) -> None:
    assert share(percent).exceeded_by(failed, total) is (failed * 100_000 > total * round(percent * 1000))


def test_a_share_that_is_less_than_one_device_bears_none() -> None:
    assert exceeded(Rollout(max_failures=share(2)), "x") == "1 of 43 devices failed, more than `max_failures: 2%` bears"
    assert exceeded(Rollout(max_failures=share(2))) == ""


def test_a_group_bears_what_it_says_whatever_the_others_bear() -> None:
    rollout = Rollout(max_failures=share(50), group_failures={"core": Amount(0), "access": share(5)})
    assert exceeded(rollout, "a1", "a2", "x") == ""
    assert exceeded(rollout, "c1") == "1 of 2 devices in group core failed, none may"
    beyond = "3 of 40 devices in group access failed, more than `max_failures: 5%` bears"
    assert exceeded(rollout, "a1", "a2", "a3") == beyond


def test_all_together_count_as_well() -> None:
    rollout = Rollout(max_failures=Amount(1), group_failures={"access": Amount(10)})
    assert exceeded(rollout, "a1", "a2").startswith("2 of 43 devices failed")


def test_each_value_of_a_key_has_its_own_devices_also_none() -> None:
    rollout = Rollout(max_failures=share(100), each_failures={"site": Amount(1)})
    assert exceeded(rollout, "a1", "a30", "x") == ""
    assert exceeded(rollout, "a1", "c1") == "2 of 22 devices with site ams failed, more than `max_failures: 1` bears"
    none = Rollout(max_failures=share(100), each_failures={"site": Amount(0)})
    assert exceeded(none, "x") == "1 of 1 devices without site failed, none may"


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        (Rollout(group_failures={"cores": Amount(0)}, location=PLACE), "is in group 'cores', did you mean 'core'?"),
        (Rollout(each_failures={"sites": Amount(0)}, location=PLACE), "has 'sites', did you mean 'site'?"),
    ],
)
def test_a_limit_on_nothing_is_refused(rollout: Rollout, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        exceeded(rollout)
    assert refused.value.message == f"w.yaml:4:9: no device {said}"
