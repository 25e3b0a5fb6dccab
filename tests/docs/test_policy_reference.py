"""The pages of step types, profiles and permissions say what is installed and in force."""

from __future__ import annotations

import importlib.util
import re
import textwrap
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from nornflow.model.permission import PERMISSIONS
from nornflow.plugins.host import load_plugins
from nornflow.policy.profiles import load_profiles
from nornflow.policy.rules import judge
from nornflow.workflow.compiler import compile_workflow
from nornflow.workflow.loader import load

HOST = load_plugins()
FIRST_PARTY = [
    HOST.registries.step_types[name]
    for info in HOST.plugins
    if info.distribution.startswith("nornflow-") and info.distribution != "nornflow-example"
    for name in info.brings.get("step_types", ())
]


@pytest.fixture(scope="module")
def pages(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate_policy", root / "docs" / "generate_policy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["step-types.md", "permissions.md", "profiles.md"])
def test_the_pages_are_what_the_code_says(name: str, pages: ModuleType, reference: Path) -> None:
    assert (reference / name).read_text("utf-8") == pages.PAGES[name](), "run: python docs/generate_policy.py"


def test_first_party_step_types_are_installed() -> None:
    assert {"shell", "script", "template", "assert", "conditional", "webhook", "nornir.task"} <= {
        step_type.name for step_type in FIRST_PARTY
    }


@pytest.mark.parametrize("step_type", FIRST_PARTY, ids=lambda step_type: step_type.name)
def test_every_step_type_and_each_of_its_keys_stands_on_the_page(step_type: object, reference: Path) -> None:
    text = (reference / "step-types.md").read_text("utf-8")
    section = re.search(rf"^### {re.escape(step_type.name)}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)  # type: ignore[attr-defined]
    assert section is not None
    for key, field in step_type.Params.model_fields.items():  # type: ignore[attr-defined]
        assert f"| `{field.alias or key}` |" in section[1]


def test_every_permission_stands_on_its_page(reference: Path) -> None:
    text = (reference / "permissions.md").read_text("utf-8")
    assert all(f"| `{permission}` |" in text for permission in PERMISSIONS)


def test_every_example_of_a_step_compiles(pages: ModuleType, tmp_path: Path) -> None:
    for name, example in pages.EXAMPLES.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(
            "name: example\nversion: 1.0\ninputs: {name: {type: string, default: x}}\nsteps:\n"
            f"  - id: example\n    type: {name}\n{textwrap.indent(example, '    ')}\n"
        )
        compiled = compile_workflow(load(file), HOST.registries.step_types)
        assert compiled.steps[0].type == name


def test_the_example_of_a_profile_works(reference: Path) -> None:
    example = re.search(r"```yaml\n(profiles:.*?)```", (reference / "profiles.md").read_text("utf-8"), re.DOTALL)
    assert example is not None
    profile = load_profiles(yaml.safe_load(example[1])["profiles"])["core-routers"]
    assert profile.allows("http.request")
    assert not profile.allows("shell.execute")
    assert judge("router bgp 65001 / no neighbor 10.0.0.1", profile.deny_rules) is not None
    assert profile.read_rules
