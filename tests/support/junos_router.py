"""A router that speaks enough of Junos over SSH: a candidate that `commit` puts in force, also one that refuses to."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh

from nornflow.testing.loop import LoopThread

USER, PASSWORD = "netops", "simulated"
CONFIG = (
    "set interfaces lo0 unit 0 family inet address 10.255.0.1/32",
    "set system host-name j1",
    "set system ntp server 192.0.2.1",
    "set version 22.4R1.10",
)


class JunosRouter:
    """One router: `running` is in force, `candidate` is being edited (None when nobody does).

    `refuses` are words that no line may hold, `fails_commit` those that no committed configuration may hold; `commits`
    counts what was put in force. Lines that hold what it `ignores` are taken without a word and without effect.
    """

    def __init__(self) -> None:
        self.running = list(CONFIG)
        self.candidate: list[str] | None = None
        self.refuses = ""
        self.fails_commit = ""
        self.ignores = ""
        self.asking = False
        self.commits = 0
        self.sessions = 0
        self.typed: list[str] = []

    @property
    def pending(self) -> bool:
        """Whether something was loaded and neither committed nor discarded."""
        return self.candidate is not None and self.candidate != self.running

    def answer(self, line: str) -> str:
        """Do what a line says and return what the router prints."""
        self.typed.append(line)
        if self.asking:
            self.asking = False
            self.candidate = None if line in ("", "yes") else self.candidate
            return "Exiting configuration mode" if self.candidate is None else ""
        if self.candidate is not None:
            return self._configuring(line)
        if line.startswith("set cli screen-"):
            return f"Screen {line.split()[2].partition('-')[2]} set to {line.split()[3]}"
        if line == "set cli complete-on-space off":
            return "Disabling complete-on-space"
        if line.startswith("show configuration"):
            return "\n".join(self.running)
        if line in ("configure", "configure exclusive"):
            self.candidate = list(self.running)
            return "Entering configuration mode"
        return "" if not line else "unknown command."

    def _configuring(self, line: str) -> str:
        assert self.candidate is not None
        verb, _, rest = line.partition(" ")
        if line == "exit configuration-mode":
            if self.pending:
                self.asking = True
                return "The configuration has been changed but not committed"
            self.candidate = None
            return "Exiting configuration mode"
        if self.refuses and self.refuses in line:
            return "                  ^\nsyntax error."
        if line == "show | compare":
            gone = [f"- {old}" for old in self.running if old not in self.candidate]
            return "\n".join([*gone, *(f"+ {new}" for new in self.candidate if new not in self.running)])
        if line == "commit check":
            return "configuration check succeeds"
        if line == "commit":
            if self.fails_commit and any(self.fails_commit in held for held in self.candidate):
                return "error: commit failed: (statements constraint check failed)"
            self.running = sorted(self.candidate)  # the order is the device's own, whatever was typed first
            self.candidate = list(self.running)
            self.commits += 1
            return "commit complete"
        if self.ignores and self.ignores in line:
            return ""
        if verb == "set" and line not in self.candidate:
            self.candidate.append(line)
        elif verb == "delete":
            self.candidate = [held for held in self.candidate if not f"{held} ".startswith(f"set {rest} ")]
        return ""

    @property
    def prompt(self) -> str:
        """What the router shows when it waits for a line."""
        if self.asking:
            return "Discard uncommitted changes? [yes,no] (yes) "
        return f"{USER}@j1> " if self.candidate is None else f"\n[edit]\n{USER}@j1# "


class JunosServer:
    """Serves a router over SSH on a port of this machine; one session at a time edits, as with `configure exclusive`."""

    def __init__(self, router: JunosRouter) -> None:
        self.router = router
        self._connections: set[Any] = set()
        self._loop = LoopThread("junos")
        self._server: Any = self._loop.run(self._listen())
        self.port: int = self._server.get_port()

    async def _listen(self) -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            server_factory=lambda: _Login(self._connections),
            process_factory=self._serve,
            line_editor=False,
            encoding="utf-8",
        )

    async def _serve(self, process: Any) -> None:
        router, typed = self.router, ""
        router.sessions += 1
        process.stdout.write(router.prompt)
        try:
            while data := await process.stdin.read(4096):
                for letter in data.replace("\r\n", "\n").replace("\r", "\n"):
                    if letter != "\n":
                        typed += letter
                        continue
                    line, typed = typed.strip(), ""
                    if line == "exit" and router.candidate is None:
                        return
                    said = router.answer(line)
                    shown = f"{line}\n{said}\n" if said else f"{line}\n"
                    process.stdout.write((shown + router.prompt).replace("\n", "\r\n"))
        except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged, ConnectionError):
            return
        finally:
            router.candidate, router.asking = None, False  # what an exclusive session did not commit goes with it
            process.exit(0)

    def inventory(self) -> str:
        """Return an inventory file's text with this router in it."""
        return (
            f"j1:\n  hostname: 127.0.0.1\n  port: {self.port}\n  username: {USER}\n"
            f"  password: {PASSWORD}\n  platform: juniper_junos\n"
        )

    def close(self) -> None:
        """Stop serving."""

        async def end() -> None:
            self._server.close()
            await self._server.wait_closed()
            for connection in list(self._connections):
                connection.abort()
                await connection.wait_closed()
            await asyncio.sleep(0)  # one turn of the loop, in which it closes what was aborted

        self._loop.run(end())
        self._loop.stop()


class _Login(asyncssh.SSHServer):
    def __init__(self, connections: set[Any]) -> None:
        self._connections = connections

    def connection_made(self, conn: Any) -> None:
        self._connections.add(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)
