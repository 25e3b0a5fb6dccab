"""Every setting, with its type, bounds, default and what it does; the reference page is made of this model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError

from nornflow.model.pool import DEFAULT_POOLS, POOL_NAME
from nornflow.model.quantity import measure_of, read_amount
from nornflow.record import record

Whole = Annotated[int, Field(strict=True)]
_PoolName = Annotated[str, Field(pattern=f"^{POOL_NAME}$")]


def _share(value: Any) -> Any:
    """Return how much there is of a resource, of which the name comes with what was written; a unit is understood."""
    if not isinstance(value, _Written):
        return value
    name, text = value.name, value.value
    if not isinstance(text, str) or _NUMBER.fullmatch(text):  # all that variables hold is text
        return text
    try:
        return read_amount(name, text)
    except ValueError as error:
        hint = f" ({error})" if str(error) else ""
        expected = measure_of(name).accepted
        raise PydanticCustomError(
            "amount",
            "found {text}, expected {expected}{hint}",
            {"text": repr(text[:60]), "expected": expected, "hint": hint},
        ) from error


@record
class _Written:
    """What was written for the pool of a name."""

    name: str
    value: Any


_NUMBER = re.compile(r"\s*-?[0-9]+(\.[0-9]+)?\s*")
_Share = Annotated[float, Field(ge=0, le=1_000_000_000), BeforeValidator(_share)]


@record
class Origin:
    """Where a value came from: the layer, and the place in it (file:line:column, variable or option)."""

    layer: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.layer} {self.place}".rstrip()


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class PluginSettings(_Frozen):
    """Which plugins are used."""

    disabled: tuple[str, ...] = Field(default=(), description="plugins that are not loaded, by name")
    required: tuple[str, ...] = Field(default=(), description="plugins without which nothing runs, by name")
    local: tuple[str, ...] = Field(
        default=(),
        description="the project's own plugins: paths of .py files or package folders, or dotted module names",
    )


class Credentials(_Frozen):
    """How to log in to devices that have no login of their own in the inventory; a password never stands in a file."""

    username: str = Field(default="", description="login name; empty leaves the inventory's")
    password_env: str = Field(
        default="NORNFLOW_PASSWORD",
        description="the environment variable that holds the password; unset leaves the inventory's",
    )


class StoreSettings(_Frozen):
    """Where runs are remembered."""

    url: str = Field(
        default="",
        description="the database of runs: postgresql://USER@HOST/NAME (the password by PGPASSWORD or ~/.pgpass),"
        " sqlite:////PATH, empty for nornflow.db in the workspace, or none: nothing is kept",
    )
    patience: int = Field(
        default=60,
        ge=0,
        le=86_400,
        description="for how many seconds a run waits for a database that went away in the middle of it",
    )
    key_env: str = Field(
        default="JOURNAL_KEY",
        description="the environment variable that holds the key with which secrets are sealed in the store (32 random bytes"
        " in base64), for workers on machines that share no workspace; unset takes journal.key of the workspace",
    )
    silence: int = Field(
        default=5,
        ge=3,
        le=600,
        description="after how many seconds without a sign of it a process on another machine counts as dead: each gives one"
        " every second; the same for all who share a store, and more where the way to the database is bad",
    )


class SiteSettings(_Frozen):
    """Which devices belong to which site."""

    key: str = Field(
        default="site",
        min_length=1,
        description="the key of the inventory's data that names a device's site: its runs go to workers of that site",
    )


class DurableSettings(_Frozen):
    """What carries on runs that are left to workers."""

    engine: Literal["inline", "dbos"] = Field(
        default="inline",
        description="what keeps the queues of runs that are left to workers: inline (the store's own tables)"
        " or dbos (needs the extra `scale`); the same for all who share a store",
    )


class CacheSettings(_Frozen):
    """How much of what steps with `cache` found is kept."""

    max_entries: Whole = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="how many results of steps with `cache` are kept; the oldest leave first, and 0 keeps none",
    )
    max_size_mb: Whole = Field(
        default=64,
        ge=1,
        le=10_000,
        description="how many mebibytes these results may have together; the oldest leave first",
    )


class LockSettings(_Frozen):
    """What a run does about devices that another run holds."""

    when_held: Literal["wait", "fail", "skip"] = Field(
        default="wait",
        description="about devices that another run holds, and about a profile that has no place left:"
        " wait for one's turn, fail, or leave those devices out (a place is waited for)",
    )
    timeout: Whole = Field(
        default=3600,
        ge=0,
        le=604_800,
        description="for how many seconds a run waits for its turn; 0 waits as long as the run may take",
    )


class RunnerSettings(_Frozen):
    """In how many processes the devices of a run are worked on."""

    processes: Whole = Field(
        default=1,
        ge=1,
        le=64,
        description="among how many processes of this machine a run shares its devices; `workers` is for all of them"
        " together. One process uses one core",
    )


class InventoryPlugin(_Frozen):
    """A Nornir inventory plugin with its options, as in Nornir's own configuration."""

    plugin: str
    options: dict[str, Any] = {}


