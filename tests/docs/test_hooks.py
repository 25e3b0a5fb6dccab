"""Every hook is documented with an example that works, brings a record, and has a caller."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from nornflow import hookspecs
from nornflow.plugins.registry import KINDS, Kind, Registries

HOOKS = [name for name, value in vars(hookspecs).items() if name.startswith("nornflow_") and inspect.isfunction(value)]


def test_the_host_collects_every_hook_and_no_other() -> None:
    assert [kind.hook for kind in KINDS] == HOOKS
    assert {kind.registry for kind in KINDS} == set(Registries.__dataclass_fields__) - {"suppliers"}


def test_the_page_of_hooks_is_what_the_hookspecs_say(reference: Path, generate: ModuleType) -> None:
    assert (reference / "hooks.md").read_text() == generate.hooks_page(), "run: make docs"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_stands_on_the_page_with_its_example(hook: str, reference: Path) -> None:
    _, _, rest = (reference / "hooks.md").read_text().partition(f"\n## {hook}\n")
    section = rest.partition("\n## ")[0]
    _, _, example = section.partition("```python\n")
    code = example.partition("```")[0]
    functions = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef) and node.name == hook]
    assert len(functions) == 1, f"the example does not implement {hook}"
    decorators = [ast.unparse(decorator) for decorator in functions[0].decorator_list]
    assert decorators == ["hookimpl"]
    assert [argument.arg for argument in functions[0].args.args] == list(
        inspect.signature(getattr(hookspecs, hook)).parameters
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.hook)
def test_what_a_hook_brings_is_used_by_somebody(kind: Kind, attributes: set[tuple[str, str, str]]) -> None:
    users = [
        package
        for package, value, name in attributes
        if name == kind.registry and value.endswith("registries") and package != "plugins"
    ]
    assert users, f"nothing outside the host reads registries.{kind.registry}"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_typed(hook: str) -> None:
    signature = inspect.signature(getattr(hookspecs, hook))
    assert signature.return_annotation.startswith("Iterable[")
    assert all(parameter.annotation is not parameter.empty for parameter in signature.parameters.values())
