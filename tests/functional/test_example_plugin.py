"""The tutorial's plugin, installed and used as a stranger's would be."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from nornflow import GateRequest, HostState, Verdict, Workflow
from nornflow.plugins.host import PluginHost, load_plugins

if TYPE_CHECKING:
    from nornflow.testing.routers.fleet import Fleet

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plugins" / "nornflow-example"

pytestmark = pytest.mark.xdist_group("example-plugin")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the plugin's folder with pip into a folder of its own; nothing is fetched."""
    folder = tmp_path_factory.mktemp("third-party")
    shutil.copytree(FOLDER, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "dist"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", str(folder / "site"), str(folder / "source")],
        check=True,
        capture_output=True,
        timeout=110,
    )
    return folder / "site"


def nornflow(site: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("NORNFLOW_")}
    environ |= {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd)}
    command = [sys.executable, "-m", "nornflow", *words]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def host(site: Path, monkeypatch: pytest.MonkeyPatch) -> PluginHost:
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "nornflow_example", raising=False)
    found = next(each for each in distributions(path=[str(site)]) if each.name == "nornflow-example")
    return load_plugins(entry_points=found.entry_points, required=["example"])


def test_the_installed_plugin_is_shown_with_parameters_permissions_and_documentation(
    site: Path, tmp_path: Path
) -> None:
    shown = nornflow(site, tmp_path, "plugins", "show", "example")
    assert (shown.returncode, shown.stderr) == (0, "")
    for expected in (
        "example (loaded): Whom to call about a device",
        "distribution  nornflow-example 0.1.0",
        "origin        entry point nornflow_example",
        "step type example.set_contact",
        "  Write on a device whom to call about it (`snmp-server contact`).",
        "  runs          on each device",
        "  permissions   device.configure",
        "  contact: string, required: name, phone or address",
        "gate example.ticket: Stops a workflow that is tagged `ticketed`",
    ):
        assert expected in shown.stdout


def test_the_installed_plugin_can_be_switched_off_by_the_projects_settings(site: Path, tmp_path: Path) -> None:
    (tmp_path / "nornflow.yaml").write_text("plugins: {disabled: [example]}\n")
    listed = nornflow(site, tmp_path, "plugins", "list", "--format", "json")
    example = next(each for each in json.loads(listed.stdout) if each["name"] == "example")
    assert (example["state"], example["brings"]) == ("disabled", {})


def test_its_step_is_a_nornir_task_that_asks_for_the_netmiko_connection(host: PluginHost) -> None:
    sent: list[list[str]] = []
    connection = SimpleNamespace(send_config_set=lambda lines: sent.append(lines) or "ok")
    asked: list[str] = []
    device = SimpleNamespace(get_connection=lambda name, config: asked.append(name) or connection)
    task = SimpleNamespace(host=device, nornir=SimpleNamespace(config=None))
    step = host.registries.step_types["example.set_contact"]
    context: Any = SimpleNamespace(task=task)
    result = step.apply(context, step.Params(contact="noc@example.net"))
    assert (asked, sent) == (["netmiko"], [["snmp-server contact noc@example.net"]])
    assert (result.state, result.changed) == (HostState.CHANGED, True)


@pytest.mark.parametrize(
    ("tags", "inputs", "verdicts"),
    [
        (("ticketed",), {}, [Verdict.DENY]),
        (("ticketed",), {"ticket": ""}, [Verdict.DENY]),
        (("ticketed",), {"ticket": "CHG0012345"}, []),
        ((), {}, []),
    ],
)
def test_its_gate_stops_ticketed_workflows_without_a_ticket(
    host: PluginHost, tags: tuple[str, ...], inputs: dict[str, str], verdicts: list[Verdict]
) -> None:
    workflow = Workflow("change", "1", (), tags=tags)
    request = GateRequest("ana", "standard", workflow, inputs, ())
    decisions = host.registries.gates["example.ticket"].check(request)
    assert [decision.verdict for decision in decisions] == verdicts
    assert all(decision.reason and decision.hint for decision in decisions)


def test_the_tutorials_change_is_planned_denied_and_made_on_simulated_routers(
    site: Path, tmp_path: Path, fleet: Callable[..., Fleet]
) -> None:
    page = (ROOT / "docs" / "tutorial" / "first-plugin.md").read_text()
    workflow = re.search(r"^```yaml\n(name: contact\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert workflow is not None
    routers = fleet(count=2)
    routers.write_inventory(tmp_path / "inventory" / "hosts.yaml")
    (tmp_path / "contact.yaml").write_text(workflow[1])
    before = [router.running_config for router in routers]

    planned = nornflow(site, tmp_path, "plan", "contact.yaml")
    assert (planned.returncode, "+snmp-server contact noc@example.net" in planned.stdout) == (0, True), planned.stderr
    denied = nornflow(site, tmp_path, "run", "contact.yaml", "--yes")
    assert denied.returncode == 3
    assert "contact is tagged ticketed and has no ticket" in denied.stdout
    assert "hint: give the change number with: -i ticket=CHG0012345" in denied.stdout
    assert [router.running_config for router in routers] == before

    made = nornflow(site, tmp_path, "run", "contact.yaml", "--yes", "-i", "ticket=CHG0012345")
    assert made.returncode == 0, made.stderr
    assert all("snmp-server contact noc@example.net" in router.running_config for router in routers)
    again = nornflow(site, tmp_path, "run", "contact.yaml", "--yes", "-i", "ticket=CHG0012345")
    assert (again.returncode, "changed" in again.stdout) == (0, False)


def first_party_modules() -> list[Path]:
    return sorted(ROOT.glob("plugins/*/src/**/*.py"))


@pytest.mark.parametrize("path", first_party_modules(), ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_first_party_plugins_import_only_the_public_face(path: Path) -> None:
    import nornflow as public

    own = path.relative_to(ROOT / "plugins").parts[2].removesuffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
            if node.module == "nornflow":
                strangers = {alias.name for alias in node.names} - set(public.__all__)
                assert not strangers, f"{path}:{node.lineno}: {strangers} are not public"
        else:
            continue
        for module in modules:
            private = module.startswith("nornflow.") or (module.startswith("nornflow_") and module.split(".")[0] != own)
            assert not private, f"{path}:{node.lineno}: imports {module}"
