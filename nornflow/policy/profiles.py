"""Profiles as data: the four built-in ones and those of a site, resolved along `extends`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from nornflow.errors import ConfigurationError, UsageError
from nornflow.model.permission import LineRule
from nornflow.model.profile import Profile, Quorum, Strictness
from nornflow.policy.profile_document import ProfileDocument, did_you_mean, read_profile
from nornflow.policy.rules import expand

BUILT_IN = ("plan_only", "restricted", "standard", "elevated")
DEFAULT = "standard"
_BASE = "plan_only"  # a custom profile that extends nothing starts from what allows least
_DATA = "nornflow/policy/data/profiles.toml"


@lru_cache(maxsize=1)
def _built_in() -> Mapping[str, Any]:
    return tomllib.loads(files("nornflow.policy").joinpath("data/profiles.toml").read_text("utf-8"))


def load_profiles(
    custom: Mapping[str, Any] | None = None, where: str | Callable[[str], str] = "settings"
) -> Mapping[str, Profile]:
    """Return the built-in profiles and the custom ones, resolved.

    `where` names the file that holds `profiles:`, or tells for a profile's name where it stands.

    Raises ConfigurationError that lists every problem of every profile: unknown keys, permissions, parents, circles,
    values out of bounds, patterns that RE2 does not know, and names that would replace a built-in profile.
    """
    data, problems = _built_in(), list[str]()
    groups = tuple(data["groups"])
    documents = {
        name: read_profile(name, document, f"{_DATA}: profiles.{name}", groups, problems)
        for name, document in data["profiles"].items()
    }
    for name, document in (custom or {}).items():
        place = f"{where if isinstance(where, str) else where(name)}: profiles.{name}"
        if name in BUILT_IN:
            problems.append(f"{place}: a built-in profile cannot be replaced; give yours another name and extend it")
            continue
        documents[name] = read_profile(str(name), document, place, groups, problems)
    _check_parents(documents, problems)
    if problems:
        raise ConfigurationError(
            "\n".join(["the profiles have mistakes:", *(f"  {problem}" for problem in problems)]),
            hint="docs/reference/profiles.md lists every key with its bounds",
        )
    return {name: _resolve(name, documents, data) for name in documents}


def profile_named(profiles: Mapping[str, Profile], name: str) -> Profile:
    """Return the profile of this name; UsageError when there is none, for no name may silently mean another."""
    if name in profiles:
        return profiles[name]
    raise UsageError(
        f"there is no profile {name!r}{did_you_mean(name, profiles)}", hint=f"profiles are: {', '.join(profiles)}"
    )


def _check_parents(documents: Mapping[str, ProfileDocument], problems: list[str]) -> None:
    for name, document in documents.items():
        if document.extends is not None and document.extends not in documents:
            near = did_you_mean(document.extends, documents)
            problems.append(f"{document.where}.extends: there is no profile {document.extends!r}{near}")
        seen = [name]
        parent = document.extends
        while parent is not None and parent in documents and parent not in seen:
            seen.append(parent)
            parent = documents[parent].extends
        if parent == name:
            problems.append(f"{document.where}.extends: goes round in a circle: {' > '.join([*seen, name])}")


def _lineage(name: str, documents: Mapping[str, ProfileDocument]) -> list[ProfileDocument]:
    """Return the profile's ancestors and itself, the eldest first."""
    document = documents[name]
    parent = document.extends or (None if name in BUILT_IN else _BASE)
    return [*(_lineage(parent, documents) if parent else []), document]


def _resolve(name: str, documents: Mapping[str, ProfileDocument], data: Mapping[str, Any]) -> Profile:
    line = _lineage(name, documents)
    own = documents[name]

    def latest(key: str, default: Any) -> Any:
        return next((value for d in reversed(line) if (value := getattr(d, key)) is not None), default)

    def names(key: str) -> tuple[str, ...] | None:
        answer: tuple[str, ...] | None = ()
        for document in line:
            said = getattr(document, key)
            if said is not None:
                answer = None if said == "any" else tuple(said)
            if answer is not None:
                answer = tuple(dict.fromkeys((*answer, *getattr(document, f"add_{key}"))))
        return answer

    management = tuple(
        expand(interface) for interface in latest("management_interfaces", data["management_interfaces"])
    )
    destructive = bool(latest("allow_destructive", False))
    limits = {key: value for document in line for key, value in document.limits.items()}
    return Profile(
        name=name,
        description=own.description,
        extends=own.extends or (line[-2].name if len(line) > 1 else ""),
        allow=frozenset(permission for document in line for permission in document.allow),
        deny=frozenset(permission for document in line for permission in document.deny),
        strictness=latest("strictness", Strictness.STANDARD),
        commands=names("commands"),
        domains=names("domains"),
        read_rules=tuple(_rule(rule, management) for rule in latest("read", ())),
        deny_rules=_deny_rules(line, data["groups"], management, destructive),
        sealed_only=bool(latest("sealed_only", False)),
        canary=bool(latest("canary", False)),
        approvals=latest("approvals", Quorum()),
        allow_destructive=destructive,
        tasks=latest("tasks", "project"),
        lockout=latest("lockout", "deny"),
        rollback=latest("rollback", None),
        unproven=latest("unproven", "deny"),
        where=own.where,
        **limits,
    )


def _rule(rule: Mapping[str, str], management: tuple[str, ...]) -> LineRule:
    return LineRule(expand(rule["pattern"], management), rule["on"], rule["reason"], rule["where"])


def _deny_rules(
    line: list[ProfileDocument], groups: Mapping[str, Any], management: tuple[str, ...], destructive: bool
) -> tuple[LineRule, ...]:
    """Return a profile's own rules first (they name the site's reason), then the built-in groups of its whole lineage."""
    own = [_rule(rule, management) for document in reversed(line) for rule in document.rules]
    for group in dict.fromkeys(group for document in line for group in document.groups):
        if group == "destructive" and destructive:
            continue
        for index, rule in enumerate(groups[group]["rules"]):
            own.append(
                LineRule(
                    expand(rule["pattern"], management),
                    rule.get("on", "config"),
                    rule.get("reason", groups[group]["reason"]),
                    f"{_DATA}: groups.{group}[{index}]",
                )
            )
    return tuple(own)
