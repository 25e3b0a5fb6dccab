"""Reads profiles as they are written (built-in file, settings) and tells every mistake in them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from nornflow.errors import ConfigurationError
from nornflow.model.permission import PERMISSIONS
from nornflow.model.plan import Method
from nornflow.model.profile import Quorum, Strictness
from nornflow.policy.quorum import read_quorum
from nornflow.policy.rules import compiled, expand

LIMITS: Mapping[str, tuple[int, int]] = {
    "max_concurrent_workflows": (1, 1000),
    "max_workflow_duration": (1, 86_400),
    "max_step_duration": (1, 86_400),
    "max_memory_mb": (16, 1_048_576),
    "max_file_size_mb": (1, 1_048_576),
}
"""Every limit with its bounds; durations in seconds, sizes in MiB."""

_ALIASES = {"allowed_commands": "commands", "allowed_domains": "domains", "validation_level": "strictness"}
_LISTS = ("allow", "deny", "commands", "add_commands", "domains", "add_domains", "management_interfaces")
_FLAGS = ("sealed_only", "canary", "allow_destructive")
_WORTH = ["native", "proven", "model"]
KEYS = (
    *("extends", "description", "limits", "strictness", "tasks", "lockout", "rollback", "unproven"),
    *("rules", "read", "approvals"),
    *_LISTS,
    *_FLAGS,
)
_LONGEST_PATTERN = 1000
_RULE_KEYS = ("pattern", "on", "reason")


@dataclass(slots=True)
class ProfileDocument:
    """One profile as written, checked for itself; parents are not merged in. None means "not said"."""

    name: str
    where: str
    extends: str | None = None
    description: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    limits: dict[str, int] = field(default_factory=dict)
    strictness: Strictness | None = None
    commands: tuple[str, ...] | str | None = None
    add_commands: tuple[str, ...] = ()
    domains: tuple[str, ...] | str | None = None
    add_domains: tuple[str, ...] = ()
    management_interfaces: tuple[str, ...] | None = None
    sealed_only: bool | None = None
    canary: bool | None = None
    allow_destructive: bool | None = None
    tasks: str | None = None
    approvals: Quorum | None = None
    lockout: str | None = None
    rollback: Method | None = None
    unproven: str | None = None
    groups: tuple[str, ...] = ()
    rules: tuple[Mapping[str, str], ...] = ()
    read: tuple[Mapping[str, str], ...] | None = None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest known name, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def read_profile(name: str, document: Any, where: str, groups: Sequence[str], problems: list[str]) -> ProfileDocument:
    """Check one profile and add what is wrong with it to `problems`; the answer holds what was right."""
    profile = ProfileDocument(name, where)
    if not isinstance(document, Mapping):
        problems.append(f"{where}: must be a mapping, not {type(document).__name__}")
        return profile
    written = {_ALIASES.get(str(key), str(key)): value for key, value in document.items()}
    for key in [key for key in written if key not in KEYS and key not in LIMITS]:
        problems.append(f"{where}.{key}: unknown key{did_you_mean(key, [*KEYS, *LIMITS])}")
    for key in ("extends", "description"):
        if key in written and _is(str, written[key], f"{where}.{key}", "text", problems):
            setattr(profile, key, written[key])
    for key in _FLAGS:
        if key in written and _is(bool, written[key], f"{where}.{key}", "true or false", problems):
            setattr(profile, key, written[key])
    for key in _LISTS:
        if key in written:
            if key in ("commands", "domains") and written[key] == "any":
                setattr(profile, key, "any")
            else:
                setattr(profile, key, _strings(written[key], f"{where}.{key}", problems))
    for key in ("allow", "deny"):
        for index, permission in enumerate(getattr(profile, key)):
            _check_permission(permission, f"{where}.{key}[{index}]", problems)
    for index, interface in enumerate(profile.management_interfaces or ()):
        _check_pattern(interface, f"{where}.management_interfaces[{index}]", problems)
    profile.strictness = _choice(
        written, "strictness", [level.value for level in Strictness], Strictness, where, problems
    )
    profile.tasks = _choice(written, "tasks", ["project", "any"], str, where, problems)
    profile.lockout = _choice(written, "lockout", ["deny", "hold", "allow"], str, where, problems)
    profile.rollback = _choice(written, "rollback", _WORTH, Method, where, problems)
    profile.unproven = _choice(written, "unproven", ["deny", "hold"], str, where, problems)
    profile.limits = _limits(written, where, problems)
    if "approvals" in written:
        profile.approvals = read_quorum(written["approvals"], f"{where}.approvals", problems)
    if "rules" in written:
        profile.groups, profile.rules = _rules(written["rules"], f"{where}.rules", groups, problems)
    if "read" in written:
        named, profile.read = _rules(written["read"], f"{where}.read", (), problems, on="exec")
        problems.extend(f"{where}.read: {name!r} is not a rule" for name in named)
    return profile


def _is(kind: type, value: Any, where: str, expected: str, problems: list[str]) -> bool:
    if isinstance(value, kind):
        return True
    problems.append(f"{where}: must be {expected}, not {value!r}")
    return False


def _strings(value: Any, where: str, problems: list[str]) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    problems.append(f"{where}: must be a list of names, not {value!r}")
    return ()


def _choice(
    written: Mapping[str, Any], key: str, known: list[str], kind: Any, where: str, problems: list[str]
) -> Any | None:
    if key not in written:
        return None
    value = written[key]
    if value in known:
        return kind(value)
    near = did_you_mean(str(value), known)
    problems.append(f"{where}.{key}: must be one of {', '.join(known)}, not {value!r}{near}")
    return None


def _limits(written: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, int]:
    nested = written.get("limits", {})
    if not isinstance(nested, Mapping):
        problems.append(f"{where}.limits: must be a mapping, not {type(nested).__name__}")
        nested = {}
    given = [(f"{where}.limits.{key}", str(key), value) for key, value in nested.items()]
    given += [(f"{where}.{key}", key, value) for key, value in written.items() if key in LIMITS]
    limits: dict[str, int] = {}
    for place, key, value in given:
        if key not in LIMITS:
            problems.append(f"{place}: unknown limit{did_you_mean(key, LIMITS)}")
            continue
        low, high = LIMITS[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            problems.append(f"{place}: must be a whole number from {low} to {high}, not {value!r}")
        else:
            limits[key] = value
    return limits


def _check_permission(permission: str, where: str, problems: list[str]) -> None:
    families = {f"{name.partition('.')[0]}.*" for name in PERMISSIONS}
    if permission != "*" and permission not in families and permission not in PERMISSIONS:
        problems.append(f"{where}: unknown permission {permission!r}{did_you_mean(permission, PERMISSIONS)}")


def _check_pattern(pattern: str, where: str, problems: list[str]) -> None:
    if len(pattern) > _LONGEST_PATTERN:
        problems.append(f"{where}: the pattern has {len(pattern)} characters, at most {_LONGEST_PATTERN} are taken")
        return
    try:
        compiled(expand(pattern, ("x",)))
    except ConfigurationError as error:
        problems.append(f"{where}: {error.message}")


def _rules(
    value: Any, where: str, groups: Sequence[str], problems: list[str], on: str = "config"
) -> tuple[tuple[str, ...], tuple[Mapping[str, str], ...]]:
    """Split a list of rules into named groups (`destructive`) and rules; a bare text is a pattern when no group is called so."""
    if not isinstance(value, (list, tuple)):
        problems.append(f"{where}: must be a list of rules, not {type(value).__name__}")
        return (), ()
    named, rules = [], []
    for index, item in enumerate(value):
        place = f"{where}[{index}]"
        if isinstance(item, str) and item in groups:
            named.append(item)
            continue
        if isinstance(item, str):
            item = {"pattern": item}
        if not isinstance(item, Mapping) or not isinstance(item.get("pattern"), str) or not item["pattern"]:
            problems.append(f"{place}: must be a pattern, or a mapping with `pattern`, `on` and `reason`, not {item!r}")
            continue
        for key in [str(key) for key in item if key not in _RULE_KEYS]:
            problems.append(f"{place}.{key}: unknown key{did_you_mean(key, _RULE_KEYS)}")
        judged = item.get("on", on)
        if judged not in ("exec", "config"):
            problems.append(f"{place}.on: must be exec or config, not {judged!r}")
            continue
        _check_pattern(item["pattern"], place, problems)
        rules.append({"pattern": item["pattern"], "on": judged, "reason": str(item.get("reason", "")), "where": place})
    return tuple(named), tuple(rules)
