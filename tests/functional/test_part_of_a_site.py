"""What a site's part of a run reads of the inventory: its own devices, with all that they and their files were."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nornflow.app.build import load_project
from nornflow.app.services.asking import Request
from nornflow.app.services.workers.submitting import submit_change
from nornflow.app.sites.part import change_at
from nornflow.errors import StateConflict
from nornflow.store.runs import SqlRunStore
from nornflow.testing.project import ProjectFolder

HOSTS = """
r1: {hostname: 192.0.2.1, groups: [ams], data: {notes: ams.j2}}
r2: {hostname: 192.0.2.2, groups: [fra], data: {notes: fra.j2}}
r3: {hostname: 192.0.2.3, groups: [ams], data: {notes: ams.j2, role: spare}}
r4: {hostname: 192.0.2.4, data: {notes: ams.j2}}
"""
FILES = {
    "nornflow.yaml": "profile: elevated\n",
    "inventory/hosts.yaml": HOSTS,
    "inventory/groups.yaml": "{ams: {platform: cisco_ios, data: {site: ams}}, fra: {platform: cisco_ios, data: {site: fra}}}",
    "ams.j2": "ntp server 192.0.2.10\n",
    "fra.j2": "ntp server 192.0.2.20\n",
    "change.yaml": """
        name: change
        version: 1.0
        targets: "role != 'spare'"
        steps:
          - {id: configure, type: netmiko.config, template: "{{ host.notes }}"}
        """,
}
Part = Callable[[str], list[str]]
"""Makes a site's part ready and returns the devices that it knows."""


@pytest.fixture
def site(tmp_path: Path) -> ProjectFolder:
    return ProjectFolder.made(tmp_path, FILES)


@pytest.fixture
def part(site: ProjectFolder) -> Part:
    run = submit_change(load_project(site.path), Request(site.path / "change.yaml"), yes=True).run

    def made(name: str) -> list[str]:
        project = load_project(site.path)
        with closing(project.store()) as store:
            assert isinstance(store, SqlRunStore)
            with closing(change_at(project, store, run, name)) as change:
                assert change.devices is not None
                assert list(change.devices.hosts()) == list(change.hosts)
                return list(change.hosts)

    return made


def test_it_knows_its_own_targets_alone(part: Part) -> None:
    assert (part("ams"), part("fra")) == (["r1"], ["r2"])


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("192.0.2.1", "192.0.2.9"),
        ("notes: ams.j2}}\nr2", "notes: ams.j2, rack: 3}}\nr2"),
        ("192.0.2.2, groups: [fra]", "192.0.2.2, groups: [ams]"),
    ],
    ids=["address", "data", "of another site until now"],
)
def test_what_it_says_otherwise_of_them_is_refused(part: Part, site: ProjectFolder, text: str, instead: str) -> None:
    site.write("inventory/hosts.yaml", HOSTS.replace(text, instead))
    with pytest.raises(StateConflict, match=r"what it says of r[12]"):
        part("ams")


def test_what_it_says_of_others_is_not_its_business(part: Part, site: ProjectFolder) -> None:
    site.write("inventory/hosts.yaml", HOSTS.replace("192.0.2.2", "192.0.2.9").replace("192.0.2.4", "192.0.2.8"))
    assert part("ams") == ["r1"]
    site.write("inventory/hosts.yaml", HOSTS.replace("groups: [ams], data: {notes: ams.j2}", "groups: [fra]"))
    assert part("ams") == []  # and the order that comes for r1 is not done


def test_a_file_that_others_alone_name_has_to_be_the_same_too(part: Part, site: ProjectFolder) -> None:
    site.write("fra.j2", "ntp server 192.0.2.66\n")
    for name in ("ams", "fra"):
        with pytest.raises(StateConflict, match=r"fra\.j2, of step configure"):
            part(name)


def test_an_inventory_plugin_is_read_in_the_same_way(part: Part, site: ProjectFolder) -> None:
    files = {f"{name}_file": str(site.path / f"inventory/{name}s.yaml") for name in ("host", "group")}
    site.write("nornflow.yaml", f"profile: elevated\ninventory: {{plugin: SimpleInventory, options: {files}}}\n")
    assert (part("ams"), part("fra")) == (["r1"], ["r2"])
