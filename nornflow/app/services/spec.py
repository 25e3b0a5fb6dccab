"""What a run began with, kept so that another process can go on with just that, and what of it has changed since."""

from __future__ import annotations

import glob
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Any

from nornflow.engine.names import host_names
from nornflow.errors import ExpressionError, NornFlowError, UsageError
from nornflow.model.device import HostView
from nornflow.model.pool import Asked
from nornflow.model.workflow import Workflow
from nornflow.record import record
from nornflow.redaction import Redactor
from nornflow.workflow.loader import load
from nornflow.workflow.syntax import ExpressionSyntax
from nornflow.workflow.templating import Renderer

_LONGEST = 300  # characters of a value that may be the name of a file
_MOST = 1000  # files that one name may come to
_TASK = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_RENDERED = re.compile(r"\{\{.*?\}\}")
HERE = "."
"""The project of a portable specification."""
_NO_NAME = re.compile(r"\s|\{%|\{#")

Rendered = Callable[[str, str], Collection[str]]
"""Takes a template and the frame that it stands in, and returns the texts that it may come to."""


@record
class Spec:
    """The workflow's text, what it was run with, and fingerprints of what lies outside: devices and files.

    `file` is the workflow as it was named, `folder` where it lies; `profile` is the one that was asked for, if any, `used`
    the one that it came to. `files` maps the path of each file that a step names to its SHA-256 and those steps, `called`
    that of each workflow that is called to its text and the steps that it has. `sealed`
    is the hash of the plan file that the run applies, if it does, `strict` that one stale device keeps all from it,
    `stranger` that nobody can tell who made that plan: its profile may not raise the settings'.
    `takes_back` is the run that it takes back, if it does that. `after` is the hash of a plan that this one comes after, and
    `awaited` maps the devices that it was not applied to yet to the hash of the configuration that they had then. `authors`
    are those who wrote it, as that was when the run was begun.
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
    sealed: str = ""
    strict: bool = False
    takes_back: str = ""
    after: str = ""
    awaited: Mapping[str, str] = field(default_factory=dict)
    stranger: bool = False
    called: Mapping[str, tuple[str, Sequence[str]]] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    priority: int = 0
    authors: Sequence[str] = ()

    @property
    def asks(self) -> Asked:
        """What the run takes of the pools while it is at work."""
        return Asked(self.resources, self.priority)

    def kept(self) -> dict[str, Any]:
        """Return the specification as plain data."""
        return asdict(self)

    def changes(self, now: Spec, done: Collection[str] = ()) -> list[str]:
        """Return what is not what it was, in words; files of steps that are `done` everywhere are not needed any more."""
        found = []
        if now.project != self.project:
            found.append(f"the project: the run was begun in {self.project}")
        if now.used != self.used:
            found.append(f"the profile: it was {self.used} and would be {now.used}")
        found += [f"the file {name}" for name in self.other_files(now, done)]
        gone = [host for host in self.devices if host not in now.devices]
        other = self.other_devices(now)
        if gone:
            found.append(f"the inventory: it has no {_some(gone)} any more")
        if other:
            found.append(f"the inventory: what it says of {_some(other)}")
        return found

    def other_devices(self, now: Spec) -> list[str]:
        """Return the devices of which the inventory says something else now: another address, platform, group or value."""
        return [host for host, digest in self.devices.items() if now.devices.get(host, digest) != digest]

    def other_files(self, now: Spec, done: Collection[str] = ()) -> Iterator[str]:
        """Yield the files that are not what they were, each with the steps that need it and are not `done`."""
        for then, today in ((self.called, now.called), (self.files, now.files)):
            for name, (content, steps) in then.items():
                needed = [step for step in steps if step not in done]
                if needed and today.get(name, ("", ()))[0] != content:
                    yield f"{name}, of step {_some(needed)}"


def spec_of(data: Mapping[str, Any]) -> Spec:
    """Return the specification that was kept; UsageError when a NornFlow kept it that knows more of it than this one."""
    try:
        return Spec(**data)
    except TypeError:
        raise UsageError(
            "what it was begun with was kept by another version of NornFlow",
            hint="go on with it by that version",
        ) from None


def kept_spec(data: Mapping[str, Any], project: Path) -> Spec:
    """Return the specification that was kept of a run, with its paths in this project's folder if it was kept portable."""
    spec = spec_of(data)
    return at_home(spec, project) if spec.project == HERE else spec


def portable(spec: Spec, project: Path) -> Spec:
    """Return the specification with paths below the project's folder told from there: a plan may go to another checkout."""
    return _moved(spec, lambda path: below(path, project.resolve()), HERE)


def at_home(spec: Spec, project: Path) -> Spec:
    """Return a portable specification with its paths in this project's folder."""
    home = project.resolve()
    return _moved(spec, lambda path: str(home / path) if path else path, str(home))


def _moved(spec: Spec, move: Callable[[str], str], project: str) -> Spec:
    return replace(
        spec,
        project=project,
        file=move(spec.file),
        folder=move(spec.folder),
        inventory=move(spec.inventory),
        files={move(name): said for name, said in spec.files.items()},
        called={move(name): said for name, said in spec.called.items()},
    )


def below(path: str, project: Path) -> str:
    """Return a path told from the project's folder where it lies below that, else absolute; nothing stays nothing."""
    whole = Path(path).resolve()
    return str(whole.relative_to(project)) if path and whole.is_relative_to(project) else path and str(whole)


def fingerprints(targets: Sequence[str], hosts: Mapping[str, HostView], redactor: Redactor) -> dict[str, str]:
    """Return a SHA-256 of what the inventory says of each device that it knows.

    Secrets are masked before: a fingerprint goes into plan files, and a short secret could be found out by trying.
    """
    return {host: _digest(hosts[host], redactor) for host in targets if host in hosts}


