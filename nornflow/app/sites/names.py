"""What a site may be called: its name is typed on a command line, and is part of the names of queues and jobs."""

from __future__ import annotations

import re

from nornflow.errors import UsageError
from nornflow.model.device import HostView
from nornflow.model.submission import RUNS

_SITE = re.compile(r"[^\s@/]{1,100}")
RULE = f"up to 100 characters without spaces, @ and /, and not {RUNS!r}"
"""What a name has to be, in words."""


def is_site(name: str) -> bool:
    """Tell whether a worker can be started for a site of this name."""
    return bool(_SITE.fullmatch(name)) and name.isprintable() and name != RUNS


def site_of(host: HostView, key: str) -> str:
    """Return the site that the inventory gives a device, empty without one; UsageError for one that no worker could have."""
    value = host.data.get(key)
    if value is None or value == "":
        return ""
    name = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not is_site(name):
        raise UsageError(
            f"{host.name}: {value!r} in the inventory's `{key}` is no name of a site ({RULE})",
            hint="correct it there, or have another key name the sites (sites.key in the settings)",
        )
    return name
