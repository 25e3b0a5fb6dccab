"""HTTP requests of steps: to listed domains only, redirects held against them again, answers of bounded size."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nornflow.abc import Cancellation
from nornflow.errors import PolicyDenied, ResourceExhausted, StepCancelled, StepError, StepTimeout
from nornflow.model.sandbox import HttpResult

if TYPE_CHECKING:
    import httpx2

_MOST_BODY = 10 * 1024 * 1024
_MOST_REDIRECTS = 5
_HOST = re.compile(r"[\w.:-]+")
_METADATA = frozenset(  # services that tell a cloud machine its credentials, at addresses that are not link-local
    map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.0.170"))
)
_HINT = "add the domain to a profile's `domains:` (docs/reference/profiles.md), or call another address"


def matches(host: str, domain: str) -> bool:
    """Tell whether a host is covered by an entry: exact, `*.example.com` for everything below, `*` for any."""
    host, domain = host.lower().rstrip("."), domain.lower().rstrip(".")
    return domain == "*" or host == domain or (domain.startswith("*.") and host.endswith(domain[1:]))


def check_url(url: str, domains: tuple[str, ...] | None, profile: str) -> None:
    """Raise PolicyDenied unless the URL is http(s), without credentials, and its host is allowed.

    Where any domain is allowed, loopback and link-local addresses (metadata services) still have to be listed by name.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise PolicyDenied(f"{shown(url)} is not a URL: {error}", hint="write https://host/path") from error
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise PolicyDenied(f"{shown(url)} holds blanks or control characters", hint="encode them: %20 is a blank")
    if parts.scheme not in ("http", "https") or not host:
        raise PolicyDenied(f"{shown(url)} is not an http or https URL", hint="write https://host/path")
    if not _HOST.fullmatch(host):
        raise PolicyDenied(f"{shown(url)} has no plain host name", hint="write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise PolicyDenied(f"{shown(url)} carries credentials", hint="send them in `headers:`")
    allowed = ("*",) if domains is None else domains
    if any(entry != "*" and matches(host, entry) for entry in allowed):
        return
    if "*" not in allowed:
        listed = ", ".join(allowed) or "none"
        raise PolicyDenied(f"profile {profile!r} does not allow requests to {host} (allowed: {listed})", hint=_HINT)
    if _is_local(host):
        raise PolicyDenied(f"{host} is a loopback or link-local address, which must be listed by name", hint=_HINT)


def shown(url: str) -> str:
    """Return the URL as it may stand in a message: without credentials, query and fragment."""
    bare = url.partition("?")[0].partition("#")[0]
    scheme, separator, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    return repr(f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"[:200])


def _is_local(host: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False  # a name that is not known cannot be called either
    for text in found:
        address: Any = ipaddress.ip_address(str(text).partition("%")[0])
        for each in (address, *_inside(address)):
            if each.is_loopback or each.is_link_local or each.is_unspecified or each in _METADATA:
                return True
    return False


def _inside(address: Any) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address may lead to: mapped, compatible, NAT64 and 6to4."""
    if address.version == 4:
        return []
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    embeds = int(address) >> 32 in (0, 0xFFFF, 0xFFFF0000, 0x0064FF9B << 64)
    return [last] * embeds + [found for found in (address.sixtofour,) if found is not None]


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: str | None,
    timeout: float,
    check: Callable[[str], None],
    cancellation: Cancellation | None = None,
    clock: Callable[[], float] = time.monotonic,
    verify: bool = True,
) -> HttpResult:
    """Send a request, follow up to five checked redirects and return the answer; `timeout` is for all of it, in seconds."""
    import httpx2

    check(url)
    deadline = clock() + timeout
    # trust_env=False: no proxy and no credentials from the surroundings (netrc) come into play
    with httpx2.Client(trust_env=False, verify=verify, timeout=timeout, follow_redirects=False) as client:
        release = cancellation.on_abort(client.close) if cancellation else lambda: None
        try:
            request = client.build_request(method, url, headers=dict(headers), content=body)
            for _ in range(_MOST_REDIRECTS + 1):
                response = client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        return _answer(response, deadline, clock)
                    request = response.next_request
                finally:
                    response.close()
                check(str(request.url))
            raise StepError(f"{shown(url)} redirects more than {_MOST_REDIRECTS} times", hint="call the last address")
        except httpx2.TimeoutException as error:
            raise StepTimeout(f"{shown(url)} did not answer within {timeout:g} s", hint="raise `timeout:`") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, RuntimeError, ValueError) as error:
            if cancellation is not None and cancellation.aborted:
                raise StepCancelled(f"the request to {shown(url)} was cancelled") from error
            if isinstance(error, RuntimeError) and not isinstance(error, httpx2.StreamError):
                raise
            raise StepError(
                f"{shown(url)}: {type(error).__name__}: {error}", hint="check address and network"
            ) from error
        finally:
            release()


def _answer(response: httpx2.Response, deadline: float, clock: Callable[[], float]) -> HttpResult:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _MOST_BODY:
            raise ResourceExhausted(
                f"the answer is larger than {_MOST_BODY // 1048576} MiB", hint="ask for less at a time"
            )
        if clock() > deadline:
            raise StepTimeout("the answer did not end in time", hint="raise `timeout:`")
    text = bytes(body).decode(response.encoding or "utf-8", "replace")
    return HttpResult(response.status_code, {name.lower(): value for name, value in response.headers.items()}, text)
