"""What NAPALM's drivers raise under the guard, while logging in and afterwards, as NornFlow's errors."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nornflow import (
    AuthenticationFailed,
    ConnectionLost,
    DeviceError,
    LineRejected,
    NornFlowError,
    Target,
    UnexpectedPrompt,
    Unreachable,
)
from nornflow_napalm.failures import first_of

_REFUSED = re.compile(r"CLI command \d+ of \d+ '(?P<line>.*?)' failed: (?P<marker>.*)", re.DOTALL)


@contextmanager
def login_errors(target: Target) -> Iterator[None]:
    """Turn what goes wrong while logging in into NornFlow's errors, each with host, address and a hint."""
    from napalm.base.exceptions import ConnectAuthError, ConnectionException, ModuleImportError, NapalmException
    from netmiko.exceptions import NetmikoAuthenticationException, NetmikoTimeoutException, ReadTimeout
    from paramiko.ssh_exception import SSHException
    from pyeapi.eapilib import ConnectionError as ApiError

    where = f"{target.host} ({target.hostname}:{target.port or 'default port'})"
    credentials = "check username and password of the device in the inventory"
    address = "check hostname and port in the inventory, and whether the device listens there"
    try:
        yield
    except NornFlowError:
        raise
    except ModuleImportError as error:
        raise DeviceError(
            f"{target.host}: NAPALM has no driver for the platform {target.platform!r}", hint="check `platform`"
        ) from error
    except (NetmikoAuthenticationException, ConnectAuthError) as error:
        raise AuthenticationFailed(f"{where} refused the login of {target.username!r}", hint=credentials) from error
    except (ReadTimeout, ValueError) as error:
        raise UnexpectedPrompt(
            f"{where}: no exec prompt after the login: {_gist(error)}", hint="check the platform in the inventory"
        ) from error
    except (ConnectionException, ApiError) as error:
        if re.search(r"\b401\b|unauthori[sz]ed|authenticat", str(error), re.IGNORECASE):
            raise AuthenticationFailed(f"{where} refused the login of {target.username!r}", hint=credentials) from error
        raise Unreachable(f"{where}: {_gist(error)}", hint=address) from error
    except (NetmikoTimeoutException, ConnectionRefusedError, TimeoutError, socket.gaierror) as error:
        raise Unreachable(f"{where}: {_gist(error)}", hint=address) from error
    except (SSHException, OSError, EOFError) as error:
        raise ConnectionLost(f"{where}: the session was dropped: {_gist(error)}", hint="try again") from error
    except NapalmException as error:
        raise DeviceError(f"{where}: {_gist(error)}", hint="see NAPALM's documentation of the driver") from error


@contextmanager
def driver_errors(driver: Any) -> Iterator[None]:
    """Turn the errors of a driver's own commands into NornFlow's."""
    from napalm.base.exceptions import MergeConfigException, NapalmException, ReplaceConfigException
    from pyeapi.eapilib import CommandError
    from pyeapi.eapilib import ConnectionError as ApiError

    name = driver.hostname
    try:
        yield
    except (MergeConfigException, ReplaceConfigException, CommandError) as error:
        said = str(first_of(error))
        found = _REFUSED.search(said)
        line = found["line"] if found else ""
        marker = " ".join((found["marker"] if found else said).split())
        raise LineRejected(
            f"{name} refused the line {line!r}: {marker}" if line else f"{name} refused the configuration: {marker}",
            line=line,
            marker=marker,
            hint="nothing of the candidate was made the configuration; correct the line",
        ) from error
    except (ApiError, OSError) as error:
        raise ConnectionLost(
            f"{name}: the session ended: {_gist(error)}", hint="see whether the change cut the management access"
        ) from error
    except NapalmException as error:
        raise DeviceError(f"{name}: {_gist(error)}", hint="see NAPALM's documentation of the driver") from error


def _gist(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
