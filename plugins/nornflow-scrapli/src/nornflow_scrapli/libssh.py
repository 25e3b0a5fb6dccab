"""Logging in over libssh2 with what a scrapli driver was told: its transport `ssh2`, without what hangs in it."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from nornflow_scrapli.pipe import LibsshPipe


def open_libssh(transport: Any, connected: socket.socket) -> LibsshPipe:
    """Open a shell as scrapli's transport `ssh2` would; raises its errors and those of ssh2-python.

    One thing is different: a password that was refused is not offered again as the answer to a question
    (`keyboard-interactive`, RFC 4256), unless questions are all that the device takes. Some servers leave libssh2 waiting
    there until its time is over, which would tell a wrong password as a session that hangs.
    """
    from scrapli.exceptions import ScrapliAuthenticationFailed
    from ssh2.exceptions import AuthenticationError
    from ssh2.session import Session

    told = transport.plugin_transport_args
    session = Session()
    session.set_timeout(int(transport._base_transport_args.timeout_transport * 1000))
    try:
        session.handshake(connected)
        transport.session = session  # scrapli's own checks look at it there
        if told.auth_strict_key:
            transport._verify_key()
        if told.auth_private_key:
            transport._authenticate_public_key()
        if not session.userauth_authenticated() and told.auth_password:
            offered = session.userauth_list(told.auth_username) or []
            asked = "password" not in offered and "keyboard-interactive" in offered
            log_in = session.userauth_keyboardinteractive if asked else session.userauth_password
            with suppress(AuthenticationError):
                log_in(told.auth_username, told.auth_password)
        if not session.userauth_authenticated():
            raise ScrapliAuthenticationFailed("the device took neither key nor password")
        channel = session.open_session()
        channel.pty()
        channel.shell()
        return LibsshPipe(session, channel, connected)
    except BaseException:
        # the error keeps this frame alive: freed later, libssh2 would write over a number that is another session's by then
        session = channel = None
        raise
    finally:
        transport.session = None
