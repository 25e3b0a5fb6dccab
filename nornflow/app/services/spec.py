"""What a run began with, kept so that another process can go on with just that, and what of it has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nornflow.model.device import HostView
from nornflow.model.workflow import Workflow

_LONGEST = 300  # characters of a value that may be the name of a file


@dataclass(frozen=True, slots=True)
class Spec:
    """The workflow's text, what it was run with, and fingerprints of what lies outside: devices and files.

    `file` is the workflow as it was named, `folder` where it lies; `profile` is the one that was asked for, if any, `used`
    the one that it came to. `files` maps the path of each file that a step names to its SHA-256 and those steps.
    """

    text: str
    file: str
    folder: str
    project: str
    used: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    limit: str = ""
    profile: str = ""
    inventory: str = ""
    targets: Sequence[str] = ()
    devices: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, Sequence[str]]] = field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """Return the specification as plain data."""
        return asdict(self)

    def changes(self, now: Spec, planned: Collection[str] = ()) -> list[str]:
        """Return what is not what it was, in words; files of steps that are `planned` already are not needed any more."""
        found = []
        if now.project != self.project:
            found.append(f"the project: the run was begun in {self.project}")
        if now.used != self.used:
            found.append(f"the profile: it was {self.used} and would be {now.used}")
        found += [f"the file {name}" for name in self._other_files(now, planned)]
        gone = [host for host in self.devices if host not in now.devices]
        other = [host for host, digest in self.devices.items() if now.devices.get(host, digest) != digest]
        if gone:
            found.append(f"the inventory: it has no {_some(gone)} any more")
        if other:
            found.append(f"the inventory: what it says of {_some(other)}")
        return found

    def _other_files(self, now: Spec, planned: Collection[str]) -> Iterator[str]:
        for name, (digest, steps) in self.files.items():
            if any(step not in planned for step in steps) and now.files.get(name, ("", ()))[0] != digest:
                yield name


def spec_of(data: Mapping[str, Any]) -> Spec:
    """Return the specification that was kept."""
    return Spec(**data)


def fingerprints(targets: Sequence[str], hosts: Mapping[str, HostView]) -> dict[str, str]:
    """Return a SHA-256 of what the inventory says of each device that it knows."""
    return {host: _digest(hosts[host]) for host in targets if host in hosts}


def _digest(view: HostView) -> str:
    said = [view.hostname, view.platform, list(view.groups), dict(view.data)]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def named_files(workflow: Workflow, folders: Sequence[Path]) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the files that steps name in their parameters, found from these folders."""
    found: dict[str, tuple[str, list[str]]] = {}
    for step in workflow.steps:
        for text in _texts(step.params):
            for folder in folders:
                file = folder / text
                if file.is_file():
                    known = found.setdefault(str(file.resolve()), (_sha256(file), []))
                    known[1].append(step.id)
                    break
    return {name: (digest, tuple(steps)) for name, (digest, steps) in found.items()}


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:  # whoever needs it says what is wrong
        return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if 0 < len(value) <= _LONGEST and not any(sign in value for sign in ("\n", "\0", "{{")):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
