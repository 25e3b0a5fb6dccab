"""The terminal of a session: echo, line editing and paging over the bytes that come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

HELP = "?"
_MORE = " --More-- "
_WIPE = "\r" + " " * len(_MORE) + "\r"


class Terminal:
    """Assembles typed characters into lines, echoes them as they come, and shows long output page by page.

    `write` takes text for the client. Lines come out of `typed` one by one, so that nothing is echoed while a command
    still runs, exactly as on a device (clients wait for the echo before they go on).
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._pending = ""
        self._line = ""
        self._rest: list[str] = []
        self._after_rest = ""
        self._echoed: list[str] = []
        self.echo = True
        self.hidden = False
        self.help_key = True

    @property
    def paging(self) -> bool:
        """Whether a page stands and waits for a key."""
        return bool(self._rest)

    def feed(self, data: str) -> None:
        """Take what the client sent."""
        self._pending += data.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")

    def typed(self) -> Iterator[str]:
        """Yield the next events: whole lines, ctrl-C and ctrl-Z as they are, HELP for `?`. Stop taking them while busy."""
        while self._pending:
            char, self._pending = self._pending[0], self._pending[1:]
            if char == "\n":
                line, self._line = self._line, ""
                self._echo("\r\n")
                self._flush()
                yield line
            elif char in "\x03\x1a":
                self._line = ""
                self._echo(f"^{chr(ord(char) + 64)}\r\n")
                self._flush()
                yield char
            elif char == HELP and self.help_key:
                self._echo("?\r\n")
                self._flush()
                yield char
            else:
                self._edit(char)
        self._flush()

    @property
    def unfinished(self) -> str:
        """What is typed of the line that has not ended."""
        return self._line

    def _edit(self, char: str) -> None:
        if char in "\x7f\x08":
            self._echo("\x08 \x08" if self._line else "")
            self._line = self._line[:-1]
        elif char in "\x15\x18":
            self._echo("\x08 \x08" * len(self._line))
            self._line = ""
        elif char >= " " or char == "\t":
            self._line += char
            self._echo("" if self.hidden else char)

    def _flush(self) -> None:
        if self._echoed:
            self._write("".join(self._echoed))
            self._echoed.clear()

    def _echo(self, text: str) -> None:
        if self.echo and text:
            self._echoed.append(text)

    def show(self, text: str, then: str, page_length: int) -> None:
        """Write output and then the prompt; output longer than a page waits for a key (0 turns paging off)."""
        lines = text.split("\n")
        if page_length and len(lines) > page_length:
            head, self._rest = lines[: page_length - 1], lines[page_length - 1 :]
            self._after_rest = then
            self._write("\r\n".join(head) + "\r\n" + _MORE)
            return
        self._write(text.replace("\n", "\r\n") + then)

    def turn_page(self, page_length: int) -> None:
        """Take the key that answers a waiting page: space for a page, return for a line, anything else to stop."""
        while self._pending and self._rest:
            key, self._pending = self._pending[0], self._pending[1:]
            self._write(_WIPE)
            step = {" ": page_length - 1, "\n": 1}.get(key, 0)
            lines, self._rest = self._rest[:step], self._rest[step:]
            if step == 0:
                self._rest = []
            if self._rest:
                self._write("\r\n".join(lines) + "\r\n" + _MORE)
            else:
                self._write("\r\n".join(lines) + self._after_rest)
