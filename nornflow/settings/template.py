"""Writes settings for people: the documented template, and the rows of `nornflow config explain`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nornflow.model.quantity import written
from nornflow.redaction import MASK
from nornflow.settings.model import Settings

_URL_PASSWORD = re.compile(r"(?<=//)([^/@:]*):[^/@]*(?=@)")
_SECRET_NAME = re.compile(r"pass|token|secret|key|credential", re.IGNORECASE)


def setting_rows() -> Iterator[tuple[str, FieldInfo]]:
    """Yield every dotted key of the settings with its field, in the model's order."""
    for key, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, BaseModel):
            yield from ((f"{key}.{inner}", each) for inner, each in type(default).model_fields.items())
        else:
            yield key, field


def template() -> str:
    """Return a settings file with every key, its default and what it does; loading it changes nothing."""
    lines = ["# The settings of NornFlow. Every key is optional; what stands here are the defaults."]
    section = ""
    for key, field in setting_rows():
        head, _, inner = key.rpartition(".")
        if head != section:
            section = head
            if head:
                lines += ["", *_comment(Settings.model_fields[head].description or ""), f"{head}:"]
        indent = "  " if inner and head else ""
        lines += (
            ["", *_comment(field.description or "", indent)]
            if not indent
            else _comment(field.description or "", indent)
        )
        lines.append(f"{indent}{inner if head else key}: {plain_text(field.default)}".rstrip())
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   ")


def plain(value: Any) -> Any:
    """Return a setting's value as JSON has it: paths as strings, models as mappings."""
    if isinstance(value, BaseModel):
        return {key: plain(getattr(value, key)) for key in type(value).model_fields}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def plain_text(value: Any) -> str:
    """Return a setting's value in one line of YAML; empty for None."""
    if value is None:
        return ""
    text: str = yaml.safe_dump(plain(value), default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n...\n").strip()


def shown(settings: Settings) -> dict[str, Any]:
    """Return all settings as plain values, with secrets masked: in options of an inventory plugin and in store.url."""
    values: dict[str, Any] = plain(settings)
    values["pools"] = {name: _amount(name, amount) for name, amount in settings.pools.items()}
    values["store"]["url"] = _URL_PASSWORD.sub(rf"\1:{MASK}", values["store"]["url"])
    inventory = values["inventory"]
    if isinstance(inventory, dict):
        inventory["options"] = _masked(inventory["options"])
    return values


def _amount(name: str, amount: float) -> float | str:
    """Return how much there is of a resource as a number of what it is counted in, with its unit where that is not whole."""
    text = written(name, amount)
    return amount if amount == int(amount) or text[-1].isdigit() else text


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: MASK if _SECRET_NAME.search(key) and item else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def explained(settings: Settings) -> list[tuple[str, str, str]]:
    """Return key, value and origin of every setting, each in one line."""
    values = shown(settings)
    rows = []
    for key, _ in setting_rows():
        head, _, inner = key.partition(".")
        value = values[head][inner] if inner else values[head]
        if key == "profiles" and value:
            rows += [
                (f"profiles.{name}", plain_text(value[name]), str(settings.origin(f"profiles.{name}")))
                for name in value
            ]
        else:
            rows.append((key, plain_text(value), str(settings.origin(key))))
    return rows
