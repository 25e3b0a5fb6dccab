"""A run that is left to workers: on which queue, under which conditions, and how often it was tried."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from nornflow.record import record

RUNS = "runs"
"""The place whose queue takes what belongs to no single site."""


@record
class Submission:
    """What a run was submitted with: the site (or `runs`), and the versions that a worker has to have.

    `yes` says that whoever submitted it answers every question with yes, `locked` what is done about devices that others
    hold (empty leaves it to the setting). `round` counts how often it was submitted, `attempts` how often a process was
    begun for it that did not end in order, `parked` says why no worker takes it, if so,
    `worker` which one took it last.
    """

    place: str
    versions: Mapping[str, str]
    at: datetime
    yes: bool = False
    locked: str = ""
    round: int = 1
    attempts: int = 0
    parked: str = ""
    worker: str = ""

    @property
    def queue(self) -> str:
        """Return its queue: workers of other versions do not look there."""
        return queue_of(self.place, self.versions)


@record
class Submitted:
    """A submission with its run."""

    run: str
    submission: Submission

    @property
    def job(self) -> str:
        """Return the id of its job: each round has one of its own."""
        return self.run if self.submission.round == 1 else f"{self.run}.{self.submission.round}"


@record
class Post:
    """What a worker takes on: runs of these sites (and `runs`), so many of each at once, with these versions.

    `home` is the folder of its project, `settings` are those that the runs of pipelines depend on which it leads.
    """

    places: tuple[str, ...]
    concurrency: int
    versions: Mapping[str, str] = field(default_factory=dict)
    home: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def queues(self) -> list[str]:
        """Return the queues of runs that it looks into."""
        return [queue_of(place, self.versions) for place in self.places]

    @property
    def parts(self) -> list[str]:
        """Return the queues of sites' parts of runs that it looks into."""
        return [part_queue_of(place, self.versions) for place in self.places if place != RUNS]


def queue_of(place: str, versions: Mapping[str, str]) -> str:
    """Return the name of a queue: the place, and a digest of the versions (SHA-256, 12 hexadecimal digits)."""
    digest = hashlib.sha256(json.dumps(dict(versions), sort_keys=True).encode()).hexdigest()
    return f"{place}@{digest[:12]}"


def part_queue_of(site: str, versions: Mapping[str, str]) -> str:
    """Return the name of the queue for a site's part of runs at several sites; no name of a site has a slash."""
    return queue_of(f"{site}/part", versions)


def version_differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Return in words what `found` has in other versions than wanted; empty when nothing."""
    return "; ".join(
        f"{name} {wanted.get(name, 'none')} is wanted, {found.get(name, 'none')} is there"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    )
