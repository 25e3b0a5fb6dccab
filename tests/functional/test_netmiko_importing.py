"""netmiko is imported without what hardly any login needs, and that is there when one does."""

from __future__ import annotations

import subprocess
import sys

STORY = """
import sys
from nornflow_netmiko.guard import NetmikoGuard

NetmikoGuard().load()
print(sorted({"netmiko", "paramiko", "invoke", "invoke.collection", "unittest.mock"} & sys.modules.keys()))
from paramiko import SSHConfig
config = SSHConfig.from_text('Match exec "test -d /"\\n  User ada\\nMatch exec "test -f /"\\n  User nobody\\n')
print(config.lookup("r1")["user"])
import invoke
print(invoke.run.__module__, "unittest.mock" in sys.modules)
"""


def test_invoke_is_imported_when_an_ssh_config_runs_a_command() -> None:
    told = subprocess.run([sys.executable, "-c", STORY], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stderr, told.stdout.splitlines()) == ("", ["['netmiko', 'paramiko']", "ada", "invoke True"])


def test_who_has_imported_paramiko_keeps_what_it_has() -> None:
    story = "import paramiko, invoke; from nornflow_netmiko.importing import import_netmiko; import_netmiko();" + (
        "import paramiko.config; print(paramiko.config.invoke is invoke)"
    )
    told = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stderr, told.stdout) == ("", "True\n")
