"""What a task sees of a connection: the allow-list that the guard's facade is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from nornflow.record import record


@record
class Candidate:
    """The methods of a driver that loads a candidate configuration, compares it and commits it (as NAPALM does).

    `load_merge` and `load_replace` take `filename=` or `config=`; `commits_save` says that a commit also saves.
    """

    load_merge: str = "load_merge_candidate"
    load_replace: str = "load_replace_candidate"
    compare: str = "compare_config"
    commit: str = "commit_config"
    discard: str = "discard_config"
    confirm: str = "confirm_commit"
    rollback: str = "rollback"
    commits_save: bool = True


@record
class Surface:
    """Names the attributes of a driver that tasks may use; every other one is denied.

    `attributes` are plain values. `calls` are methods whose writes the wire below judges (or that write nothing);
    `reads` are methods that only read, and so are those that begin with one of `read_prefixes`: each text given to them
    must be one printable line. `commands` (method -> parameter) take one or more exec lines, `configures` configuration
    lines, `command_files` and `configure_files` the path of a file with such lines. `raw` methods need `device.raw`.
    `multiline` names the parameters whose text may have several lines (templates), `closed` those that no task may give,
    because the driver would run code of the caller's or open a file for it.
    """

    attributes: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    read_prefixes: tuple[str, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    command_files: Mapping[str, str] = field(default_factory=dict)
    configures: Mapping[str, str] = field(default_factory=dict)
    configure_files: Mapping[str, str] = field(default_factory=dict)
    candidate: Candidate | None = None
    raw: frozenset[str] = frozenset()
    multiline: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
