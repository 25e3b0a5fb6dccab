"""Runs of sealed plans on the small network in memory."""

from __future__ import annotations

import json
from typing import Any

from engine_stage import Stage
from mortal import Mortal, Script
from nornflow.engine.plans.drift import Sealed


def plan_for(script: Script, devices: dict[str, Mortal], **keys: Any) -> Sealed:
    """Plan the change on these devices and return it as a plan file would give it back."""
    run = script(Stage(dict(devices))).prepare()
    run.plan()
    approved, images = run.kept_plan()
    return Sealed(json.loads(json.dumps(approved)), lambda host, digest: images.get(host), **{"answered": True, **keys})


def applying(script: Script, sealed: Sealed) -> Script:
    def sealed_script(stage: Stage) -> Stage:
        stage.sealed = sealed
        return script(stage)

    return sealed_script
