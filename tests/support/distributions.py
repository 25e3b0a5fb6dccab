"""Distributions with one plugin each, made in a folder of a test."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path
from textwrap import dedent

import pytest

Install = Callable[..., list[EntryPoint]]

GOOD = """
    '''A good plugin.'''
    from nornflow import device_step, hookimpl

    @device_step("{name}")
    def step(task, text: str):
        '''Do one thing.'''

    @hookimpl
    def nornflow_step_types():
        yield step
"""


def installer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what installs a distribution with one plugin module into the folder and returns its entry points."""
    site = folder / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def _install(plugin: str, source: str, distribution: str = "", version: str = "1.0") -> list[EntryPoint]:
        distribution = distribution or f"nornflow-{plugin}"
        module = f"plugin_{uuid.uuid4().hex}"
        (site / f"{module}.py").write_text(dedent(source))
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[nornflow]\n{plugin} = {module}\n")
        return list(PathDistribution(info).entry_points)

    return _install
