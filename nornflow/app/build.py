"""The one place that wires everything together: settings, plugins, profiles, and what a run needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nornflow.errors import ConfigurationError, NornFlowError
from nornflow.model.pool import Amounts
from nornflow.plugins.host import PluginHost, load_plugins
from nornflow.policy.profiles import load_profiles
from nornflow.redaction import Redactor
from nornflow.registration import Check, Command, TemplateFilter
from nornflow.settings import Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from nornflow.abc import Devices, Gate, RunStore, Sandbox, StepType, Twin
    from nornflow.abc.durable import DurableEngine
    from nornflow.devices.inventory import Only
    from nornflow.engine.cancel import StopSwitch
    from nornflow.model.permission import LineRule, Mode
    from nornflow.model.profile import Profile
    from nornflow.store.patience import Patience
    from nornflow.store.records import RunRecords
    from nornflow.store.vault import Vault
    from nornflow.workflow.library import Library


@dataclass(frozen=True)
class Project:
    """A project as it is now: its settings, its plugins, its profiles; and the builders of what a run works with."""

    settings: Settings
    plugin_host: PluginHost
    redactor: Redactor = field(default_factory=Redactor)

    @property
    def folder(self) -> Path:
        """Return the folder of the project's settings file."""
        return self.settings.project

    @property
    def workspace(self) -> Path:
        """Return the folder for run records, caches and the files of runs."""
        return self.folder / self.settings.workspace

    @property
    def step_types(self) -> Mapping[str, StepType]:
        """Return every installed step type by name."""
        return self.plugin_host.registries.step_types

    @property
    def library(self) -> Library:
        """Return the workflows of the project, which others may call."""
        from nornflow.workflow.library import Library

        return Library(self.folder, depth=self.settings.workflow_depth)

    @property
    def absent(self) -> Mapping[str, str]:
        """Return the step types that a plugin would bring, each with the reason why it does not."""
        return self.plugin_host.absent

    @property
    def filters(self) -> Sequence[TemplateFilter]:
        """Return the template filters that plugins brought."""
        return tuple(self.plugin_host.registries.filters.values())

    @property
    def checks(self) -> Sequence[Check]:
        """Return the further diagnostics that plugins brought."""
        return tuple(self.plugin_host.registries.checks.values())

    @property
    def twins(self) -> Sequence[Twin]:
        """Return the twins that plugins brought."""
        return tuple(self.plugin_host.registries.twins.values())

    @cached_property
    def profiles(self) -> Mapping[str, Profile]:
        """Return the built-in profiles and the site's own."""
        return load_profiles(
            self.settings.profiles, lambda name: self.settings.origin(f"profiles.{name}").place or "settings"
        )

    @property
    def pools(self) -> Amounts:
        """Return how much there is of what runs share."""
        return self.settings.pools

    def gates(self, mode: Mode) -> tuple[Gate, ...]:
        """Return the built-in gates and, when something is to be applied, those of plugins."""
        from nornflow.model.permission import Mode
        from nornflow.policy.gates import built_in_gates

        own = built_in_gates(self.profiles, mode=mode, refusals=_refused_by_the_guard)
        return own if mode is Mode.PLAN else (*own, *self.plugin_host.registries.gates.values())

    def devices(self, inventory: Path | None = None, only: Only = None) -> Devices:
        """Load the inventory, or `only` some hosts of it, and put the guard before each of them."""
        from nornflow.devices.fleet import NornirDevices
        from nornflow.settings import InventoryPlugin

        source: Path | Mapping[str, Any]
        if inventory is not None:
            source = inventory
        elif isinstance(self.settings.inventory, InventoryPlugin):
            source = self.settings.inventory.model_dump()
        else:
            source = self.folder / self.settings.inventory
        return NornirDevices(
            source,
            self.plugin_host.registries.connection_guards,
            workers=self.settings.workers,
            redactor=self.redactor,
            tasks=self.folder / self.settings.tasks,
            login=self._login(),
            patience=float(self.settings.commit_patience),
            only=only,
        )

    def _login(self) -> tuple[str, str]:
        credentials = self.settings.credentials
        return credentials.username, os.environ.get(credentials.password_env, "")

    @property
    def remembers(self) -> bool:
        """Tell whether runs are kept at all (`store.url: none` keeps nothing)."""
        from nornflow.store.nothing import NONE

        return self.settings.store.url != NONE

    @cached_property
    def vault(self) -> Vault:
        """Return what seals secrets in the store; ConfigurationError when the environment holds something else than a key."""
        from nornflow.store.vault import Vault

        variable = self.settings.store.key_env
        key = os.environ.get(variable, "")
        self.redactor.add(key, "the key of the journal")
        return Vault.of_environment(self.workspace, variable, key)

    def store(
        self,
        *,
        create: bool = True,
        patient: bool = True,
        patience: Patience | None = None,
        given_up: Callable[[], bool] | None = None,
    ) -> RunStore:
        """Open the store of runs; StoreError when it cannot be used. Readers (`create=False`) leave no file behind.

        A patient one waits for a database that goes away later, as long as `store.patience` says and nobody has `given_up`, or
        with `patience`.
        """
        if not self.remembers:
            from nornflow.store.nothing import NoStore

            return NoStore()
        from nornflow.store.opening import open_store

        settings = self.settings.store
        return open_store(
            settings.url,
            self.workspace,
            self.redactor,
            self.vault,
            create=create,
            patience=patience or (settings.patience if patient else 0),
            given_up=given_up,
        )

    def durable(self, engine: Engine | None = None, patience: Patience | None = None) -> DurableEngine:
        """Return what keeps the queues of runs that are left to workers, over the connections of an open store if given.

        With a database that goes away it has `patience`, by default for as long as `store.patience` says.

        ConfigurationError without a store, or when the extra for it is not installed.
        """
        if not self.remembers:
            raise ConfigurationError(
                "without a store no run can be left to workers (store.url: none)", hint="set store.url"
            )
        from nornflow.store.opening import store_url
        from nornflow.store.patience import Patience

        settings = self.settings
        patience = patience or Patience(settings.store.patience)
        url = store_url(settings.store.url, self.workspace)
        if settings.durable.engine == "inline":
            from nornflow.durable.inline import InlineEngine
            from nornflow.store.database import connect

            return InlineEngine(engine or connect(url), own=engine is None, patience=patience)
        try:
            from nornflow.durable.dbos import DbosEngine
        except ImportError:
            raise ConfigurationError(
                "durable.engine is dbos, which is not installed", hint="pip install 'nornflow-netops[scale]'"
            ) from None
        return DbosEngine(url, engine=engine, patience=patience)

    def records(self) -> RunRecords:
        """Return where record files of runs go: the workspace, or nowhere when nothing is remembered."""
        from nornflow.store.nothing import NoRecords
        from nornflow.store.records import RunRecords

        return (RunRecords if self.remembers else NoRecords)(self.workspace, self.redactor)

    def sandboxes(
        self, workspace: Path, folders: Mapping[str, Path], switch: StopSwitch
    ) -> Callable[[Profile, frozenset[str], str, Callable[[str], None]], Sandbox]:
        """Return the maker of sandboxes for the steps of one run; `folders` are those of each step's workflow, by step."""
        from nornflow.sandbox.sandbox import LocalSandbox

        made: dict[str, tuple[Profile, frozenset[str], LocalSandbox]] = {}  # by step: its devices share one

        def make(profile: Profile, permissions: frozenset[str], step: str, emit: Callable[[str], None]) -> Sandbox:
            known = made.get(step)
            if known is not None and known[0] is profile and known[1] == permissions:
                return known[2].speaking_to(emit)
            sandbox = LocalSandbox(
                profile,
                permissions=permissions,
                workspace=workspace,
                project=self.folder,
                readable=(folders[step],),
                domains=self.settings.allowed_domains,
                longest_line=self.settings.max_log_length,
                redactor=self.redactor,
                emit=emit,
                cancellation=switch,
            )
            made[step] = profile, permissions, sandbox
            return sandbox

        return make


def _refused_by_the_guard(
    platform: str, lines: Sequence[str], rules: Sequence[LineRule]
) -> Sequence[tuple[str, LineRule]]:
    from nornflow.devices.guard import refused_lines  # with Nornir below it: only when there are lines to judge

    return refused_lines(platform, lines, rules)


def load_project(
    start: Path | None = None, *, config_file: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Project:
    """Load the project that `start` (the current folder) lies in: its settings, and the plugins that they let in.

    Raises ConfigurationError for settings that do not fit and PluginError for a required plugin that did not load.
    """
    settings = load_settings(
        start or Path.cwd(), environ=os.environ, config_file=config_file, overrides=overrides or {}
    )
    plugins = settings.plugins
    host = load_plugins(
        disabled=plugins.disabled, required=plugins.required, local=plugins.local, project=settings.project
    )
    return Project(settings, host)


def plugin_commands() -> Mapping[str, Command]:
    """Return the commands that plugins bring; a project that cannot be loaded has none, its commands say why."""
    try:
        return load_project().plugin_host.registries.commands
    except NornFlowError:
        return {}
