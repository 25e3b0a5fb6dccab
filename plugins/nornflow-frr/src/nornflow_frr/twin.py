"""The twin of FRR routers: a scratch FRR of the same version on the machine that plans."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nornflow import DeviceError, Twin
from nornflow_frr.needs import ALWAYS
from nornflow_frr.scratch import ScratchFrr
from nornflow_frr.world import ENVIRONMENT, FRR

_PROGRAMS = ("unshare", "nsenter", "setpriv", "ip", "hostname", "vtysh")
_VERSION = re.compile(r"version (\S+)")


class FrrTwin(Twin):
    """Stands in for routers of the platform `frr`; needs Linux, root and FRR."""

    name = "frr"
    platforms = frozenset(("frr",))
    at_once = 2

    def obstacle(self) -> str:
        """Return why there can be no scratch FRR on this machine."""
        missing = [name for name in _PROGRAMS if shutil.which(name, path=ENVIRONMENT["PATH"]) is None]
        missing += [name for name in (*ALWAYS, "frr-reload.py") if not (Path(FRR) / name).exists()]
        if missing:
            return f"a twin of FRR needs {', '.join(missing)} here (Debian: frr, frr-pythontools, iproute2, util-linux)"
        if os.geteuid() != 0:
            return "a twin of FRR needs root, for namespaces"
        return ""

    @contextmanager
    def stage(self) -> Iterator[ScratchFrr]:
        """Set up a scratch FRR."""
        scratch = ScratchFrr(_version())
        try:
            yield scratch
        finally:
            scratch.close()


def _version() -> str:
    """Return the version of the FRR of this machine."""
    try:
        done = subprocess.run([f"{FRR}/zebra", "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise DeviceError(f"FRR does not tell its version: {error}", hint="is it installed well?") from error
    found = _VERSION.search(done.stdout)
    if found is None:
        raise DeviceError("FRR does not tell its version", hint="is it installed well?")
    return found[1]