class Settings(_Frozen):
    """The settings in force; frozen. `origin` tells where each value came from, `project` is the project's folder."""

    environment: Literal["development", "staging", "production"] | None = Field(
        default=None,
        description="a preset of profile, default_timeout and workers; what is set anywhere wins over the preset",
    )
    profile: str = Field(default="standard", min_length=1, description="the security profile of a run that names none")
    profile_limit: str = Field(
        default="",
        description="the profile of which no run may have more or ask for less, whatever profile it names; empty sets no"
        " limit. The first place that sets it counts, from the system's settings on: a later one cannot lift it, nor"
        " describe anew the profiles that were described before it",
    )
    trusted_keys: tuple[str, ...] = Field(
        default=(),
        description="files with Ed25519 public keys, below the project's folder or by their whole path: whose plans are"
        " taken as those that were sealed here, so that they can be approved",
    )
    profiles: dict[str, dict[str, Any]] = Field(default={}, description="the site's own security profiles, by name")
    inventory: Path | InventoryPlugin = Field(
        default=Path("inventory"),
        description="a folder with hosts.yaml, groups.yaml and defaults.yaml, a hosts file,"
        " or a Nornir inventory plugin: {plugin: NAME, options: {...}}",
    )
    tasks: Path = Field(default=Path("tasks"), description="the folder of the project's own Nornir tasks")
    workspace: Path = Field(
        default=Path(".nornflow"), description="the folder for run records, caches and the files of runs"
    )
    workers: Whole = Field(default=50, ge=1, le=1000, description="on how many devices at once a step works (threads)")
    runner: RunnerSettings = Field(default=RunnerSettings(), description="how the devices of a run are shared out")
    default_timeout: Whole = Field(
        default=3600, ge=1, le=604_800, description="how long a workflow without its own timeout may take, in seconds"
    )
    workflow_depth: Whole = Field(
        default=5, ge=0, le=20, description="how deep workflows may call each other; 0 lets no workflow call another"
    )
    commit_patience: Whole = Field(
        default=30,
        ge=0,
        le=3600,
        description="how long a commit or a save may still take when the work on its device is to end, in seconds",
    )
    max_log_length: Whole = Field(
        default=1000, ge=80, le=100_000, description="after how many characters a line of live output is cut"
    )
    allowed_domains: tuple[str, ...] = Field(
        default=(), description="domains that HTTP steps may reach besides those of the profile"
    )
    credentials: Credentials = Field(
        default=Credentials(), description="the login for devices that have none in the inventory"
    )
    store: StoreSettings = Field(default=StoreSettings(), description="where runs are remembered")
    cache: CacheSettings = Field(default=CacheSettings(), description="how much of what steps found is kept")
    locks: LockSettings = Field(default=LockSettings(), description="what a run does while others are in its way")
    pools: dict[_PoolName, _Share] = Field(
        default=dict(DEFAULT_POOLS),
        description="how much there is of what workflows ask for with `resources`, in all processes together: cores of cpu,"
        " MiB of memory, Mbit/s of bandwidth, GiB of storage, or a number with its unit (64Gi, 10Gbps), and whatever the site"
        " counts itself, by its name",
    )
    sites: SiteSettings = Field(default=SiteSettings(), description="which devices belong to which site")
    durable: DurableSettings = Field(
        default=DurableSettings(), description="what carries on runs that are left to workers"
    )
    plugins: PluginSettings = Field(default=PluginSettings(), description="which plugins are used")

    _origins: dict[tuple[str, ...], Origin] = PrivateAttr(default_factory=dict)
    _project: Path = PrivateAttr(default_factory=Path.cwd)

    @field_validator("pools", mode="before")
    @classmethod
    def _with_the_usual_pools(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {**DEFAULT_POOLS, **{name: _Written(str(name), written) for name, written in value.items()}}

    @property
    def project(self) -> Path:
        """Return the folder of the project's settings file, or the folder that was started in when there is none."""
        return self._project

    def origin(self, key: str) -> Origin:
        """Return where the value of a dotted key came from; the nearest key above it counts when it has no own place."""
        path = tuple(key.split("."))
        while path:
            if path in self._origins:
                return self._origins[path]
            path = path[:-1]
        return Origin("default")


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "development": {"profile": "elevated", "default_timeout": 1800, "workers": 10},
    "staging": {"profile": "standard", "default_timeout": 3600, "workers": 25},
    "production": {"profile": "standard", "default_timeout": 7200, "workers": 100},
}
"""What `environment` sets unless another place sets it."""

ALIASES: Mapping[str, str] = {
    "security_profile": "profile",
    "custom_security_profiles": "profiles",
    "workspace_root": "workspace",
}
"""Other spellings of keys that are understood in files."""
