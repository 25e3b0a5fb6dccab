"""Writes the reference pages of step types, profiles and permissions: run it, and tests/docs hold the pages against it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path

from nornflow.app.services.plugins import RUNS, ParameterView, describe_step_type
from nornflow.model.permission import PERMISSIONS
from nornflow.model.profile import Profile
from nornflow.plugins.host import PluginHost, load_plugins
from nornflow.policy.profile_document import LIMITS
from nornflow.policy.profiles import BUILT_IN, load_profiles
from nornflow.policy.rules import readable

REFERENCE = Path(__file__).parent / "reference"
_NOTE = "<!-- made of the code by `python docs/generate_policy.py`; do not edit -->\n"
_TUTORIAL = "nornflow-example"

EXAMPLES = {
    "shell": "command: echo 'Hello {{ inputs.name }}!'",
    "script": 'environment: {PATTERN: "{{ inputs.name }}"}\nscript: |\n  ls -1 | grep "$PATTERN" | wc -l',
    "template": "template: templates/ntp.j2\noutput: ntp.cfg",
    "assert": "condition: inputs.name != ''\nmessage: a name is needed",
    "conditional": (
        "condition: inputs.name == 'core'\n"
        "then_steps:\n  - {id: careful, type: note, text: going slowly}\n"
        "else_steps:\n  - {id: quick, type: note, text: going fast}"
    ),
    "http.config": (
        "endpoint: https://{{ host.hostname }}/restconf/data/ietf-system:system/ntp\nmethod: PATCH\n"
        "body: {ntp: {enabled: true}}\nauth: {username: netops, password_env: NORNFLOW_API_PASSWORD}\n"
        "verify_ssl: false\nrollback: false"
    ),
    "webhook": 'url: https://chat.example.com/hooks/changes\nbody: {text: "{{ inputs.name }} is done"}',
    "note": "text: starting with {{ inputs.name }}",
    "nornir.task": ("task: nornir_napalm.plugins.tasks.napalm_get\naccess: read\nargs: {getters: [facts]}"),
    "test_connectivity": "method: ssh\ncount: 5",
}
"""One example of each built-in step type, without `id` and `type`; compiled by a test."""


def first_party() -> PluginHost:
    """Return the plugins as they are installed."""
    return load_plugins()


def step_types_page() -> str:
    """Return the page with every step type of the first-party plugins."""
    host = first_party()
    parts = [f"# Step types\n\n{_NOTE}\n"]
    parts.append(
        "Every step has the common keys `id name description type depends_on when for_each until timeout retry cache on_failure"
        " environment profile rollback once outputs inputs`; below are the keys that each type adds. `nornflow plugins show"
        " PLUGIN` prints the same for whatever is installed.\n"
    )
    for info in sorted(host.plugins, key=lambda info: (info.name != "builtins", info.name)):
        names = info.brings.get("step_types", ())
        if not names or not info.distribution.startswith("nornflow-") or info.distribution == _TUTORIAL:
            continue
        parts.append(f"\n## From {info.distribution}\n")
        for name in names:
            parts += _step_type(host, name)
    return "".join(parts)


def _step_type(host: PluginHost, name: str) -> Iterator[str]:
    step_type = host.registries.step_types[name]
    view = describe_step_type(step_type)
    yield f"\n### {name}\n\n{inspect.cleandoc(view.documentation)}\n\n"
    yield f"Runs {RUNS[view.scope]}"
    yield f"{', after a change and not while planning' if step_type.verifies else ''};"
    yield f" permissions: {', '.join(f'`{each}`' for each in view.permissions) or 'none'}"
    if step_type.result_keys:
        yield f"; gives {', '.join(f'`{key}`' for key in step_type.result_keys)}"
    yield ".\n"
    if view.parameters:
        yield "\n| key | type | default | what it is |\n|---|---|---|---|\n"
        for parameter in view.parameters:
            yield _row(parameter)
    if name in EXAMPLES:
        body = "\n".join(f"    {line}" for line in EXAMPLES[name].splitlines())
        yield f"\n```yaml\n  - id: example\n    type: {name}\n{body}\n```\n"


def _row(parameter: ParameterView) -> str:
    default = "required" if parameter.required else f"`{json.dumps(parameter.default, default=str)}`"
    cells = (f"`{parameter.name}`", parameter.type, default, parameter.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |\n"


def permissions_page() -> str:
    """Return the page with every permission and which built-in profile gives it."""
    profiles = load_profiles()
    lines = [
        f"# Permissions\n\n{_NOTE}",
        "What a step may do is the intersection of the profile, the workflow's own `permissions:` and the user's roles. A step"
        " type declares what it needs; a missing permission denies the whole run before anything starts, and the message names"
        " the step, the permission, the rule, where it stands and the way out. `nornflow policy explain WORKFLOW` tells it"
        " beforehand.\n",
        "In lists of permissions `device.*` stands for a family and `*` for all; `deny` wins over `allow`.\n",
        f"| permission | what it allows | {' | '.join(BUILT_IN)} |",
        f"|---|---|{'---|' * len(BUILT_IN)}",
    ]
    for permission, text in PERMISSIONS.items():
        given = " | ".join("yes" if profiles[name].allows(permission) else "-" for name in BUILT_IN)
        lines.append(f"| `{permission}` | {text} | {given} |")
    lines.append(
        "\nPermissions that no built-in profile gives are about people (`run.approve`, `user.manage` ...) or take the guard's"
        " line discipline away (`device.raw`): a profile of your own can give them.\n"
    )
    return "\n".join(lines)


def profiles_page() -> str:
    """Return the page of profiles: the hand-written part, and the tables that are made of the code."""
    profiles = load_profiles()
    text = (REFERENCE / "profiles.md.in").read_text(encoding="utf-8")
    tables = {
        "LIMITS": "\n".join(_limits_table([profiles[name] for name in BUILT_IN])),
        "BOUNDS": "\n".join(f"| `{key}` | {low} | {high} |" for key, (low, high) in LIMITS.items()),
        "RULES": "\n".join(_rules_table(profiles)),
    }
    for name, table in tables.items():
        text = text.replace(f"@{name}@", table)
    return text.replace("@NOTE@", _NOTE.strip())


def _limits_table(profiles: list[Profile]) -> Iterator[str]:
    yield f"| | {' | '.join(f'`{profile.name}`' for profile in profiles)} |"
    yield f"|---|{'---|' * len(profiles)}"
    for key in LIMITS:
        yield f"| `{key}` | {' | '.join(str(getattr(profile, key)) for profile in profiles)} |"
    yield f"| `strictness` | {' | '.join(profile.strictness.value for profile in profiles)} |"
    yield f"| longest input or rendered value | {' | '.join(f'{p.strictness.max_string:,}' for p in profiles)} |"
    for key in ("commands", "domains"):
        cells = ("any" if (names := getattr(p, key)) is None else " ".join(names) or "-" for p in profiles)
        yield f"| `{key}` | {' | '.join(cells)} |"
    yield f"| `rollback` | {' | '.join(profile.rollback or '-' for profile in profiles)} |"
    for key in ("tasks", "lockout", "sealed_only", "canary", "allow_destructive"):
        yield f"| `{key}` | {' | '.join(str(getattr(profile, key)).lower() for profile in profiles)} |"
    yield f"| `approvals` | {' | '.join(str(profile.approvals.count) for profile in profiles)} |"


def _rules_table(profiles: dict[str, Profile]) -> Iterator[str]:
    holders: dict[tuple[str, str, str], list[str]] = {}
    for name in BUILT_IN:
        for rule in profiles[name].deny_rules:
            holders.setdefault((rule.on, readable(rule.pattern), rule.reason), []).append(name)
    yield "| line | pattern | why | refused under |"
    yield "|---|---|---|---|"
    for (on, pattern, reason), names in holders.items():
        yield f"| {on} | `{pattern.replace('|', chr(92) + '|')}` | {reason} | {', '.join(names)} |"


PAGES = {"step-types.md": step_types_page, "permissions.md": permissions_page, "profiles.md": profiles_page}
"""Every page that is made of the code, by its file name in docs/reference."""


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
