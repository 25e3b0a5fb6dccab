"""Namespaces of their own for a scratch router: network, files, processes and host name; all gone when they are left."""

from __future__ import annotations

import subprocess
from contextlib import suppress

from nornflow import DeviceError

FRR = "/usr/lib/frr"
CONFIG, SOCKETS = "/etc/frr", "/var/run/frr"
_SCRATCH = (CONFIG, SOCKETS, "/tmp", "/var/tmp", "/var/log")
"""Folders that are empty and writable in there; everything else can only be read."""

# The first process of the world waits for the end of its input, which comes however this process ends, kill -9 too;
# with it the kernel ends every other process in there, and so goes the rest.
_BEGIN = f"""
set -e
while read -r _ place kind _; do
  case $kind in
    proc|sysfs|dev*|cgroup*|mqueue) ;;
    *) mount -o remount,bind,ro "$place" || true ;;
  esac
done < /proc/self/mounts
for folder in {" ".join(_SCRATCH)}; do mount -t tmpfs -o mode=0755,size=64m none "$folder"; done
ip link set lo up
echo ready
exec cat > /dev/null
"""
_SECONDS = 20.0
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
"""What processes in there know of the world outside: not the secrets in the planner's own environment."""


class World:
    """A set of namespaces; `run` does something inside. Leave it with `close`. Everything raises DeviceError."""

    def __init__(self) -> None:
        words = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "sh", "-c", _BEGIN]
        try:
            self._first = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=ENVIRONMENT,
            )
        except OSError as error:
            raise DeviceError(
                f"no namespaces for a twin: {error}", hint="it needs Linux, util-linux and root"
            ) from error
        assert self._first.stdout is not None
        if self._first.stdout.readline().strip() != "ready":
            assert self._first.stderr is not None
            said = self._first.stderr.read().strip()
            self.close()
            raise DeviceError(f"no namespaces for a twin: {said}", hint="it needs CAP_SYS_ADMIN and CAP_NET_ADMIN")

    def entering(self, *command: str, user: str = "") -> list[str]:
        """Return the words that do a command inside; as another user it can gain nothing and holds no capability."""
        pid = self._first.pid
        words = ["nsenter", "-t", str(pid), "--net", "--mount", "--uts", "--ipc"]
        words += [f"--pid=/proc/{pid}/ns/pid_for_children", "--"]
        if user:
            words += ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--no-new-privs"]
            words += ["--bounding-set=-all", "--inh-caps=-all", "--"]
        return [*words, *command]

    def run(self, *command: str, given: str = "", user: str = "") -> str:
        """Do a command inside and return its output."""
        words = self.entering(*command, user=user)
        try:
            done = subprocess.run(
                words, input=given, text=True, capture_output=True, timeout=_SECONDS, check=False, env=ENVIRONMENT
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeviceError(f"the twin did not do `{command[0]}`: {error}") from error
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[-300:]
            raise DeviceError(f"the twin's `{command[0]}` failed ({done.returncode}): {said}")
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file in there that FRR may read and nobody else."""
        script = 'umask 027; cat > "$0" && chown frr:frrvty "$0"'
        self.run("sh", "-c", script, path, given=text)

    def close(self) -> None:
        """Leave: every process inside is killed, and the namespaces go with the last one."""
        for stream in (self._first.stdin, self._first.stdout, self._first.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._first.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._first.kill()
            self._first.wait()
