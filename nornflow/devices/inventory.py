"""Loading a Nornir inventory: YAML files by the C loader, anything else by Nornir's own inventory plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nornflow.errors import InventoryError
from nornflow.model.device import HostView

if TYPE_CHECKING:
    from nornir.core.inventory import Host, Inventory

_ELEMENT_KEYS = frozenset(
    ("hostname", "port", "username", "password", "platform", "groups", "data", "connection_options")
)
_OPTION_KEYS = _ELEMENT_KEYS - {"groups", "data", "connection_options"} | {"extras"}

Only: TypeAlias = Callable[[HostView], bool] | None
"""Tells which hosts are wanted, by what the inventory says of them; None for all."""


def load_inventory(source: Path | Mapping[str, Any], only: Only = None) -> Inventory:
    """Return the inventory of a folder with hosts.yaml (groups.yaml, defaults.yaml), or of `{plugin, options}`.

    The folder's files have the form of Nornir's SimpleInventory. Hosts that are not wanted are read, and dropped at once.
    Raises InventoryError with file, line and what to do.
    """
    if isinstance(source, Mapping):
        found = _from_plugin(source)
        if only is not None:
            for name in [name for name, host in found.hosts.items() if not only(host_view(host))]:
                del found.hosts[name]
        return found
    if source.is_file():
        return _from_files(source, source.with_name("groups.yaml"), source.with_name("defaults.yaml"), only)
    if not (source / "hosts.yaml").is_file():
        raise InventoryError(
            f"there is no inventory: {source / 'hosts.yaml'} does not exist",
            hint="name its folder with `inventory:` in nornflow.yaml, or start one with `nornflow init`",
        )
    return _from_files(source / "hosts.yaml", source / "groups.yaml", source / "defaults.yaml", only)


def _from_plugin(source: Mapping[str, Any]) -> Inventory:
    from nornir.core.configuration import Config
    from nornir.core.exceptions import PluginNotRegistered
    from nornir.init_nornir import load_inventory as load_by_plugin

    plugin = str(source.get("plugin", ""))
    try:
        return load_by_plugin(Config.from_dict(inventory={**source}))
    except PluginNotRegistered:
        raise InventoryError(
            f"there is no Nornir inventory plugin {plugin!r}", hint="install the distribution that brings it"
        ) from None
    except Exception as error:  # a stranger's plugin may raise anything; the user needs its words, not its traceback
        raise InventoryError(f"inventory plugin {plugin!r} failed: {error}", hint="check its options") from error


def _from_files(hosts_file: Path, groups_file: Path, defaults_file: Path, only: Only) -> Inventory:
    from nornir.core.inventory import Defaults, Group, Groups, Host, Hosts, Inventory, ParentGroups

    table = _read(defaults_file)
    _check_keys(table, _ELEMENT_KEYS - {"groups"}, str(defaults_file))
    defaults = Defaults(**_base(table), data=table.get("data"), connection_options=_options(table, str(defaults_file)))
    groups, parents = Groups(), {}
    for name, raw in _read(groups_file).items():
        element = _element(raw, f"{groups_file}: group {name}")
        parents[name] = element.get("groups") or []
        groups[name] = Group(name=name, defaults=defaults, **_arguments(element, f"{groups_file}: group {name}"))
    for name, wanted in parents.items():
        groups[name].groups = ParentGroups(_group(groups, parent, f"{groups_file}: group {name}") for parent in wanted)
    hosts, table = Hosts(), _read(hosts_file)
    for raw_name in list(table):
        name = str(raw_name)
        place = f"{hosts_file}: host {name}"
        element = _element(table.pop(raw_name), place)
        host = Host(name=name, defaults=defaults, **_arguments(element, place))
        wanted = element.get("groups")
        if wanted:
            host.groups = ParentGroups(_group(groups, parent, place) for parent in wanted)
        if only is None or only(host_view(host)):
            hosts[name] = host
    return Inventory(hosts=hosts, groups=groups, defaults=defaults)


def _read(file: Path) -> dict[str, Any]:
    import yaml

    from nornflow.devices.quick_yaml import read_yaml

    if not file.is_file():
        return {}
    try:
        table = read_yaml(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise InventoryError(f"{place}: {getattr(error, 'problem', error)}", hint="mend the YAML") from None
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise InventoryError(f"{file}: a mapping of names is expected, found {type(table).__name__}")
    return table


def _element(raw: Any, place: str) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise InventoryError(f"{place}: a mapping is expected, found {type(raw).__name__}")
    _check_keys(raw, _ELEMENT_KEYS, place)
    return raw


def _check_keys(table: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    unknown = table.keys() - known
    if unknown:
        raise InventoryError(
            f"{place}: unknown key {sorted(map(str, unknown))[0]!r}",
            hint=f"keys are {', '.join(sorted(known))}; values of your own belong under `data`",
        )


def _base(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: table.get(key) for key in ("hostname", "port", "username", "password", "platform")}


def _options(table: Mapping[str, Any], place: str) -> dict[str, Any]:
    raw = table.get("connection_options")
    if not raw:
        return {}
    from nornir.core.inventory import ConnectionOptions

    for name, options in raw.items():
        _check_keys(options, _OPTION_KEYS, f"{place}: connection_options.{name}")
    return {name: ConnectionOptions(**_base(options), extras=options.get("extras")) for name, options in raw.items()}


def _arguments(element: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {**_base(element), "data": element.get("data"), "connection_options": _options(element, place)}


def _group(groups: Mapping[str, Any], name: str, place: str) -> Any:
    if name not in groups:
        raise InventoryError(f"{place}: there is no group {name!r}", hint=f"groups are: {', '.join(groups) or 'none'}")
    return groups[name]


def host_view(host: Host) -> HostView:
    """Return a Nornir host as the rest of NornFlow sees it; credentials are not part of it."""
    return HostView(
        name=host.name,
        hostname=host.hostname or "",
        platform=host.platform or "",
        groups=tuple(group.name for group in host.extended_groups()) if host.groups else (),
        data=host.extended_data(),
    )
