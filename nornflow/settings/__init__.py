"""The settings of NornFlow: one model, merged from six layers, each value with the place it came from."""

from nornflow.settings.advice import Advice, advise
from nornflow.settings.document import Problem
from nornflow.settings.layers import examine_file, load_settings
from nornflow.settings.model import Credentials, InventoryPlugin, Origin, PluginSettings, Settings

__all__ = [
    "Advice",
    "Credentials",
    "InventoryPlugin",
    "Origin",
    "PluginSettings",
    "Problem",
    "Settings",
    "advise",
    "examine_file",
    "load_settings",
]
