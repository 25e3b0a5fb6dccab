"""Loading inventories: the forms of Nornir's SimpleInventory, fast, and every mistake told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from nornir.plugins.inventory.simple import SimpleInventory

from nornflow.devices.inventory import host_view, load_inventory
from nornflow.errors import InventoryError

HOSTS = """
r1:
  hostname: 192.0.2.1
  groups: [access]
  data: {site: ams}
  connection_options:
    netmiko: {port: 2222, extras: {fast_cli: true}}
10: {}
"""
GROUPS = """
access: {groups: [all], data: {role: access, site: none}}
all: {username: netops, platform: cisco_ios}
"""
DEFAULTS = "{port: 22, data: {region: eu}}"


def folder(path: Path, hosts: str = HOSTS, groups: str = GROUPS, defaults: str = DEFAULTS) -> Path:
    for name, text in (("hosts", hosts), ("groups", groups), ("defaults", defaults)):
        (path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return path


def test_is_what_nornir_itself_would_load(tmp_path: Path) -> None:
    folder(tmp_path, HOSTS.replace("10: {}", ""))
    files = {f"{name}_file": str(tmp_path / f"{name}s.yaml") for name in ("host", "group")}
    theirs = SimpleInventory(**files, defaults_file=str(tmp_path / "defaults.yaml")).load()
    assert load_inventory(tmp_path).dict() == theirs.dict()


def test_a_view_merges_groups_and_defaults_and_has_no_password(tmp_path: Path) -> None:
    hosts = load_inventory(folder(tmp_path)).hosts
    view = host_view(hosts["r1"])
    assert (view.name, view.hostname, view.platform) == ("r1", "192.0.2.1", "cisco_ios")
    assert view.groups == ("access", "all")
    assert view.data == {"site": "ams", "role": "access", "region": "eu"}
    assert not hasattr(view, "password")
    assert "10" in hosts  # a name that YAML reads as a number


@pytest.mark.parametrize(
    ("hosts", "groups", "said"),
    [
        ("r1: {groups: [acces]}", GROUPS, "host r1: there is no group 'acces'"),
        ("r1: {hostnam: x}", GROUPS, "host r1: unknown key 'hostnam'"),
        ("r1: {}\nr2: {}\nr1: {}", GROUPS, "hosts.yaml:3:1: the name 'r1' stands here for the second time"),
        ("r1: [1]", GROUPS, "host r1: a mapping is expected, found list"),
        ("r1: {a: b", GROUPS, "hosts.yaml:"),
        ("[r1]", GROUPS, "a mapping of names is expected, found list"),
        ("r1: {connection_options: {netmiko: {prt: 1}}}", GROUPS, "connection_options.netmiko: unknown key 'prt'"),
        (HOSTS, "access: {groups: [nowhere]}", "group access: there is no group 'nowhere'"),
        ("!!python/object/apply:os.system [ls]", GROUPS, "hosts.yaml:"),
        ("r1: {data: {since: 2026-13-45}}", GROUPS, "hosts.yaml: month must be in 1..12"),
        pytest.param("[" * 200000, GROUPS, "hosts.yaml:1:101: it is nested too deep", id="deep"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, hosts: str, groups: str, said: str) -> None:
    with pytest.raises(InventoryError) as caught:
        load_inventory(folder(tmp_path, hosts, groups))
    assert said in str(caught.value)


def test_no_inventory_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        load_inventory(tmp_path / "inventory")
    assert "nornflow init" in caught.value.hint


def test_nornirs_own_inventory_plugins_work(tmp_path: Path) -> None:
    folder(tmp_path, HOSTS.replace("10: {}", ""))
    options = {f"{name}_file": str(tmp_path / f"{name}s.yaml") for name in ("host", "group")}
    assert list(load_inventory({"plugin": "SimpleInventory", "options": options}).hosts) == ["r1"]
    with pytest.raises(InventoryError, match="no Nornir inventory plugin 'Nothing'"):
        load_inventory({"plugin": "Nothing", "options": {}})
