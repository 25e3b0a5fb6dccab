"""The floor: one asyncssh loop that logs in and runs `show version`, and nothing else; `bare_command.py INVENTORY SESSIONS`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import asyncssh
import yaml


async def ask(host: dict[str, Any], turn: asyncio.Semaphore) -> str:
    """Return what a router shows, read from prompt to prompt in one shell."""
    async with (
        turn,
        asyncssh.connect(
            host["hostname"],
            host["port"],
            username=host["username"],
            password=host["password"],
            known_hosts=None,
            client_keys=None,
            config=None,
        ) as session,
        session.create_process(term_type="vt100") as shell,
    ):
        await shell.stdout.readuntil("#")
        for command in ("terminal length 0", "show version"):
            shell.stdin.write(f"{command}\n")
            answer = await shell.stdout.readuntil("#")
        return str(answer)


async def main(inventory: str, sessions: str) -> int:
    """Return 0 when every router answered."""
    hosts = yaml.load(Path(inventory, "hosts.yaml").read_text("utf-8"), yaml.CSafeLoader)
    turn = asyncio.Semaphore(int(sessions))
    answers = await asyncio.gather(*(ask(host, turn) for host in hosts.values()))
    print(sum("Cisco IOS" in answer for answer in answers), "answered")
    return int(len(answers) != len(hosts))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
