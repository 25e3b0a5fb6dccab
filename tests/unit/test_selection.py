"""Choosing devices: expressions over host data, names, groups and filters, and `--limit`."""

from __future__ import annotations

import pytest

from nornflow.devices.selection import demand_known, select
from nornflow.errors import InventoryError, NornFlowError, UsageError
from nornflow.model.device import HostView
from nornflow.model.rollout import Targets
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.matching import is_targeted

HOSTS = {
    "ams-1": HostView("ams-1", "192.0.2.1", "cisco_ios", ("core",), {"role": "core", "site": "ams", "vlans": [10]}),
    "ams-2": HostView("ams-2", "192.0.2.2", "cisco_ios", ("access",), {"role": "access", "site": "ams"}),
    "fra-1": HostView("fra-1", "192.0.2.3", "eos", ("access",), {"role": "access", "site": "fra"}),
}


def chosen(targets: Targets | None = None, limit: str = "") -> list[str]:
    return list(select(HOSTS, targets or Targets(), limit, Evaluator(), {"sites": ["fra"]}))


def test_no_target_is_every_device() -> None:
    assert chosen() == ["ams-1", "ams-2", "fra-1"]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("role == 'access' and site in ['ams', 'fra']", ["ams-2", "fra-1"]),
        ("platform == 'eos'", ["fra-1"]),
        ("'core' in groups", ["ams-1"]),
        ("site in inputs.sites", ["fra-1"]),
        ("vlans == null", ["ams-2", "fra-1"]),  # what a device lacks is null
        ("name matches '^ams-'", ["ams-1", "ams-2"]),
    ],
)
def test_an_expression_over_host_data(expression: str, names: list[str]) -> None:
    assert chosen(Targets(expression=expression)) == names
    assert chosen(limit=expression) == names


def test_names_groups_and_a_filter() -> None:
    assert chosen(Targets(hosts=("ams-1",), groups=("access",))) == ["ams-1", "ams-2", "fra-1"]
    assert chosen(Targets(groups=("access",), filter={"site": "ams"})) == ["ams-2"]


def test_a_limit_narrows_the_targets_and_never_widens_them() -> None:
    assert chosen(Targets(groups=("access",)), "ams-*") == ["ams-2"]
    assert chosen(limit="ams-1, fra-1") == ["ams-1", "fra-1"]


@pytest.mark.parametrize(
    ("targets", "limit", "error", "said"),
    [
        (Targets(expression="rol == 'core'"), "", UsageError, "did you mean 'role'"),
        (Targets(hosts=("ams-3",)), "", InventoryError, "did you mean"),
        (Targets(groups=("acces",)), "", InventoryError, "did you mean 'access'"),
        (Targets(), "ams1", UsageError, "no host 'ams1'"),
        (Targets(), "ams-1,nobody", UsageError, "no host 'nobody'"),
        (Targets(), "site ==", UsageError, "--limit"),
        (Targets(), "zz*", UsageError, "there is no host 'zz*'"),
        (Targets(), "name.__class__", UsageError, "--limit"),
    ],
)
def test_what_is_not_there_is_told_with_what_is_near(
    targets: Targets, limit: str, error: type[NornFlowError], said: str
) -> None:
    with pytest.raises(error) as caught:
        chosen(targets, limit)
    assert said in str(caught.value)


@pytest.mark.parametrize("targets", [Targets(), Targets(hosts=("ams-1",), groups=("core",))])
def test_targets_of_a_called_workflow_that_are_all_there_misspell_nothing(targets: Targets) -> None:
    demand_known(HOSTS, targets)
    assert chosen(targets), "and alone it would choose some"


def test_what_targets_of_a_called_workflow_misspell_is_told_as_when_it_runs_alone() -> None:
    for targets in (Targets(hosts=("ams-3",)), Targets(groups=("acces",)), Targets(expression="rol == 'core'")):
        with pytest.raises(NornFlowError) as called:
            demand_known(HOSTS, targets)
        with pytest.raises(NornFlowError) as alone:
            chosen(targets)
        assert str(called.value) == str(alone.value)


@pytest.mark.parametrize(
    "expression", ["vlans == null", "role == 'access'", "'core' in groups", "site in inputs.sites"]
)
def test_a_called_workflow_is_for_the_devices_that_it_would_choose_alone(expression: str) -> None:
    targets = Targets(expression=expression)
    demand_known(HOSTS, targets)
    found = [name for name, view in HOSTS.items() if is_targeted(view, targets, {"sites": ["fra"]})]
    assert found == chosen(targets)


@pytest.mark.parametrize(
    ("targets", "error"),
    [
        (Targets(expression="rol == 'core'"), UsageError),
        (Targets(hosts=("ams-1", "ams-3")), InventoryError),
        (Targets(groups=("acces",)), InventoryError),
    ],
)
def test_what_a_called_workflow_misspells_is_told_before_anything_is_done(
    targets: Targets, error: type[NornFlowError]
) -> None:
    with pytest.raises(error, match="did you mean"):
        demand_known(HOSTS, targets)
