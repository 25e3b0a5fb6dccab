"""The JSON Schema (draft-07) of the workflow language with the installed step types, for editors and other tools.

Made from the same table of keys that the compiler reads (`keys.py`) and the step types' pydantic models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nornflow.abc import StepType
from nornflow.errors import PluginError
from nornflow.registration import Expression, Words
from nornflow.workflow.drafts import CONDITIONAL
from nornflow.workflow.keys import BLOCKS, MAX_STEPS, STEP, WORKFLOW
from nornflow.workflow.parameters import markers, takes_anything
from nornflow.workflow.shapes import described

_TEMPLATE = {"type": "string", "pattern": r"\{[{%]"}
_STEPS = {"type": "array", "items": {"$ref": "#/definitions/step"}, "minItems": 1, "maxItems": MAX_STEPS}


def language_schema(step_types: Mapping[str, StepType]) -> dict[str, Any]:
    """Return the schema of workflow documents; each step is described by the keys of its type."""
    definitions: dict[str, Any] = {}
    branches = []
    for name, step_type in sorted(step_types.items()):
        definitions[f"step.{name}"] = _step(step_type, definitions)
        branches.append(
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/definitions/step.{name}"},
            }
        )
    definitions["step"] = {
        "type": "object",
        "properties": {
            "id": described(STEP.keys["id"]),
            "type": {"enum": sorted(step_types), "description": STEP.keys["type"].doc},
        },
        "required": ["id", "type"],
        **({"allOf": branches} if branches else {}),
    }
    top = WORKFLOW.schema()
    top["properties"]["steps"] = {**_STEPS, "description": WORKFLOW.keys["steps"].doc}
    taken = top["properties"]["snapshot"]["properties"]["take"]
    taken["items"] = _STEPS["items"]
    top["properties"]["rollout"]["properties"]["checks"]["items"] = _STEPS["items"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "NornFlow workflow",
        "description": "A network change as NornFlow reads it; made by `nornflow schema` with the installed step types.",
        **top,
        "definitions": definitions,
    }


def _step(step_type: StepType, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one type's steps; models inside of its parameters are added to the definitions."""
    properties = {name: described(key) for name, key in STEP.keys.items()}
    for block in BLOCKS:
        properties[block] = {**_STEPS, "description": STEP.keys[block].doc}
        if block in BLOCKS[:2] and step_type.name != CONDITIONAL:
            del properties[block]
    properties["type"] = {"const": step_type.name, "description": STEP.keys["type"].doc}
    required = ["id", "type"]
    own, anything = _own(step_type, definitions)
    marked = markers(step_type.Params) if own else {}
    for name, schema in own.get("properties", {}).items():
        made = _draft_07(schema)
        if marked.get(name) is Words:
            made = {"anyOf": [{"type": "string"}, made], **_about(made)}
        elif marked.get(name) is Expression:
            made = {"anyOf": [made, {"type": "boolean"}], **_about(made)}
        properties.setdefault(name, made)
    required.extend(name for name in own.get("required", ()) if name not in required)
    about = (step_type.__doc__ or "").strip().partition("\n")[0]
    return {
        "type": "object",
        **({"description": about} if about else {}),
        "properties": properties,
        "required": required,
        "additionalProperties": anything,
    }


def _own(step_type: StepType, definitions: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the schema of a type's own keys, and whether it takes further ones; a model that has none takes any."""
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

    try:
        model = step_type.Params
        own = model.model_json_schema(ref_template=f"#/definitions/{step_type.name}.{{model}}")
    except (PluginError, PydanticInvalidForJsonSchema, PydanticUserError):
        return {}, True
    for name, definition in own.pop("$defs", {}).items():
        definitions[f"{step_type.name}.{name}"] = _draft_07(definition, inner=True)
    return own, takes_anything(model)


def _draft_07(schema: Any, *, inner: bool = False) -> Any:
    """Return a pydantic schema in the words of draft-07, where each value that is not a text may be a template too."""
    if isinstance(schema, list):
        return [_draft_07(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            made[key] = {name: _draft_07(one) for name, one in value.items()}
        elif key == "prefixItems":
            made["items"] = _draft_07(value)
        elif key in ("items", "additionalProperties", "anyOf", "oneOf", "allOf") and key not in made:
            made[key] = _draft_07(value)
        elif key not in ("items", "discriminator"):
            made[key] = value
    if "oneOf" in made:  # a template fits every branch, so exactly one would never do
        made["anyOf"] = made.pop("oneOf")
    fixed = made.get("type") in ("integer", "number", "boolean", "array", "object") or "const" in made or "enum" in made
    if fixed and not inner:
        return {"anyOf": [{key: one for key, one in made.items() if key not in _ABOUT}, _TEMPLATE], **_about(made)}
    return made


_ABOUT = ("description", "title", "default", "examples")


def _about(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in _ABOUT if key in schema}
