"""The eAPI endpoint of a simulated EOS device: JSON-RPC over HTTP with basic authentication."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import socket
from collections.abc import Mapping
from typing import Any

from nornflow.testing.eos.device import Switch
from nornflow.testing.eos.shell import CommandFailed, Shell
from nornflow.testing.listener import Listener
from nornflow.testing.routers.faults import Fault
from nornflow.testing.simulation import Credentials
from nornflow.testing.timing import Timing

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
_LARGEST = 16 * 1024 * 1024


class EapiListener(Listener):
    """Serves one device over eAPI."""

    def __init__(self, switch: Switch, credentials: Credentials, timing: Timing) -> None:
        super().__init__()
        self._switch, self._credentials, self._timing = switch, credentials, timing
        self._writers: set[asyncio.StreamWriter] = set()
        self._requests = 0

    def faults(self) -> Mapping[str, Fault]:
        """Return the device's faults at this moment."""
        return self._switch.faults

    def connected(self) -> None:
        """Count a connection."""
        self._switch.counters.connections += 1

    async def serve(self, accepted: socket.socket) -> None:
        """Answer one client's requests until it leaves."""
        reader, writer = await asyncio.open_connection(sock=accepted)
        self._writers.add(writer)
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the client left, or was cut
        finally:
            self._writers.discard(writer)
            writer.close()

    def cut(self) -> None:
        """Cut the HTTP connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read and answer one request; tell whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _LARGEST:
            self._reply(writer, 400, b"")
            return False
        body = await reader.readexactly(int(length))
        if method != "POST" or path != "/command-api":
            self._reply(writer, 404, b"")
        elif not self._let_in(headers.get("authorization", "")):
            self._reply(writer, 401, b"Unable to authenticate user: Bad username/password combination\n")
        else:
            await self._run(reader, writer, body)
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    def _let_in(self, authorization: str) -> bool:
        counters, faults = self._switch.counters, self._switch.faults
        self._requests += 1
        flap = faults.get("flap")
        try:
            login = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        except (binascii.Error, UnicodeDecodeError):
            login = ""
        right = login == f"{self._credentials.username}:{self._credentials.password}"
        if not right or "auth" in faults or (flap is not None and self._requests <= (flap.after or 1)):
            counters.refused_logins += 1
            return False
        counters.logins += 1
        return True

    @staticmethod
    def _reply(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        kind = "application/json" if status == 200 else "text/plain"
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        if status == 401:
            lines.append('WWW-Authenticate: Basic realm="COMMAND_API_AUTH"')
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        try:
            request = json.loads(body)
            params = request["params"]
            commands = [{"cmd": item} if isinstance(item, str) else dict(item) for item in params["cmds"]]
        except (ValueError, KeyError, TypeError):
            self._reply(writer, 400, b"")
            return
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request.get("id")}
        answer |= await self._commands(writer, commands, params.get("format", "json") == "text")
        if reader.at_eof():  # the client has gone away
            self._switch.unheard.append("; ".join(str(item.get("cmd", "")) for item in commands))
        self._reply(writer, 200, json.dumps(answer).encode())

    async def _commands(
        self, writer: asyncio.StreamWriter, commands: list[dict[str, Any]], text: bool
    ) -> dict[str, Any]:
        results: list[dict[str, Any]] = []
        shell = Shell(self._switch)
        for number, item in enumerate(commands, 1):
            command = str(item.get("cmd", ""))
            await self._meet_faults(writer, command, number)
            try:
                with self._switch.lock:
                    results.append(shell.run(command, text, str(item.get("input", ""))))
            except CommandFailed as failure:
                reason = "invalid command" if failure.code == 1002 else "unconverted command"
                message = f"CLI command {number} of {len(commands)} '{command}' failed: {reason}"
                data = [*results, {"errors": [failure.detail]}]
                return {"error": {"code": failure.code, "message": message, "data": data}}
        return {"result": results}

    async def _meet_faults(self, writer: asyncio.StreamWriter, command: str, number: int) -> None:
        faults, counters = self._switch.faults, self._switch.counters
        counters.commands += 1
        self._switch.last_command = command
        delay = self._timing.delay(faults.get("slow"), command)
        if delay > 0:
            await asyncio.sleep(delay)
        for kind in ("drop", "hang", "reload"):
            fault = faults.get(kind)
            if fault is None or not fault.strikes(command, number):
                continue
            if kind == "hang":
                counters.hangs += 1
                await asyncio.Event().wait()
            if kind == "reload":
                self._switch.heal("reload")
                self._switch.reload()
            else:
                counters.drops += 1
            writer.transport.abort()
            raise ConnectionAbortedError(kind)