def _digest(view: HostView, redactor: Redactor) -> str:
    said = redactor.value([view.hostname, view.platform, list(view.groups), dict(view.data)])
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def named_files(
    workflow: Workflow,
    folders: Sequence[Path],
    tasks: Path,
    rendered: Rendered = lambda text, frame: (),
) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the files that steps name in their parameters: from these folders, or by the path of a task in `tasks`.

    The first folder is that of the workflow; a step of a called one names files from where that lies.
    A task may import whatever lies beside it: all modules in `tasks` are meant. Where a part of a name is rendered
    (`{{ host.site }}.j2`) all files that it may come to are; where all of it is (`{{ inputs.file }}`), those that `rendered`
    says it comes to.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    for step in workflow.steps:
        home = Path(workflow.folder_of(step, str(folders[0])))
        texts = {name for text in _texts(step.params) for name in _names(text, step.frame, rendered)}
        files = {file for text in texts for file in _files(text, (home, *folders[1:]), tasks)}
        for file in sorted(files):
            known = found.setdefault(str(file), (digest_of(file), []))
            known[1].append(step.id)
    return {name: (digest, tuple(steps)) for name, (digest, steps) in found.items()}


def named_in(params: Any, folders: Sequence[Path], tasks: Path) -> Iterator[Path]:
    """Yield the files that rendered parameters name, in each of the folders where there is one, or by the path of a task."""
    texts = set(_texts(params))
    # a program may work in a folder that is named beside it
    inner = [folder / text for text in texts for folder in folders if _is_folder(folder / text)]
    for text in texts:
        for folder in (*folders, *inner):
            yield from _files(text, (folder,), tasks)


def rendered_with(
    renderer: Renderer,
    inputs: Mapping[str, Any],
    variables: Mapping[str, Any],
    workflow: Workflow,
    hosts: Sequence[HostView],
) -> Rendered:
    """Return what gives the texts that a template in a frame comes to, on each device if it is about devices.

    One that builds on results of steps comes to nothing: nobody knows them before the run. What it renders is held against
    the plan in any case.
    """
    base = {"inputs": inputs, "vars": variables, "env": dict(workflow.environment)}

    def seen(frame: str, names: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a frame sees: those of its inputs that can be told before the run."""
        if not frame:
            return names
        one = workflow.frames[frame]
        outer = {**seen(one.outer, names), "item": one.item, "index": one.index}
        inputs = {name: declared.default for name, declared in one.inputs.items()}
        for name, value in one.given.items():
            inputs.pop(name, None)
            with suppress(ExpressionError):  # the step that needs it says what is wrong
                inputs[name] = renderer.render_value(value, outer)
        return {**names, "inputs": inputs, "vars": {}}

    def of(text: str, frame: str, names: Mapping[str, Any]) -> Iterator[str]:
        with suppress(ExpressionError):  # the step that needs it says what is wrong
            yield from _texts(renderer.render(text, seen(frame, names)))

    def rendered(text: str, frame: str) -> Collection[str]:
        try:
            used = {reference.path[0] for reference in renderer.check(text)}
        except ExpressionSyntax:
            return ()
        if not used <= base.keys() | {"host"}:
            return ()
        views = hosts if frame or "host" in used else ()  # what a called workflow is given may be about a device
        each = ({**base, "host": host_names(host)} for host in views)
        return {name for names in (base, *each) for name in of(text, frame, names)}

    return rendered


def _names(text: str, frame: str, rendered: Rendered) -> Collection[str]:
    whole = "{{" in text and not "".join(_RENDERED.split(text)).strip()
    return rendered(text, frame) if whole else (text,)


def _files(text: str, folders: Sequence[Path], tasks: Path) -> Iterator[Path]:
    """Yield the files that a text may name."""
    if _TASK.fullmatch(text):
        yield from _modules(text, tasks)
    if "{{" not in text:
        yield from itertools.islice((file.resolve() for folder in folders if _is_file(file := folder / text)), 1)
        return
    literal = _RENDERED.split(text)
    if any(part.strip("*") and ("/" in part or "." in part) for part in literal) and not _NO_NAME.search(
        "".join(literal)
    ):
        pattern = "*".join(map(glob.escape, literal))
        for folder in folders:
            names = itertools.islice(glob.iglob(pattern, root_dir=folder), _MOST)
            yield from (file.resolve() for name in names if (file := folder / name).is_file())


def _is_file(path: Path) -> bool:
    with suppress(OSError):  # a text may be longer than any name
        return path.is_file()
    return False


def _is_folder(path: Path) -> bool:
    with suppress(OSError):
        return path.is_dir()
    return False


def _modules(path: str, tasks: Path) -> Iterator[Path]:
    """Yield all modules in the project's folder of tasks, if the dotted path is that of one there."""
    parts = path.split(".")[:-1]
    module = tasks.joinpath(*(parts[1:] if parts[0] == tasks.name else parts))
    if module.with_suffix(".py").is_file() or (module / "__init__.py").is_file():
        yield from (file.resolve() for file in itertools.islice(sorted(tasks.rglob("*.py")), _MOST))


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file in hex; nothing where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:  # whoever needs it says what is wrong
        return ""


def text_of(file: Path) -> str:
    """Return a workflow's text as it stands in its file now; nothing where it cannot be read."""
    try:
        return load(file).source
    except NornFlowError:
        return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if 0 < len(value) <= _LONGEST and not any(sign in value for sign in ("\n", "\0")):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
